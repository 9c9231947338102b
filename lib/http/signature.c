/* signature: HMAC-SHA256 over time and body. */
#include "http/signature.h"
#include "base/err.h"
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

#define HEX_LEN 64

/* In pieces, since a body may be large. */
static void compute(struct slice secret, struct slice body, int64_t timestamp_s,
                    char hex[HEX_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    char stamp[32];
    int stamp_len = snprintf(stamp, sizeof(stamp), "%" PRId64 ".", timestamp_s);
    char name[] = "SHA256";
    unsigned char digest[32];
    size_t len = 0;
    OSSL_PARAM params[] = {{"digest", OSSL_PARAM_UTF8_STRING, name, sizeof(name) - 1, 0},
                           OSSL_PARAM_END};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    bool ok = context &&
              EVP_MAC_init(context, (const unsigned char *)secret.ptr, secret.len, params) == 1 &&
              EVP_MAC_update(context, (const unsigned char *)stamp, (size_t)stamp_len) == 1 &&
              (body.len == 0 ||
               EVP_MAC_update(context, (const unsigned char *)body.ptr, body.len) == 1) &&
              EVP_MAC_final(context, digest, &len, sizeof(digest)) == 1;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    invariant(ok && len == sizeof(digest), "OpenSSL cannot compute an HMAC");
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[HEX_LEN] = '\0';
}

void http_signature_write(struct buf *out, struct slice secret, struct slice body,
                          int64_t timestamp_s)
{
    char hex[HEX_LEN + 1];
    if (secret.len == 0) {
        out->failed = true;
        return;
    }
    compute(secret, body, timestamp_s, hex);
    buf_printf(out, "t=%" PRId64 ",v1=%s", timestamp_s, hex);
}
