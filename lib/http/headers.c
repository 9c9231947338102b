/* headers: an answer's header lines, joined. */
#include "http/headers.h"
#include "base/json.h"
#include "base/utf8.h"
#include <strings.h>

bool http_name_eq(struct slice a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

bool http_is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.len > 0;
}

bool http_is_field_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

bool http_is_utf8(struct slice bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        size_t len = utf8_sequence(bytes.ptr + at, bytes.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

void http_write_latin1(struct buf *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char point[4];
        buf_append(out, point, utf8_encode((unsigned char)bytes.ptr[i], point));
    }
}

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static struct slice copy_value(struct arena *arena, struct slice value)
{
    if (http_is_utf8(value))
        return arena_copy(arena, value);
    struct buf buf;
    buf_init(&buf, 0);
    http_write_latin1(&buf, value);
    struct slice copy = buf_ok(&buf) ? arena_copy(arena, buf_slice(&buf)) : SLICE_NONE;
    buf_free(&buf);
    return copy;
}

static bool join(struct arena *arena, struct slice *value, struct slice between, struct slice more)
{
    size_t gap = between.len;
    char *joined = arena_alloc(arena, value->len + gap + more.len);
    if (!joined)
        return false;
    memcpy(joined, value->ptr, value->len);
    memcpy(joined + value->len, between.ptr, gap);
    memcpy(joined + value->len + gap, more.ptr, more.len);
    *value = slice_of(joined, value->len + gap + more.len);
    return true;
}

bool http_headers_line(struct http_headers *headers, struct arena *arena, struct slice line)
{
    bool goes_on = line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    const char *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;
    if (!goes_on && !colon)
        return true; /* no header: nothing to keep */
    if (headers->lines++ == HTTP_HEADER_LINES)
        return false;
    if (!headers->items)
        headers->items = arena_array(arena, HTTP_HEADER_LINES, sizeof(*headers->items));
    if (!headers->items)
        return false;
    size_t name_len = goes_on ? 0 : (size_t)(colon - line.ptr);
    struct slice raw = goes_on ? line : slice_of(colon + 1, line.len - name_len - 1);
    struct slice value = copy_value(arena, trimmed(raw));
    if (!value.ptr)
        return false;
    if (goes_on) /* with the last one that was read, which a joined one may not be: rare enough */
        return headers->count == 0 ||
               join(arena, &headers->items[headers->count - 1].value, SLICE(" "), value);
    struct slice name = trimmed(slice_of(line.ptr, name_len));
    if (!http_is_token(name))
        return true;
    for (uint32_t i = 0; i < headers->count; i++) {
        struct http_header *item = &headers->items[i];
        if (item->name.len == name.len && strncasecmp(item->name.ptr, name.ptr, name.len) == 0)
            return join(arena, &item->value,
                        slice_eq_str(item->name, "set-cookie") ? SLICE("\n") : SLICE(", "), value);
    }
    char *lower = arena_strdup(arena, name);
    if (!lower)
        return false;
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    headers->items[headers->count++] = (struct http_header){slice_of(lower, name.len), value};
    return true;
}

struct slice http_headers_get(const struct http_headers *headers, const char *name)
{
    for (uint32_t i = 0; i < headers->count; i++)
        if (slice_eq_str(headers->items[i].name, name))
            return headers->items[i].value;
    return SLICE_NONE;
}

void http_headers_write_json(const struct http_headers *headers, struct buf *out)
{
    buf_char(out, '{');
    for (uint32_t i = 0; i < headers->count; i++) {
        if (i > 0)
            buf_char(out, ',');
        json_write_string(out, headers->items[i].name);
        buf_char(out, ':');
        json_write_string(out, headers->items[i].value);
    }
    buf_char(out, '}');
}
