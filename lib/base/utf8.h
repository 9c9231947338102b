/* utf8: strict UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF). */
#ifndef TROUPE_BASE_UTF8_H
#define TROUPE_BASE_UTF8_H

#include "base/slice.h"
#include <stddef.h>
#include <stdint.h>

/* Bytes of the valid sequence that starts at ptr (1 to 4), 0 when there is none. left is at least
 * 1. */
static inline size_t utf8_sequence(const char *ptr, size_t left)
{
    const unsigned char *s = (const unsigned char *)ptr;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4 || left < 2)
        return 0;
    if (s[0] < 0xE0)
        return (s[1] & 0xC0) == 0x80 ? 2 : 0;
    /* Only the second byte has a narrower range: against overlong forms (E0, F0), surrogates (ED)
     * and what is above U+10FFFF (F4). */
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high || left < 3 || (s[2] & 0xC0) != 0x80)
        return 0;
    if (s[0] < 0xF0)
        return 3;
    return left >= 4 && (s[3] & 0xC0) == 0x80 ? 4 : 0;
}

/* The first `most` bytes at most, without cutting a sequence. */
static inline struct slice utf8_cut(struct slice text, size_t most)
{
    if (text.len <= most)
        return text;
    while (most > 0 && ((unsigned char)text.ptr[most] & 0xC0) == 0x80)
        most--;
    return slice_of(text.ptr, most);
}

/* Writes a code point (a valid one) as 1 to 4 bytes; returns how many. */
static inline size_t utf8_encode(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

#endif
