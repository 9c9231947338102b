/* target: from a request to a URL, headers and a method that can be sent as they are. */
#include "http/target.h"
#include "http/curl.h"
#include <stdlib.h>
#include <strings.h>

#define URL_CAP 65536
#define HEADERS_CAP 65536

void http_percent_encode(struct buf *out, struct slice bytes, bool form)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~", c));
        if (plain) {
            buf_char(out, (char)c);
        } else if (form && c == ' ') {
            buf_char(out, '+');
        } else {
            buf_char(out, '%');
            buf_char(out, digits[c >> 4]);
            buf_char(out, digits[c & 15]);
        }
    }
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "no memory for an HTTP request");
}

/* --- the URL --- */

/* A part of the URL in the arena; NULL when there is none or no memory. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags, struct arena *arena)
{
    char *text = NULL;
    if (http_curl()->url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    char *copy = arena_strdup(arena, slice_str(text));
    http_curl()->free(text);
    return copy;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = http_curl()->url_get(url, part, &text, 0) == CURLUE_OK;
    http_curl()->free(text);
    return has;
}

/* Scheme, host, port and the whole, from a parsed URL. */
static int take_url(struct http_target *target, CURLU *url, struct arena *arena, struct err *err)
{
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return err_set(err, ERR_REFUSED,
                       "a URL with a user or password: use an authorization header");
    if (http_curl()->url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
        return no_memory(err);
    char *scheme = url_part(url, CURLUPART_SCHEME, 0, arena);
    if (!scheme)
        return no_memory(err);
    target->https = strcmp(scheme, "https") == 0;
    if (!target->https && strcmp(scheme, "http") != 0)
        return err_set(err, ERR_REFUSED, "the scheme %.20s is neither http nor https", scheme);
    char *host = url_part(url, CURLUPART_HOST, 0, arena);
    char *port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, arena);
    target->url = url_part(url, CURLUPART_URL, 0, arena);
    if (!host || !port || !target->url)
        return no_memory(err);
    for (char *c = host; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    size_t len = strlen(host);
    if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        host++;
    }
    target->host = host;
    target->port = (uint16_t)strtoul(port, NULL, 10); /* libcurl took 0 to 65535 only */
    return 0;
}

static int add_query(CURLU *url, const struct http_request *request, struct err *err)
{
    struct buf query;
    buf_init(&query, URL_CAP);
    char *own = NULL;
    if (http_curl()->url_get(url, CURLUPART_QUERY, &own, 0) == CURLUE_OK)
        buf_str(&query, own);
    http_curl()->free(own);
    for (size_t i = 0; i < request->query_count; i++) {
        if (query.len > 0)
            buf_char(&query, '&');
        http_percent_encode(&query, request->query[i].name, false);
        buf_char(&query, '=');
        http_percent_encode(&query, request->query[i].value, false);
    }
    int result = 0;
    if (!buf_ok(&query))
        result = err_set(err, ERR_USAGE, "the URL and its query are longer than %d bytes", URL_CAP);
    else if (http_curl()->url_set(url, CURLUPART_QUERY, query.data, 0) != CURLUE_OK)
        result = no_memory(err);
    buf_free(&query);
    return result;
}

static int parse_url(struct http_target *target, const struct http_request *request,
                     struct arena *arena, struct err *err)
{
    struct slice text = request->url;
    if (text.len == 0)
        return err_set(err, ERR_USAGE, "the URL is missing");
    if (text.len > URL_CAP)
        return err_set(err, ERR_USAGE, "the URL is longer than %d bytes", URL_CAP);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7F)
            return err_set(err, ERR_USAGE, "the URL has a space or a control character at byte %zu",
                           i);
    char *plain = arena_strdup(arena, text);
    CURLU *url = http_curl()->url();
    int result = -1;
    CURLUcode code = CURLUE_OUT_OF_MEMORY;
    if (plain && url)
        code = http_curl()->url_set(url, CURLUPART_URL, plain, 0);
    if (code == CURLUE_OUT_OF_MEMORY)
        (void)no_memory(err);
    else if (code != CURLUE_OK)
        (void)err_set(err, ERR_USAGE, "the URL: %s", http_curl()->url_strerror(code));
    else if (request->query_count == 0 || add_query(url, request, err) == 0)
        result = take_url(target, url, arena, err);
    if (result && err->code == ERR_REFUSED)
        err->code = ERR_USAGE; /* in a request it is a mistake, in a redirect an attempt */
    http_curl()->url_cleanup(url);
    return result;
}

/* --- headers --- */

/* libcurl writes these, or they would change how the message is framed or where it goes. */
static const char *const own_headers[] = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "http2-settings",
    "proxy-connection",
    "proxy-authorization",
};

/* What may go on to another origin. */
static const char *const harmless_headers[] = {"accept",         "accept-language", "content-type",
                                               "user-agent",     "traceparent",     "tracestate",
                                               "idempotency-key"};

static bool is_among(struct slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (http_name_eq(name, names[i]))
            return true;
    return false;
}

