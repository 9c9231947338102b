/* headers: those of an answer.
 *
 * Names in lower case, in the order of their first appearance. Fields of one name are joined by ", ",
 * but set-cookie's by a line feed, since dates in them have commas. Values are UTF-8: one that is not
 * is taken as Latin-1. Memory is the given arena's.
 */
#ifndef TROUPE_HTTP_HEADERS_H
#define TROUPE_HTTP_HEADERS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define HTTP_HEADER_LINES 256

struct http_header {
    struct slice name, value;
};

struct http_headers {
    struct http_header *items; /* HTTP_HEADER_LINES of them, or NULL */
    uint32_t count;
    uint32_t lines; /* that were read */
};

/* Takes one line as it came, with or without its line end. A line that begins with white space goes
 * on with the one before. false: too many lines, or no memory. */
bool http_headers_line(struct http_headers *headers, struct arena *arena, struct slice line);
/* The value by its lower-case name; SLICE_NONE when absent. */
struct slice http_headers_get(const struct http_headers *headers, const char *name);
/* Appends {"name":"value",…}. */
void http_headers_write_json(const struct http_headers *headers, struct buf *out);

/* A name of a header or a method: RFC 9110's token. */
bool http_is_token(struct slice text);
/* What may stand in a value: no control characters but the tab. */
bool http_is_field_value(struct slice text);
/* Compares without regard to the case of ASCII letters. */
bool http_name_eq(struct slice a, const char *b);

/* Appends Latin-1 as UTF-8. */
void http_write_latin1(struct buf *out, struct slice bytes);
bool http_is_utf8(struct slice bytes);

#endif
