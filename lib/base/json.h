/* json: a reader that keeps positions, and views over what it read.
 *
 * A document is read once into an array of nodes in document order ("tape"); nothing is copied: a
 * node is a span of the source text. Strict RFC 8259: no comments, no trailing commas, no NaN, no
 * duplicate keys (compared after unescaping), only valid UTF-8, no lone surrogate escapes, no raw
 * control characters in strings; depth, size and number length are capped. Errors carry the offset,
 * line and column (from 1; columns count code points) and say what was expected.
 *
 *   text  { "a" : [ 1 , "x" ] }
 *   tape  0 OBJECT count 1 next 5
 *         1 STRING "a"        (key)
 *         2 ARRAY  count 2 next 5
 *         3 NUMBER 1          next 4
 *         4 STRING "x"        next 5
 *
 * A key is a STRING node followed by its value; `next` is the index behind a node and all it holds.
 * A json_ref names one node. The text must outlive the document, the document its refs; both live
 * where the caller put them (the node array in the given arena). A document is immutable once read
 * and may then be shared between threads.
 *
 * YAML is loaded into the same shape: base/yaml.h writes a JSON text and a document over it whose
 * `origins` hold the positions in the YAML source.
 */
#ifndef TROUPE_BASE_JSON_H
#define TROUPE_BASE_JSON_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_node {
    uint32_t start;       /* offset of the first byte in the text (strings: of the quote) */
    uint32_t end;         /* offset behind the last byte */
    uint32_t next;        /* tape index behind this node and its content */
    uint32_t count : 28;  /* elements of an array, members of an object */
    uint32_t type : 3;    /* enum json_type */
    uint32_t escaped : 1; /* STRING: has backslashes; NUMBER: has '.', 'e' or 'E' */
};

struct json_position {
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in code points */
};

struct json_doc {
    struct slice text;
    const struct json_node *nodes;
    uint32_t node_count;
    const struct json_position *origins; /* per node, when the source was not this text; or NULL */
};

struct json_ref {
    const struct json_doc *doc; /* NULL: absent */
    uint32_t index;
};

#define JSON_NONE ((struct json_ref){NULL, 0})

/* A zero is that field's default. Numbers of more than 1024 bytes are never taken. */
struct json_limits {
    uint32_t max_depth;        /* of nesting */
    uint32_t max_bytes;        /* of the text */
    uint32_t max_number_bytes; /* of one number's text */
    uint32_t max_nodes;
};

/* depth 64, 16 MiB, 64-byte numbers, 4 million nodes: for values; definitions set their own. */
extern const struct json_limits json_default_limits;

struct json_error {
    uint32_t offset; /* into the text */
    struct json_position position;
    bool
        out_of_memory; /* nothing is known about the text: an allocation failed, or the arena's cap */
    char message[160]; /* "expected ',' or '}' after a member" */
};

/* Reads one document (and nothing behind it but white space). 0, or -1 with *error filled; the arena
 * holds the nodes. limits may be NULL for the defaults. */
MUSTCHECK int json_read(struct arena *arena, struct slice text, const struct json_limits *limits,
                        struct json_doc *doc, struct json_error *error);

/* True when text is exactly one valid document within the default limits; keeps nothing. */
bool json_valid(struct slice text);

static inline struct json_ref json_root(const struct json_doc *doc)
{
    return (struct json_ref){doc, 0};
}
static inline bool json_present(struct json_ref ref) { return ref.doc != NULL; }
static inline const struct json_node *json_node(struct json_ref ref)
{
    return &ref.doc->nodes[ref.index];
}
static inline enum json_type json_type(struct json_ref ref)
{
    return (enum json_type)json_node(ref)->type;
}
const char *json_type_name(enum json_type type); /* "null", "bool", "number", … */

/* The source text of a node, strings with their quotes. */
struct slice json_text(struct json_ref ref);
struct json_position json_position(struct json_ref ref);
/* Position of any offset of the text (ignores origins). */
struct json_position json_offset_position(struct slice text, size_t offset);

/* Elements or members; 0 for scalars. */
uint32_t json_count(struct json_ref ref);

/* Iteration over an array or an object:
 *     struct json_iter it = json_iter(ref);
 *     while (json_next(&it)) { it.key (objects; a STRING ref) it.value }
 */
struct json_iter {
    struct json_ref container;
    struct json_ref key;
    struct json_ref value;
    uint32_t at; /* next tape index */
    uint32_t left;
};
struct json_iter json_iter(struct json_ref container);
bool json_next(struct json_iter *it);

/* A member by its unescaped name, an element by its index; JSON_NONE when absent or wrong kind. */
struct json_ref json_member(struct json_ref object, struct slice name);
struct json_ref json_element(struct json_ref array, uint32_t index);

bool json_bool(struct json_ref ref);
/* True when the number has no '.', 'e', 'E' and fits int64; then *value is set. */
bool json_int(struct json_ref ref, int64_t *value);
/* Any number as a double (correctly rounded; huge becomes infinity). */
double json_double(struct json_ref ref);
/* Unescaped content. Without escapes a view of the text, else a copy in the arena; ptr NULL when
 * there is no memory. */
struct slice json_string(struct json_ref ref, struct arena *arena);
/* Compares a STRING node's unescaped content with bytes; needs no memory. */
bool json_string_eq(struct json_ref ref, struct slice bytes);

/* Appends the node's text without insignificant white space; number and string text are kept. */
void json_minify(struct buf *buf, struct json_ref ref);

/* How deep valid JSON text nests: 0 for a scalar. What is put together from values is readable again
 * only up to json_default_limits.max_depth. */
uint32_t json_text_depth(struct slice text);

/* --- writing --- */

/* Appends a quoted JSON string; `bytes` must be UTF-8. Escapes only '"', '\\' and control
 * characters. */
void json_write_string(struct buf *buf, struct slice bytes);
/* Shortest text that reads back as the same double, always with '.' or 'e'; the value must be
 * finite. */
void json_write_double(struct buf *buf, double value);

#endif
