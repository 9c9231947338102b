/* sha256: one-shot digests by OpenSSL. */
#include "base/sha256.h"
#include "base/err.h"
#include <openssl/evp.h>

static void digest_hex(const EVP_MD *kind, struct slice bytes, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    invariant(EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, digest, &len, kind, NULL) == 1,
              "OpenSSL cannot compute a digest");
    for (unsigned int i = 0; i < len; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * len] = '\0';
}

void sha256_hex(struct slice bytes, char hex[SHA256_HEX_LEN + 1])
{
    digest_hex(EVP_sha256(), bytes, hex);
}

void sha1_hex(struct slice bytes, char hex[41]) { digest_hex(EVP_sha1(), bytes, hex); }
