/* signature: HMAC-SHA256 over time and body. */
#include "http/signature.h"
#include <inttypes.h>
#include <openssl/crypto.h>
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

static bool read_seconds(struct slice text, int64_t *seconds)
{
    *seconds = 0;
    if (text.len == 0 || text.len > 15)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *seconds = *seconds * 10 + (text.ptr[i] - '0');
    }
    return true;
}

/* The next "name=value" of the header; false at its end. */
static bool next_part(struct slice *rest, struct slice *part)
{
    if (rest->len == 0)
        return false;
    const char *comma = memchr(rest->ptr, ',', rest->len);
    size_t len = comma ? (size_t)(comma - rest->ptr) : rest->len;
    *part = slice_of(rest->ptr, len);
    size_t skip = comma ? len + 1 : len;
    *rest = slice_of(rest->ptr + skip, rest->len - skip);
    while (part->len > 0 && part->ptr[0] == ' ')
        *part = slice_of(part->ptr + 1, part->len - 1);
    return true;
}

int http_signature_verify(struct slice header, struct slice secret, struct slice body,
                          int64_t now_s, int64_t tolerance_s, struct err *err)
{
    struct slice rest = header, part;
    int64_t at = 0;
    int times = 0;
    if (secret.len == 0)
        return err_set(err, ERR_REFUSED, "there is no secret to check a signature with");
    if (header.len > 4096)
        return err_set(err, ERR_REFUSED, "the signature is too long");
    while (next_part(&rest, &part)) {
        if (part.len < 2 || memcmp(part.ptr, "t=", 2) != 0)
            continue;
        times++;
        if (!read_seconds(slice_of(part.ptr + 2, part.len - 2), &at))
            times = 2;
    }
    if (times != 1)
        return err_set(err, ERR_REFUSED, "the signature must have one time, as t=SECONDS");
    char hex[HEX_LEN + 1];
    compute(secret, body, at, hex);
    bool holds = false;
    rest = header;
    while (next_part(&rest, &part))
        if (part.len == 3 + HEX_LEN && memcmp(part.ptr, "v1=", 3) == 0 &&
            CRYPTO_memcmp(part.ptr + 3, hex, HEX_LEN) == 0)
            holds = true;
    if (!holds)
        return err_set(err, ERR_REFUSED, "no signature of the header holds");
    if (at > now_s + tolerance_s || at < now_s - tolerance_s)
        return err_set(err, ERR_REFUSED,
                       "the signature's time is %" PRId64 " s from ours, more than "
                       "%" PRId64 " s",
                       at > now_s ? at - now_s : now_s - at, tolerance_s);
    return 0;
}
