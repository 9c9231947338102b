/* write: values as JSON. */
#include "cel/address.h"
#include "cel/base64.h"
#include "cel/calendar.h"
#include "cel/fault.h"
#include "cel/number_text.h"
#include "cel/value.h"
#include <math.h>
#include <stdio.h>

static int refuse(struct cel_error *error, const char *what)
{
    cel_error_set(error, SLICE_NONE, CEL_ERROR_TYPE, 0,
                  "%s cannot be a result: JSON has no such "
                  "value",
                  what);
    return -1;
}

static void write_base64(struct buf *buf, struct slice bytes)
{
    char out[64];
    const size_t most = sizeof(out) / 4 * 3; /* bytes at a time: no padding but at the end */
    buf_char(buf, '"');
    for (size_t i = 0; i < bytes.len && buf_ok(buf); i += most) {
        size_t left = bytes.len - i;
        struct slice piece = slice_of(bytes.ptr + i, left < most ? left : most);
        cel_base64_encode(piece, out);
        buf_append(buf, out, cel_base64_size(piece.len));
    }
    buf_char(buf, '"');
}

static int write_double(struct buf *buf, const struct cel_value *value, struct cel_error *error)
{
    if (value->digits) {
        buf_append(buf, value->digits, strspn(value->digits, "0123456789+-.eE"));
        return 0;
    }
    if (!isfinite(value->real))
        return refuse(error, isnan(value->real) ? "NaN" : "an infinity");
    json_write_double(buf, value->real);
    return 0;
}

/* Keys that are no strings are written as strings; then two of them could meet: {1: a, '1': b}. */
static int write_key(struct buf *buf, const struct cel_value *map, const struct cel_value *key,
                     struct cel_error *error)
{
    if (key->kind == CEL_STRING) {
        json_write_string(buf, key->text);
        return 0;
    }
    char text[CEL_NUMBER_TEXT_SIZE];
    int length = key->kind == CEL_BOOL
                     ? snprintf(text, sizeof(text), "%s", key->boolean ? "true" : "false")
                 : key->kind == CEL_INT
                     ? snprintf(text, sizeof(text), "%lld", (long long)key->integer)
                     : snprintf(text, sizeof(text), "%llu", (unsigned long long)key->uinteger);
    struct cel_value name = cel_string(slice_of(text, (size_t)length));
    struct cel_value found;
    struct cel_meter meter = {INT64_MAX};
    if (cel_map_find(map, &name, &meter, &found))
        return refuse(error, "a map with the keys 1 and '1' (or true and 'true')");
    json_write_string(buf, name.text);
    return 0;
}

static int write_value(struct buf *buf, const struct cel_value *value, struct cel_error *error);

static int write_list(struct buf *buf, const struct cel_value *list, struct cel_error *error)
{
    struct cel_iter iter = cel_iter(list);
    char separator = '[';
    while (buf_ok(buf) && cel_next(&iter)) {
        buf_char(buf, separator);
        if (write_value(buf, &iter.value, error) != 0)
            return -1;
        separator = ',';
    }
    buf_str(buf, separator == '[' ? "[]" : "]");
    return 0;
}

static int write_map(struct buf *buf, const struct cel_value *map, struct cel_error *error)
{
    struct cel_iter iter = cel_iter(map);
    char separator = '{';
    while (buf_ok(buf) && cel_next(&iter)) {
        buf_char(buf, separator);
        if (write_key(buf, map, &iter.key, error) != 0)
            return -1;
        buf_char(buf, ':');
        if (write_value(buf, &iter.value, error) != 0)
            return -1;
        separator = ',';
    }
    buf_str(buf, separator == '{' ? "{}" : "}");
    return 0;
}

static int write_value(struct buf *buf, const struct cel_value *value, struct cel_error *error)
{
    char text[CEL_ADDRESS_TEXT_SIZE];
    _Static_assert(sizeof(text) >= CEL_TIME_TEXT_SIZE, "one buffer for all");
    switch (value->kind) {
    case CEL_NULL:
        buf_str(buf, "null");
        return 0;
    case CEL_BOOL:
        buf_str(buf, value->boolean ? "true" : "false");
        return 0;
    case CEL_INT:
        buf_int(buf, value->integer);
        return 0;
    case CEL_UINT:
        buf_uint(buf, value->uinteger);
        return 0;
    case CEL_DOUBLE:
        return write_double(buf, value, error);
    case CEL_STRING:
        json_write_string(buf, value->text);
        return 0;
    case CEL_BYTES:
        write_base64(buf, value->text);
        return 0;
    case CEL_LIST:
        return write_list(buf, value, error);
    case CEL_MAP:
        return write_map(buf, value, error);
    case CEL_TIMESTAMP:
        json_write_string(buf, slice_of(text, cel_timestamp_write(value, text)));
        return 0;
    case CEL_DURATION:
        json_write_string(buf, slice_of(text, cel_duration_write(value, text)));
        return 0;
    case CEL_IP:
        json_write_string(buf, slice_of(text, cel_address_write(value->address, text)));
        return 0;
    case CEL_CIDR:
        json_write_string(buf, slice_of(text, cel_network_write(value->address, text)));
        return 0;
    case CEL_JSON:
        json_minify(buf, value->json);
        return 0;
    case CEL_TYPE:
        return refuse(error, "a type");
    case CEL_OPTIONAL:
        return refuse(error, "an optional value");
    case CEL_ERROR:
        break;
    }
    return refuse(error, "an absent value");
}

int cel_write_json(struct buf *buf, const struct cel_value *value, struct cel_error *error)
{
    const size_t start = buf->len;
    if (write_value(buf, value, error) != 0)
        return -1;
    if (!buf_ok(buf)) {
        cel_error_set(error, SLICE_NONE, CEL_ERROR_MEMORY, 0,
                      "the result is larger than it may be");
        return -1;
    }
    /* A view brings its own depth along: the text is what knows it. */
    if (json_text_depth(slice_of(buf->data + start, buf->len - start)) <=
        json_default_limits.max_depth)
        return 0;
    cel_error_set(error, SLICE_NONE, CEL_ERROR_MEMORY, 0,
                  "the result is nested deeper than %u levels", json_default_limits.max_depth);
    return -1;
}
