/* buf: a growable byte buffer with a cap.
 *
 * Appending never returns an error: a failure (cap reached, no memory) is sticky in `failed`, later
 * appends do nothing, and the one who finishes the buffer checks buf_ok() once. `data` is always
 * NUL-terminated when it is not NULL. The buf owns `data`.
 */
#ifndef TROUPE_BASE_BUF_H
#define TROUPE_BASE_BUF_H

#include "base/attr.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data;
    size_t len;
    size_t size;      /* bytes allocated */
    size_t cap_bytes; /* the most that len may become; 0: no cap */
    bool failed;      /* sticky */
};

void buf_init(struct buf *buf, size_t cap_bytes);
void buf_free(struct buf *buf);
/* Length 0, not failed; keeps the memory. */
void buf_reset(struct buf *buf);

static inline bool buf_ok(const struct buf *buf) { return !buf->failed; }

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data ? buf->data : "", buf->len);
}

/* The slow half of buf_reserve. */
bool buf_grow(struct buf *buf, size_t extra);

/* Room for `extra` more bytes; false (and failed) when there is none. */
static inline bool buf_reserve(struct buf *buf, size_t extra)
{
    /* What is allocated is within the cap. */
    return (!buf->failed && extra < buf->size - buf->len) || buf_grow(buf, extra);
}

static inline void buf_append(struct buf *buf, const void *bytes, size_t len)
{
    if (!buf_reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

static inline void buf_slice_append(struct buf *buf, struct slice bytes)
{
    buf_append(buf, bytes.ptr, bytes.len);
}

static inline void buf_str(struct buf *buf, const char *str) { buf_append(buf, str, strlen(str)); }

static inline void buf_char(struct buf *buf, char c)
{
    if (!buf_reserve(buf, 1))
        return;
    buf->data[buf->len++] = c;
    buf->data[buf->len] = '\0';
}

void buf_int(struct buf *buf, int64_t value);
void buf_uint(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);

#endif
