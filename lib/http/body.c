/* body: request bodies from JSON. */
#include "http/body.h"
#include "http/target.h"
#include <stdio.h>
#include <string.h>

static int no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the body of an HTTP request is too large");
}

bool http_body_kind_parse(struct slice name, enum http_body_kind *kind)
{
    static const char *const names[] = {"json", "form", "multipart", "raw"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_str(name, names[i])) {
            *kind = (enum http_body_kind)i;
            return true;
        }
    return false;
}

/* --- pairs --- */

/* The text of a scalar; false for null, lists and objects. ptr NULL: no memory. */
static bool scalar(struct json_ref value, struct arena *arena, struct slice *text)
{
    enum json_type type = json_type(value);
    if (type == JSON_STRING)
        *text = json_string(value, arena);
    else if (type == JSON_NUMBER || type == JSON_BOOL)
        *text = json_text(value);
    else
        return false;
    return true;
}

static int add_pair(struct http_pair *pairs, size_t *count, struct json_iter *it,
                    struct json_ref value, const char *what, struct arena *arena, struct err *err)
{
    struct http_pair *pair = &pairs[*count];
    struct slice key = json_text(it->key);
    if (json_type(value) == JSON_NULL)
        return 0;
    if (!scalar(value, arena, &pair->value))
        return err_set(
            err, ERR_INVALID,
            "%s: member %.*s is %s: strings, numbers and bools can be sent, and lists of "
            "them",
            what, (int)(key.len > 60 ? 60 : key.len), key.ptr, json_type_name(json_type(value)));
    pair->name = json_string(it->key, arena);
    if (!pair->name.ptr || !pair->value.ptr)
        return no_memory(err);
    ++*count;
    return 0;
}

int http_pairs_of(struct json_ref object, const char *what, struct arena *arena,
                  struct http_pair **pairs, size_t *count, struct err *err)
{
    *count = 0;
    if (json_type(object) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "%s must be an object, not %s", what,
                       json_type_name(json_type(object)));
    size_t most = 0;
    struct json_iter it = json_iter(object);
    while (json_next(&it))
        most += json_type(it.value) == JSON_ARRAY ? json_count(it.value) : 1;
    *pairs = arena_array(arena, most + 1, sizeof(**pairs));
    if (!*pairs)
        return no_memory(err);
    it = json_iter(object);
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_ARRAY) {
            if (add_pair(*pairs, count, &it, it.value, what, arena, err))
                return -1;
            continue;
        }
        struct json_iter items = json_iter(it.value);
        while (json_next(&items))
            if (add_pair(*pairs, count, &it, items.value, what, arena, err))
                return -1;
    }
    return 0;
}

static int write_form(struct json_ref value, struct arena *arena, struct buf *body, struct err *err)
{
    struct http_pair *pairs;
    size_t count;
    if (http_pairs_of(value, "a form", arena, &pairs, &count, err))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(body, '&');
        http_percent_encode(body, pairs[i].name, true);
        buf_char(body, '=');
        http_percent_encode(body, pairs[i].value, true);
    }
    return 0;
}

/* --- bytes --- */

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Strict: groups of four, '=' only at the end. */
static bool write_base64(struct buf *out, struct slice text)
{
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        bool last = i + 4 == text.len;
        int pads = last && text.ptr[i + 3] == '=' ? (text.ptr[i + 2] == '=' ? 2 : 1) : 0;
        unsigned bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = (int)k >= 4 - pads ? 0 : base64_digit(text.ptr[i + k]);
            if (digit < 0)
                return false;
            bits = bits << 6 | (unsigned)digit;
        }
        for (int k = 0; k < 3 - pads; k++)
            buf_char(out, (char)(bits >> (16 - 8 * k) & 0xFF));
    }
    return true;
}

/* A string's bytes, or those of {"base64"}. */
static int write_raw(struct json_ref value, struct arena *arena, struct buf *body, bool *is_text,
                     struct err *err)
{
    *is_text = json_type(value) == JSON_STRING;
    struct json_ref encoded =
        json_type(value) == JSON_OBJECT ? json_member(value, SLICE("base64")) : JSON_NONE;
    if (!*is_text && (!json_present(encoded) || json_type(encoded) != JSON_STRING))
        return err_set(err, ERR_INVALID, "a raw body must be a string or {\"base64\": \"…\"}");
    struct slice text = json_string(*is_text ? value : encoded, arena);
    if (!text.ptr)
        return no_memory(err);
    if (*is_text)
        buf_slice_append(body, text);
    else if (!write_base64(body, text))
        return err_set(err, ERR_INVALID, "what stands in \"base64\" is no base64");
    return 0;
}

/* --- multipart --- */

/* RFC 7578 by way of browsers: these three are percent-encoded in names. */
static void write_quoted(struct buf *out, struct slice text)
{
    buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            buf_str(out, "%22");
        else if (c == '\r')
            buf_str(out, "%0D");
        else if (c == '\n')
            buf_str(out, "%0A");
        else
            buf_char(out, c);
    }
    buf_char(out, '"');
}

