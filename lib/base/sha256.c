/* sha256: one-shot digests by OpenSSL. */
#include "base/sha256.h"
#include "base/err.h"
#include <openssl/evp.h>

static unsigned int digest_of(const EVP_MD *kind, struct slice bytes, unsigned char *digest)
{
    unsigned int len = 0;
    invariant(EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, digest, &len, kind, NULL) == 1,
              "OpenSSL cannot compute a digest");
    return len;
}

static void write_hex(const unsigned char *digest, unsigned int len, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned int i = 0; i < len; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * len] = '\0';
}

static void digest_hex(const EVP_MD *kind, struct slice bytes, char *hex)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const unsigned int len = digest_of(kind, bytes, digest);
    write_hex(digest, len, hex);
}

void sha256_bytes(struct slice bytes, uint8_t digest[SHA256_BYTES])
{
    (void)digest_of(EVP_sha256(), bytes, digest); /* of that length, always */
}

void sha256_show(const uint8_t digest[SHA256_BYTES], char hex[SHA256_HEX_LEN + 1])
{
    write_hex(digest, SHA256_BYTES, hex);
}

void sha256_hex(struct slice bytes, char hex[SHA256_HEX_LEN + 1])
{
    digest_hex(EVP_sha256(), bytes, hex);
}

void sha1_hex(struct slice bytes, char hex[41]) { digest_hex(EVP_sha1(), bytes, hex); }
