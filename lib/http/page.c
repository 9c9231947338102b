/* page: RFC 8288 links, and the URL of the next page. */
#include "http/page.h"
#include "http/headers.h"
#include "http/target.h"

static struct slice skip(struct slice text, size_t count)
{
    return slice_of(text.ptr + count, text.len - count);
}

static struct slice without_space(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = skip(text, 1);
    return text;
}

/* A token or a quoted string, without its quotes; *text goes on behind it. */
static struct slice take_value(struct slice *text)
{
    size_t len = 0;
    bool quoted = text->len > 0 && text->ptr[0] == '"';
    if (quoted) {
        *text = skip(*text, 1);
        while (len < text->len && text->ptr[len] != '"')
            len += text->ptr[len] == '\\' && len + 1 < text->len ? 2 : 1;
    } else {
        while (len < text->len && !strchr(" \t;,", text->ptr[len]))
            len++;
    }
    struct slice value = slice_of(text->ptr, len);
    *text = skip(*text, len);
    if (quoted && text->len > 0)
        *text = skip(*text, 1);
    return value;
}

/* rel may name several, with spaces between. */
static bool names_next(struct slice rel)
{
    while (rel.len > 0) {
        size_t len = 0;
        while (len < rel.len && rel.ptr[len] != ' ')
            len++;
        if (http_name_eq(slice_of(rel.ptr, len), "next"))
            return true;
        rel = skip(rel, len < rel.len ? len + 1 : len);
    }
    return false;
}

/* The parameters behind one link; *text goes on behind them. Only the first rel counts. */
static bool take_parameters(struct slice *text)
{
    bool next = false, seen = false;
    for (*text = without_space(*text); text->len > 0 && text->ptr[0] == ';';
         *text = without_space(*text)) {
        *text = without_space(skip(*text, 1));
        size_t len = 0;
        while (len < text->len && !strchr(" \t=;,", text->ptr[len]))
            len++;
        struct slice name = slice_of(text->ptr, len);
        struct slice value = SLICE_NONE;
        *text = without_space(skip(*text, len));
        if (text->len > 0 && text->ptr[0] == '=') {
            *text = without_space(skip(*text, 1));
            value = take_value(text);
        }
        if (!seen && http_name_eq(name, "rel")) {
            seen = true;
            next = names_next(value);
        }
    }
    return next;
}

struct slice http_link_next(struct slice link)
{
    for (struct slice text = without_space(link); text.len > 0 && text.ptr[0] == '<';
         text = without_space(text)) {
        const char *end = memchr(text.ptr, '>', text.len);
        if (!end)
            return SLICE_NONE;
        struct slice target = slice_of(text.ptr + 1, (size_t)(end - text.ptr) - 1);
        text = skip(text, target.len + 2);
        if (take_parameters(&text))
            return target;
        if (text.len == 0 || text.ptr[0] != ',')
            return SLICE_NONE;
        text = without_space(skip(text, 1));
    }
    return SLICE_NONE;
}

int http_page_url(struct slice page_url, struct slice next, struct arena *arena, struct slice *url,
                  struct err *err)
{
    const struct http_request request = {.url = page_url};
    struct http_target page, target;
    if (http_target_make(&page, &request, arena, err))
        return -1;
    if (next.len == 0)
        return err_set(err, ERR_INVALID, "the URL of the next page is empty");
    if (http_target_redirect(&target, &page, 307, next, arena, err))
        return err_prefix(err, "the next page");
    if (target.https != page.https || target.port != page.port ||
        strcmp(target.host, page.host) != 0)
        return err_set(err, ERR_REFUSED, "the next page is at %.100s:%u, not at %.100s:%u",
                       target.host, target.port, page.host, page.port);
    *url = slice_str(target.url);
    return 0;
}
