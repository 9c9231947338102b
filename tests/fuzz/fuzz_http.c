/* fuzz_http: what reads text from outside on the way to and from an HTTP call.
 *
 * An input is read as a list of CIDRs, as a URL and a redirect from it, as header lines, as a Link
 * header, as Retry-After, and as a body. Beyond not crashing:
 *
 *   - a list that is refused is refused with words;
 *   - what became a target is http or https, has a host, and no control character anywhere;
 *   - a redirect never leads from https to http, and takes no header of the caller's to another origin;
 *   - names of headers are tokens in lower case, values have no NUL and are UTF-8;
 *   - what a body became is valid JSON.
 */
#include "fuzz.h"
#include "http/address.h"
#include "http/body.h"
#include "http/headers.h"
#include "http/page.h"
#include "http/retry.h"
#include "http/target.h"
#include <string.h>

static void check_lists(const char *text)
{
    struct http_rules rules;
    struct err err = ERR_INIT;
    struct sockaddr_storage address;
    if (http_rules_init(&rules, text, NULL, &err))
        DEMAND(err.code == ERR_USAGE && err.message[0], "%s", text);
    http_rules_free(&rules);
    if (http_address_literal(text, 80, &address)) {
        DEMAND(!http_rules_init(&rules, NULL, NULL, &err), "no rules");
        const char *class = http_address_class((struct sockaddr *)&address);
        DEMAND(http_rules_refuse(&rules, (struct sockaddr *)&address) == class, "%s", text);
        http_rules_free(&rules);
    }
}

static void check_target(const struct http_target *target)
{
    DEMAND(strncmp(target->url, target->https ? "https://" : "http://", target->https ? 8 : 7) == 0,
           "%s", target->url);
    DEMAND(target->host[0], "%s", target->url);
    DEMAND(http_is_field_value(slice_str(target->url)), "%s", target->url);
}

static void check_redirect(const struct http_target *from, struct slice text, struct arena *arena)
{
    struct http_target to;
    struct err err = ERR_INIT;
    if (http_target_redirect(&to, from, 302, text, arena, &err)) {
        DEMAND(err.message[0], "an error without words");
        return;
    }
    check_target(&to);
    DEMAND(!from->https || to.https, "%s", to.url);
    bool same = from->https == to.https && from->port == to.port && !strcmp(from->host, to.host);
    DEMAND(to.header_count == (same ? 1 : 0), "%zu headers to %s", to.header_count, to.url);
}

static void check_urls(struct slice text)
{
    struct arena arena;
    struct err err = ERR_INIT;
    struct http_target target;
    const struct http_pair secret = {SLICE("X-Key"), SLICE("s3cret")};
    struct http_request request = {.url = text, .headers = &secret, .header_count = 1};
    arena_init(&arena, 8U << 20);
    if (http_target_make(&target, &request, &arena, &err) == 0) {
        check_target(&target);
        check_redirect(&target, SLICE("https://other.test/x"), &arena);
    } else {
        DEMAND(err.code == ERR_USAGE || err.code == ERR_LIMIT, "code %d", (int)err.code);
    }
    request.url = SLICE("https://api.test/v1/list?page=1");
    DEMAND(http_target_make(&target, &request, &arena, &err) == 0, "%s", err.message);
    check_redirect(&target, text, &arena);
    struct slice next = http_link_next(text), url;
    if (next.ptr && http_page_url(request.url, next, &arena, &url, &err) == 0)
        DEMAND(strncmp(url.ptr, "https://", 8) == 0, "%s", url.ptr);
    arena_free(&arena);
}

static void check_headers(struct slice text)
{
    struct arena arena;
    struct http_headers headers = {0};
    struct buf json;
    arena_init(&arena, 8U << 20);
    buf_init(&json, 0);
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.ptr) - at + 1 : text.len - at;
        if (!http_headers_line(&headers, &arena, slice_of(text.ptr + at, len)))
            break;
        at += len;
    }
    for (uint32_t i = 0; i < headers.count; i++)
        DEMAND(http_is_token(headers.items[i].name), "%.*s", SLICE_ARG(headers.items[i].name));
    http_headers_write_json(&headers, &json);
    DEMAND(json_valid(buf_slice(&json)), "%s", json.data);
    buf_free(&json);
    arena_free(&arena);
}

static void check_content(struct slice type, struct slice bytes)
{
    struct arena arena;
    struct http_content content;
    struct buf json;
    arena_init(&arena, 64U << 20);
    buf_init(&json, 0);
    http_content_of(&content, type, bytes);
    http_content_write_json(&content, &json, &arena);
    DEMAND(buf_ok(&json) && json_valid(buf_slice(&json)), "%s", json.data);
    buf_free(&json);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1U << 16)
        return 0;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    struct slice all = slice_of(text, size);
    const char *line = memchr(text, '\n', size);
    check_lists(text);
    check_urls(all);
    check_headers(all);
    DEMAND(http_retry_after_ms(all, 0) >= -1, "%s", text);
    check_content(SLICE("application/json"), all);
    check_content(SLICE("text/plain; charset=iso-8859-1"), all);
    if (line)
        check_content(slice_of(text, (size_t)(line - text)),
                      slice_of(line + 1, size - (size_t)(line - text) - 1));
    free(text);
    return 0;
}
