#include "cel/base64.h"
#include <stdint.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cel_base64_encode(struct slice bytes, char *out)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        const unsigned char *at = (const unsigned char *)bytes.ptr + i;
        uint32_t group =
            (uint32_t)at[0] << 16 | (left > 1 ? (uint32_t)at[1] << 8 : 0) | (left > 2 ? at[2] : 0u);
        *out++ = letters[group >> 18];
        *out++ = letters[group >> 12 & 63];
        *out++ = left > 1 ? letters[group >> 6 & 63] : '=';
        *out++ = left > 2 ? letters[group & 63] : '=';
    }
}

/* Takes the padding away; false when it does not fit the length. */
static bool strip_padding(struct slice *text)
{
    size_t padding = 0;
    while (padding < text->len && text->ptr[text->len - 1 - padding] == '=')
        padding++;
    if (padding > 2 || (padding > 0 && text->len % 4 != 0))
        return false;
    text->len -= padding;
    return text->len % 4 != 1;
}

bool cel_base64_decode(struct slice text, char *out, size_t *length)
{
    uint32_t bits = 0;
    unsigned count = 0;
    *length = 0;
    if (!strip_padding(&text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *letter = text.ptr[i] ? strchr(letters, text.ptr[i]) : NULL;
        if (!letter)
            return false;
        bits = bits << 6 | (uint32_t)(letter - letters);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[(*length)++] = (char)(bits >> count & 0xFF);
        }
    }
    return true;
}