static int write_file(struct json_ref file, struct slice name, struct arena *arena,
                      struct buf *body, struct err *err)
{
    struct json_ref content = json_member(file, SLICE("content"));
    struct json_ref filename = json_member(file, SLICE("filename"));
    struct json_ref type = json_member(file, SLICE("content_type"));
    struct slice filename_text = SLICE("file"), type_text = SLICE("application/octet-stream");
    if (json_present(filename) && !scalar(filename, arena, &filename_text))
        return err_set(err, ERR_INVALID, "a file's filename must be a string");
    if (json_present(type) && (!scalar(type, arena, &type_text) || !http_is_field_value(type_text)))
        return err_set(err, ERR_INVALID,
                       "a file's content_type must be a string without control characters");
    if (!filename_text.ptr || !type_text.ptr)
        return no_memory(err);
    buf_str(body, "Content-Disposition: form-data; name=");
    write_quoted(body, name);
    buf_str(body, "; filename=");
    write_quoted(body, filename_text);
    buf_str(body, "\r\nContent-Type: ");
    buf_slice_append(body, type_text);
    buf_str(body, "\r\n\r\n");
    bool is_text;
    if (json_present(content) && json_type(content) != JSON_STRING)
        return err_set(err, ERR_INVALID, "a file's content must be a string");
    return write_raw(json_present(content) ? content : file, arena, body, &is_text, err);
}

static int write_part(struct json_ref key, struct json_ref value, struct slice boundary,
                      struct arena *arena, struct buf *body, struct err *err)
{
    struct slice name = json_string(key, arena), text = SLICE_NONE;
    if (json_type(value) == JSON_NULL)
        return 0;
    if (!name.ptr)
        return no_memory(err);
    buf_str(body, "--");
    buf_slice_append(body, boundary);
    buf_str(body, "\r\n");
    if (json_type(value) == JSON_OBJECT) {
        if (write_file(value, name, arena, body, err))
            return err_prefix(err, "multipart: member %.*s",
                              (int)(json_text(key).len > 60 ? 60 : json_text(key).len),
                              json_text(key).ptr);
    } else if (scalar(value, arena, &text) && text.ptr) {
        buf_str(body, "Content-Disposition: form-data; name=");
        write_quoted(body, name);
        buf_str(body, "\r\n\r\n");
        buf_slice_append(body, text);
    } else {
        struct slice raw = json_text(key);
        return err_set(
            err, ERR_INVALID,
            "multipart: member %.*s is %s: strings, numbers, bools and files can be sent",
            (int)(raw.len > 60 ? 60 : raw.len), raw.ptr, json_type_name(json_type(value)));
    }
    buf_str(body, "\r\n");
    return 0;
}

static int write_parts(struct json_ref value, struct slice boundary, struct arena *arena,
                       struct buf *body, struct err *err)
{
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_ARRAY) {
            if (write_part(it.key, it.value, boundary, arena, body, err))
                return -1;
            continue;
        }
        struct json_iter items = json_iter(it.value);
        while (json_next(&items))
            if (write_part(it.key, items.value, boundary, arena, body, err))
                return -1;
    }
    buf_str(body, "--");
    buf_slice_append(body, boundary);
    buf_str(body, "--\r\n");
    return 0;
}

/* The boundary is the hash of the value: it cannot be in there but by intent, and whoever can find a
 * value that holds its own SHA-256 may have his boundary. */
static int write_multipart(struct json_ref value, struct arena *arena, struct buf *body,
                           struct buf *type, struct err *err)
{
    char hex[SHA256_HEX_LEN + 1];
    char boundary[64];
    if (json_type(value) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "multipart must be an object, not %s",
                       json_type_name(json_type(value)));
    sha256_hex(json_text(value), hex);
    (void)snprintf(boundary, sizeof(boundary), "troupe-%.40s", hex);
    struct slice between = slice_str(boundary);
    buf_str(type, "multipart/form-data; boundary=");
    buf_slice_append(type, between);
    return write_parts(value, between, arena, body, err);
}

int http_body_write(enum http_body_kind kind, struct json_ref value, struct arena *arena,
                    struct buf *body, struct buf *type, struct err *err)
{
    int result = 0;
    bool is_text = false;
    switch (kind) {
    case HTTP_BODY_JSON:
        json_minify(body, value);
        buf_str(type, "application/json");
        break;
    case HTTP_BODY_FORM:
        result = write_form(value, arena, body, err);
        buf_str(type, "application/x-www-form-urlencoded");
        break;
    case HTTP_BODY_MULTIPART:
        result = write_multipart(value, arena, body, type, err);
        break;
    case HTTP_BODY_RAW:
        result = write_raw(value, arena, body, &is_text, err);
        buf_str(type, is_text ? "text/plain; charset=utf-8" : "application/octet-stream");
        break;
    }
    if (result == 0 && (!buf_ok(body) || !buf_ok(type)))
        result = no_memory(err);
    return result;
}
