/* buf: doubling growth, sticky failure. */
#include "base/buf.h"
#include "base/alloc.h"
#include "base/digits.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 64 };

void buf_init(struct buf *buf, size_t cap_bytes) { *buf = (struct buf){.cap_bytes = cap_bytes}; }

void buf_free(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->cap_bytes);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

/* `needed` bytes and the NUL do not fit. */
static bool grow(struct buf *buf, size_t needed)
{
    size_t size = buf->size < FIRST_SIZE ? FIRST_SIZE : buf->size;
    while (size <= needed)
        size = size > SIZE_MAX / 4 ? needed + 1 : size * 2;
    if (buf->cap_bytes && size > buf->cap_bytes)
        size = buf->cap_bytes + 1; /* needed <= cap was checked */
    char *data = mem_realloc(buf->data, size);
    if (!data) {
        buf->failed = true;
        return false;
    }
    if (!buf->data)
        data[0] = '\0';
    buf->data = data;
    buf->size = size;
    return true;
}

bool buf_grow(struct buf *buf, size_t extra)
{
    if (buf->failed)
        return false;
    if (extra > SIZE_MAX / 4 || (buf->cap_bytes && extra > buf->cap_bytes - buf->len)) {
        buf->failed = true;
        return false;
    }
    return grow(buf, buf->len + extra);
}

static void append_digits(struct buf *buf, uint64_t value, bool negative)
{
    const size_t len = digits_count(value) + negative;
    if (!buf_reserve(buf, len))
        return;
    char *const at = buf->data + buf->len;
    at[0] = '-'; /* or a digit is written over it */
    (void)digits_write(value, at + len);
    at[len] = '\0';
    buf->len += len;
}

void buf_int(struct buf *buf, int64_t value)
{
    /* Negating as unsigned is defined for INT64_MIN too. */
    append_digits(buf, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void buf_uint(struct buf *buf, uint64_t value) { append_digits(buf, value, false); }

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        buf->failed = true;
    else if (buf_reserve(buf, (size_t)len)) {
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}
