/* content: what came, as JSON, text or bytes. */
#include "http/body.h"
#include <stdio.h>
#include <strings.h>

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static void read_type(struct http_content *content, struct slice header)
{
    size_t len = 0;
    while (len < header.len && len + 1 < sizeof(content->type) &&
           !strchr("; \t,", header.ptr[len])) {
        content->type[len] = lower(header.ptr[len]);
        len++;
    }
    content->type[len] = '\0';
}

/* The value of charset, without quotes; SLICE_NONE without one. */
static struct slice charset_of(struct slice header)
{
    for (size_t i = 0; i + 8 < header.len; i++) {
        bool begins = i > 0 && strchr("; \t", header.ptr[i - 1]) != NULL;
        if (!begins || strncasecmp(header.ptr + i, "charset=", 8) != 0)
            continue;
        const char *at = header.ptr + i + 8;
        size_t left = header.len - i - 8;
        if (left > 0 && *at == '"') {
            at++;
            left--;
        }
        size_t len = 0;
        while (len < left && !strchr("\"; \t,", at[len]))
            len++;
        return slice_of(at, len);
    }
    return SLICE_NONE;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static bool is_json_type(const char *type)
{
    return strcmp(type, "application/json") == 0 || strcmp(type, "text/json") == 0 ||
           ends_with(type, "+json");
}

static bool is_text_type(const char *type)
{
    static const char *const others[] = {"",
                                         "application/xml",
                                         "application/javascript",
                                         "application/x-www-form-urlencoded",
                                         "application/yaml",
                                         "application/x-ndjson",
                                         "application/graphql"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(type, others[i]) == 0)
            return true;
    return strncmp(type, "text/", 5) == 0 || ends_with(type, "+xml") || is_json_type(type);
}

static bool read_json(struct http_content *content)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    arena_init(&arena, 256U << 20);
    int failed = json_read(&arena, content->bytes, NULL, &doc, &error);
    arena_free(&arena);
    if (failed)
        (void)snprintf(content->problem, sizeof(content->problem), "line %u, column %u: %s",
                       error.position.line, error.position.column, error.message);
    return !failed;
}

static bool read_text(struct http_content *content, struct slice charset)
{
    if (memchr(content->bytes.ptr, '\0', content->bytes.len))
        return false;
    bool utf8 = !charset.ptr || http_name_eq(charset, "utf-8") || http_name_eq(charset, "utf8") ||
                http_name_eq(charset, "us-ascii");
    content->latin1 = http_name_eq(charset, "iso-8859-1") || http_name_eq(charset, "latin1");
    return content->latin1 || (utf8 && http_is_utf8(content->bytes));
}

void http_content_of(struct http_content *content, struct slice content_type, struct slice bytes)
{
    *content = (struct http_content){.kind = HTTP_BINARY, .bytes = bytes};
    read_type(content, content_type);
    if (bytes.len == 0) {
        content->kind = HTTP_EMPTY;
        return;
    }
    const struct slice charset = charset_of(content_type);
    const bool json = is_json_type(content->type);
    if (json && bytes.len >= 3 && memcmp(bytes.ptr, "\xEF\xBB\xBF", 3) == 0)
        content->bytes = slice_of(bytes.ptr + 3, bytes.len - 3);
    if (json && read_json(content))
        content->kind = HTTP_JSON;
    else if (is_text_type(content->type) && read_text(content, charset))
        content->kind = HTTP_TEXT;
    if (content->kind == HTTP_BINARY) {
        content->bytes = bytes;
        sha256_hex(bytes, content->sha256);
    }
}

static void write_text(const struct http_content *content, struct buf *out)
{
    if (!content->latin1) {
        json_write_string(out, content->bytes);
        return;
    }
    struct buf text;
    buf_init(&text, 0);
    http_write_latin1(&text, content->bytes);
    if (buf_ok(&text))
        json_write_string(out, buf_slice(&text));
    else
        out->failed = true;
    buf_free(&text);
}

void http_write_base64(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        const size_t left = bytes.len - i;
        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            group |= (uint32_t)(unsigned char)bytes.ptr[i + 2];
        buf_char(out, digits[group >> 18]);
        buf_char(out, digits[group >> 12 & 63]);
        buf_char(out, left > 1 ? digits[group >> 6 & 63] : '=');
        buf_char(out, left > 2 ? digits[group & 63] : '=');
    }
}

static void write_bytes(const struct http_content *content, struct buf *out)
{
    buf_printf(out, "{\"binary\":true,\"length\":%zu,\"sha256\":\"%s\",\"content_type\":",
               content->bytes.len, content->sha256);
    if (http_is_utf8(slice_str(content->type)))
        json_write_string(out, slice_str(content->type));
    else
        buf_str(out, "\"\"");
    buf_str(out, ",\"base64\":\"");
    http_write_base64(out, content->bytes);
    buf_str(out, "\"}");
}

void http_content_write_json(const struct http_content *content, struct buf *out,
                             struct arena *arena)
{
    struct json_doc doc;
    struct json_error error;
    switch (content->kind) {
    case HTTP_EMPTY:
        buf_str(out, "null");
        break;
    case HTTP_JSON:
        if (json_read(arena, content->bytes, NULL, &doc, &error))
            out->failed = true; /* it was valid: no memory */
        else
            json_minify(out, json_root(&doc));
        break;
    case HTTP_TEXT:
        write_text(content, out);
        break;
    case HTTP_BINARY:
        write_bytes(content, out);
        break;
    }
}
