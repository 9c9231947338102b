/* page: where the next page of a listing is.
 *
 * Three ways are in use: a Link header with rel="next" (RFC 8288), a URL in the body, a cursor in the
 * body that goes into the query. The caller makes the next call; a page of another origin than the
 * first call's is refused, since the first call's headers would go with it.
 */
#ifndef TROUPE_HTTP_PAGE_H
#define TROUPE_HTTP_PAGE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* The target of the first link with rel "next", as it stands there; SLICE_NONE without one. */
struct slice http_link_next(struct slice link);

/* `next` (from a Link header or a body) as an absolute URL, relative to the URL of the page that named
 * it. ERR_REFUSED: another origin, or no http; ERR_INVALID: no URL; ERR_LIMIT: no memory. */
MUSTCHECK int http_page_url(struct slice page_url, struct slice next, struct arena *arena,
                            struct slice *url, struct err *err);

#endif
