/* body: from JSON values to what is sent, and from what came to a JSON value.
 */
#ifndef TROUPE_HTTP_BODY_H
#define TROUPE_HTTP_BODY_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sha256.h"
#include "http/client.h"

/* --- what is sent --- */

enum http_body_kind { HTTP_BODY_JSON, HTTP_BODY_FORM, HTTP_BODY_MULTIPART, HTTP_BODY_RAW };
/* "json", "form", "multipart", "raw"; false for another word. */
bool http_body_kind_parse(struct slice name, enum http_body_kind *kind);

/* Appends the bytes to `body` and the content type to `type`. The same value always gives the same
 * bytes, so that a repeated call is the same call.
 *
 *   json       any value
 *   form       an object; strings, numbers, bools; a list of those is the name several times; null is
 *              left out
 *   multipart  an object: as for form, or a file: {"content": "…" | "base64": "…", "filename": "…",
 *              "content_type": "…"}
 *   raw        a string, or {"base64": "…"}
 *
 * ERR_INVALID names the member that does not fit; ERR_LIMIT at a buf's cap or without memory. */
MUSTCHECK int http_body_write(enum http_body_kind kind, struct json_ref value, struct arena *arena,
                              struct buf *body, struct buf *type, struct err *err);

/* An object as pairs for a query or headers, by the rules of form; `what` is for messages. The pairs
 * are in the arena, their texts in it or in the document. */
MUSTCHECK int http_pairs_of(struct json_ref object, const char *what, struct arena *arena,
                            struct http_pair **pairs, size_t *count, struct err *err);

/* --- what came --- */

enum http_content_kind { HTTP_EMPTY, HTTP_JSON, HTTP_TEXT, HTTP_BINARY };

struct http_content {
    enum http_content_kind kind;
    struct slice bytes; /* as they came, but JSON without a byte order mark; borrowed */
    bool latin1;        /* TEXT: to be converted */
    char sha256[SHA256_HEX_LEN + 1]; /* BINARY: of the bytes */
    char type[128];                  /* "image/png", without parameters, lower case; or "" */
    char problem[200];               /* why what called itself JSON is none, or "" */
};

/* JSON when the type says so and it is valid within json_default_limits. Text when the type is one of
 * text, or there is none, or what called itself JSON was none, and the charset is UTF-8 (the default),
 * ASCII or Latin-1, and the bytes are valid in it without a NUL. Anything else is binary. */
void http_content_of(struct http_content *content, struct slice content_type, struct slice bytes);

/* The output's `body`: the JSON; a string; null when empty;
 * {"binary":true,"length":n,"sha256":"…","content_type":"…","base64":"…"}. */
void http_content_write_json(const struct http_content *content, struct buf *out,
                             struct arena *arena);
/* With padding, without quotes. */
void http_write_base64(struct buf *out, struct slice bytes);

#endif
