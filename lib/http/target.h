/* target: what a call sends and where, checked. Internal to lib/http.
 *
 * A target is made from a request (copied but for the body), and from a target and a redirect's
 * Location the next one. All memory is the arena's.
 */
#ifndef TROUPE_HTTP_TARGET_H
#define TROUPE_HTTP_TARGET_H

#include "base/arena.h"
#include "http/client.h"

struct http_target {
    char *method;
    char *url;  /* whole, with the query; no fragment */
    char *host; /* lower case, IPv6 without brackets; punycode if the library could */
    uint16_t port;
    bool https;
    struct http_pair *headers;
    size_t header_count;
    struct slice body; /* borrowed from the request */
};

/* ERR_USAGE says what is wrong with the request; ERR_LIMIT without memory. */
MUSTCHECK int http_target_make(struct http_target *target, const struct http_request *request,
                               struct arena *arena, struct err *err);

/* Where a 301, 302, 303, 307 or 308 leads. ERR_REFUSED: it must not be followed; ERR_INVALID: it
 * cannot be. `next` may be `target`. */
MUSTCHECK int http_target_redirect(struct http_target *next, const struct http_target *target,
                                   int status, struct slice location, struct arena *arena,
                                   struct err *err);
bool http_status_redirects(int status);

/* Appends with all but letters, digits and "-._~" as %XX; form: a space as '+'. */
void http_percent_encode(struct buf *out, struct slice bytes, bool form);

#endif
