#include "store/copy.h"
#include "base/utf8.h"
#include "base/uuid7.h"
#include <string.h>

/* Postgres counts from 2000-01-01. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

static void put_bytes(struct buf *out, uint64_t value, int bytes)
{
    char encoded[8];
    for (int i = 0; i < bytes; i++)
        encoded[i] = (char)(value >> (8 * (bytes - 1 - i)));
    buf_append(out, encoded, (size_t)bytes);
}

void copy_begin(struct buf *out)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* with its NUL: 11 bytes */
    buf_append(out, signature, sizeof signature);
    put_bytes(out, 0, 4); /* flags */
    put_bytes(out, 0, 4); /* header extension */
}

void copy_row(struct buf *out, int16_t columns) { put_bytes(out, (uint16_t)columns, 2); }

void copy_end(struct buf *out) { put_bytes(out, UINT16_MAX, 2); }

void copy_null(struct buf *out) { put_bytes(out, UINT32_MAX, 4); }

void copy_bool(struct buf *out, bool value)
{
    put_bytes(out, 1, 4);
    put_bytes(out, value, 1);
}

void copy_int4(struct buf *out, int32_t value)
{
    put_bytes(out, 4, 4);
    put_bytes(out, (uint32_t)value, 4);
}

void copy_int8(struct buf *out, int64_t value)
{
    put_bytes(out, 8, 4);
    put_bytes(out, (uint64_t)value, 8);
}

void copy_time(struct buf *out, int64_t wall_us)
{
    if (wall_us == 0)
        copy_null(out);
    else
        copy_int8(out, wall_us - POSTGRES_EPOCH_US);
}

/* Appends text piece by piece; the length is the same with or without replacements. */
static void put_text(struct buf *out, struct slice text)
{
    size_t good = 0; /* begin of what is not yet written */
    for (size_t i = 0; i < text.len;) {
        size_t step = text.ptr[i] == '\0' ? 0 : utf8_sequence(text.ptr + i, text.len - i);
        if (step > 0) {
            i += step;
            continue;
        }
        buf_append(out, text.ptr + good, i - good);
        buf_char(out, '?');
        good = ++i;
    }
    buf_append(out, text.ptr + good, text.len - good);
}

void copy_text(struct buf *out, struct slice text)
{
    if (!text.ptr) {
        copy_null(out);
        return;
    }
    put_bytes(out, text.len, 4);
    put_text(out, text);
}

void copy_uuid(struct buf *out, struct slice text)
{
    struct uuid uuid;
    if (!uuid_parse(text, &uuid)) {
        copy_null(out);
        return;
    }
    put_bytes(out, sizeof uuid.bytes, 4);
    buf_append(out, uuid.bytes, sizeof uuid.bytes);
}

/* --- arrays --- */

void array_begin(struct buf *out) { buf_char(out, '{'); }

static void array_separate(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_char(out, ',');
}

void array_add(struct buf *out, struct slice text)
{
    array_separate(out);
    if (!text.ptr) {
        buf_str(out, "NULL");
        return;
    }
    buf_char(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '"' && text.ptr[i] != '\\')
            continue;
        buf_append(out, text.ptr + plain, i - plain);
        buf_char(out, '\\');
        plain = i;
    }
    buf_append(out, text.ptr + plain, text.len - plain);
    buf_char(out, '"');
}

void array_add_int(struct buf *out, int64_t value)
{
    array_separate(out);
    buf_int(out, value);
}

void array_end(struct buf *out) { buf_char(out, '}'); }