static int check_header(const struct http_pair *header, struct err *err)
{
    if (!http_is_token(header->name))
        return err_set(err, ERR_USAGE,
                       "a header's name must be a token: letters, digits, '-' and a few others");
    if (is_among(header->name, own_headers, ARRAY_LEN(own_headers)))
        return err_set(err, ERR_USAGE, "the header %.*s is not for a request to set",
                       SLICE_ARG(header->name));
    if (!http_is_field_value(header->value))
        return err_set(err, ERR_USAGE, "the header %.*s has a control character in its value",
                       SLICE_ARG(header->name));
    return 0;
}

static bool copy_pair(struct http_pair *copy, struct slice name, struct slice value,
                      struct arena *arena)
{
    copy->name = arena_copy(arena, name);
    copy->value = arena_copy(arena, value);
    return copy->name.ptr && copy->value.ptr;
}

static int take_headers(struct http_target *target, const struct http_request *request,
                        struct arena *arena, struct err *err)
{
    target->headers = arena_array(arena, request->header_count + 1, sizeof(*target->headers));
    if (!target->headers)
        return no_memory(err);
    bool typed = request->content_type.len == 0 || !request->body.ptr;
    size_t bytes = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_pair *header = &request->headers[i];
        if (check_header(header, err))
            return -1;
        bytes += header->name.len + header->value.len;
        if (bytes > HEADERS_CAP)
            return err_set(err, ERR_USAGE, "the headers have more than %d bytes", HEADERS_CAP);
        typed = typed || http_name_eq(header->name, "content-type");
        if (!copy_pair(&target->headers[target->header_count++], header->name, header->value,
                       arena))
            return no_memory(err);
    }
    if (typed)
        return 0;
    if (!http_is_field_value(request->content_type))
        return err_set(err, ERR_USAGE, "the content type has a control character");
    if (!copy_pair(&target->headers[target->header_count++], SLICE("Content-Type"),
                   request->content_type, arena))
        return no_memory(err);
    return 0;
}

int http_target_make(struct http_target *target, const struct http_request *request,
                     struct arena *arena, struct err *err)
{
    *target = (struct http_target){.body = request->body};
    struct slice method = request->method.len ? request->method : SLICE("GET");
    if (!http_is_token(method) || method.len > 32)
        return err_set(err, ERR_USAGE, "the method must be a word such as GET or POST");
    if (http_name_eq(method, "CONNECT") || http_name_eq(method, "TRACE"))
        return err_set(err, ERR_USAGE, "the method %.*s is not for calls", SLICE_ARG(method));
    if (slice_eq_str(method, "HEAD") && request->body.ptr)
        return err_set(err, ERR_USAGE, "a HEAD has no body");
    target->method = arena_strdup(arena, method);
    if (!target->method)
        return no_memory(err);
    if (parse_url(target, request, arena, err))
        return -1;
    return take_headers(target, request, arena, err);
}

/* --- redirects --- */

bool http_status_redirects(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool same_origin(const struct http_target *a, const struct http_target *b)
{
    return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int resolve(struct http_target *next, const struct http_target *target,
                   struct slice location, struct arena *arena, struct err *err)
{
    char *plain = arena_strdup(arena, location);
    CURLU *url = http_curl()->url();
    CURLUcode code = CURLUE_OUT_OF_MEMORY;
    int result = -1;
    if (plain && url) {
        code = http_curl()->url_set(url, CURLUPART_URL, target->url, 0);
        if (code == CURLUE_OK) /* relative to what is there */
            code = http_curl()->url_set(url, CURLUPART_URL, plain, CURLU_URLENCODE);
    }
    if (code == CURLUE_OUT_OF_MEMORY)
        (void)no_memory(err);
    else if (code == CURLUE_UNSUPPORTED_SCHEME)
        (void)err_set(err, ERR_REFUSED, "neither http nor https");
    else if (code != CURLUE_OK)
        (void)err_set(err, ERR_INVALID, "%s", http_curl()->url_strerror(code));
    else
        result = take_url(next, url, arena, err);
    http_curl()->url_cleanup(url);
    return result;
}

int http_target_redirect(struct http_target *next, const struct http_target *target, int status,
                         struct slice location, struct arena *arena, struct err *err)
{
    struct http_target to = *target;
    if (resolve(&to, target, location, arena, err))
        return -1;
    if (target->https && !to.https)
        return err_set(err, ERR_REFUSED, "from https to http");
    bool head = strcmp(target->method, "HEAD") == 0;
    bool becomes_get = (status == 303 && !head) ||
                       ((status == 301 || status == 302) && strcmp(target->method, "POST") == 0);
    if (becomes_get) {
        to.method = arena_strdup(arena, SLICE("GET"));
        to.body = SLICE_NONE;
        if (!to.method)
            return no_memory(err);
    }
    bool same = same_origin(target, &to);
    to.headers = arena_array(arena, target->header_count + 1, sizeof(*to.headers));
    if (!to.headers)
        return no_memory(err);
    to.header_count = 0;
    for (size_t i = 0; i < target->header_count; i++) {
        struct slice name = target->headers[i].name;
        bool of_body = name.len > 8 && strncasecmp(name.ptr, "content-", 8) == 0;
        if ((of_body && becomes_get) ||
            (!same && !is_among(name, harmless_headers, ARRAY_LEN(harmless_headers))))
            continue;
        to.headers[to.header_count++] = target->headers[i];
    }
    *next = to;
    return 0;
}
