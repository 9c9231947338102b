/* sha256: content addresses (OpenSSL EVP). */
#ifndef TROUPE_BASE_SHA256_H
#define TROUPE_BASE_SHA256_H

#include "base/slice.h"
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX_LEN 64

void sha256_bytes(struct slice bytes, uint8_t digest[SHA256_BYTES]);
/* Lower-case hex, NUL-terminated. */
void sha256_show(const uint8_t digest[SHA256_BYTES], char hex[SHA256_HEX_LEN + 1]);
void sha256_hex(struct slice bytes, char hex[SHA256_HEX_LEN + 1]);
/* SHA-1 in hex: only to name scripts as Redis does. */
void sha1_hex(struct slice bytes, char hex[41]);

#endif
