#include "cel/utf8.h"

size_t cel_utf8_valid_prefix(struct slice text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t length = utf8_sequence(text.ptr + at, text.len - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

size_t cel_utf8_count(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

struct slice cel_utf8_clip(struct slice text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max > 0 && ((unsigned char)text.ptr[max] & 0xC0) == 0x80)
        max--;
    return slice_of(text.ptr, max);
}
