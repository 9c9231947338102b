#include "store/copy.h"
#include "base/utf8.h"
#include "base/uuid7.h"
#include <endian.h>
#include <string.h>

/* Postgres counts from 2000-01-01. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

static void put_2(struct buf *out, uint16_t value)
{
    value = htobe16(value);
    buf_append(out, &value, sizeof value);
}

static void put_4(struct buf *out, uint32_t value)
{
    value = htobe32(value);
    buf_append(out, &value, sizeof value);
}

void copy_begin(struct buf *out)
{
    static const char signature[] = "PGCOPY\n\377\r\n"; /* with its NUL: 11 bytes */
    buf_append(out, signature, sizeof signature);
    put_4(out, 0); /* flags */
    put_4(out, 0); /* header extension */
}

void copy_row(struct buf *out, int16_t columns) { put_2(out, (uint16_t)columns); }

void copy_end(struct buf *out) { put_2(out, UINT16_MAX); }

void copy_null(struct buf *out) { put_4(out, UINT32_MAX); }

void copy_bool(struct buf *out, bool value)
{
    const char bytes[] = {0, 0, 0, 1, value};
    buf_append(out, bytes, sizeof bytes);
}

void copy_int4(struct buf *out, int32_t value)
{
    const uint32_t words[] = {htobe32(4), htobe32((uint32_t)value)};
    buf_append(out, words, sizeof words);
}

void copy_int8(struct buf *out, int64_t value)
{
    const uint64_t bits = (uint64_t)value;
    const uint32_t words[] = {htobe32(8), htobe32((uint32_t)(bits >> 32)), htobe32((uint32_t)bits)};
    buf_append(out, words, sizeof words);
}

void copy_time(struct buf *out, int64_t wall_us)
{
    if (wall_us == 0)
        copy_null(out);
    else
        copy_int8(out, wall_us - POSTGRES_EPOCH_US);
}

/* How many bytes from `at` on are ASCII other than NUL, in whole words. */
static size_t plain_bytes(struct slice text, size_t at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    const size_t first = at;
    for (; text.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.ptr + at, sizeof word);
        /* A byte of 0 borrows into its top bit. */
        if (((word - ones) | word) & tops)
            break;
    }
    return at - first;
}

/* Appends text piece by piece; the length is the same with or without replacements. */
static void put_text(struct buf *out, struct slice text)
{
    size_t good = 0; /* begin of what is not yet written */
    for (size_t i = plain_bytes(text, 0); i < text.len;) {
        size_t step = text.ptr[i] == '\0' ? 0 : utf8_sequence(text.ptr + i, text.len - i);
        if (step > 0) {
            i += step;
            i += plain_bytes(text, i);
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
    put_4(out, (uint32_t)text.len);
    put_text(out, text);
}

void copy_uuid(struct buf *out, struct slice text)
{
    struct uuid uuid;
    if (!uuid_parse(text, &uuid)) {
        copy_null(out);
        return;
    }
    put_4(out, sizeof uuid.bytes);
    buf_append(out, uuid.bytes, sizeof uuid.bytes);
}

/* --- arrays --- */

void copy_array(struct buf *out, uint32_t type, uint32_t count)
{
    put_4(out, 1); /* dimensions */
    put_4(out, 0); /* without NULLs */
    put_4(out, type);
    put_4(out, count);
    put_4(out, 1); /* the first index */
}

void copy_bytes(struct buf *out, const void *bytes, uint32_t len)
{
    put_4(out, len);
    buf_append(out, bytes, len);
}

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

void array_add_digest(struct buf *out, const uint8_t digest[SHA256_BYTES])
{
    char hex[SHA256_HEX_LEN + 1];
    sha256_show(digest, hex);
    array_separate(out);
    buf_str(out, "\"\\\\x"); /* the backslash of \\x twice, as in any element */
    buf_str(out, hex);
    buf_char(out, '"');
}

void array_add_int(struct buf *out, int64_t value)
{
    array_separate(out);
    buf_int(out, value);
}

void array_end(struct buf *out) { buf_char(out, '}'); }
