/* json_read: one pass from text to tape, without recursion.
 *
 * An open container keeps the index of the container around it in `next` until it is closed, so the
 * tape itself is the stack. Nodes grow in a buf and are copied to the arena once their number is
 * known.
 */
#include "base/json.h"
#include "base/json_keys.h"
#include "base/json_scan.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { DEFAULT_DEPTH = 64, DEFAULT_BYTES = 16 << 20, DEFAULT_NUMBER = 64, DEFAULT_NODES = 4000000 };

/* `count` of a node has 28 bits. */
enum { NODES_MOST = (1 << 28) - 1, FIRST_NODES = 64, SHOWN_KEY_BYTES = 80 };

#define NOT_INSIDE UINT32_MAX

const struct json_limits json_default_limits = {DEFAULT_DEPTH, DEFAULT_BYTES, DEFAULT_NUMBER,
                                                DEFAULT_NODES};

struct reader {
    struct slice text;
    const char *at, *end;
    struct json_node *nodes; /* in `memory` */
    uint32_t count, room;
    uint32_t inside; /* index of the innermost open container */
    uint32_t depth;
    struct json_limits limits;
    struct buf memory;
    struct json_keys keys;
    struct json_error *error;
};

static int fail_at(struct reader *reader, const char *fault, const char *format, ...) PRINTF(3, 4);

static int fail_at(struct reader *reader, const char *fault, const char *format, ...)
{
    struct json_error *error = reader->error;
    size_t offset = reader->text.ptr ? (size_t)(fault - reader->text.ptr) : 0;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    error->out_of_memory = false;
    error->offset = offset > UINT32_MAX ? UINT32_MAX : (uint32_t)offset;
    error->position = json_offset_position(reader->text, offset);
    return -1;
}

static int fail_memory(struct reader *reader)
{
    (void)fail_at(reader, reader->at, "out of memory");
    reader->error->out_of_memory = true;
    return -1;
}

static inline void skip_space(struct reader *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* --- nodes --- */

static int more_nodes(struct reader *reader)
{
    if (reader->count >= reader->limits.max_nodes)
        return fail_at(reader, reader->at, "more than %" PRIu32 " values",
                       reader->limits.max_nodes);
    reader->memory.len = reader->count * sizeof(struct json_node);
    size_t more = (reader->count ? 1 : FIRST_NODES) * sizeof(struct json_node);
    if (!buf_reserve(&reader->memory, more))
        return fail_memory(reader);
    reader->nodes = (struct json_node *)(void *)reader->memory.data;
    size_t room = (reader->memory.size - 1) / sizeof(struct json_node);
    reader->room = room < reader->limits.max_nodes ? (uint32_t)room : reader->limits.max_nodes;
    return 0;
}

/* Adds a node from `start` to `end`; `next` is behind it, as is right for scalars. */
static inline int add_node(struct reader *reader, enum json_type type, const char *start,
                           const char *end, bool escaped)
{
    if (reader->count == reader->room && more_nodes(reader) != 0)
        return -1;
    struct json_node *node = &reader->nodes[reader->count];
    *node = (struct json_node){.start = (uint32_t)(start - reader->text.ptr),
                               .end = (uint32_t)(end - reader->text.ptr),
                               .next = ++reader->count,
                               .count = 0,
                               .type = (unsigned)type & 7u,
                               .escaped = escaped};
    return 0;
}

/* --- values --- */

static int read_string(struct reader *reader)
{
    struct json_scan scan = {.end = reader->end};
    const char *behind = json_scan_string(&scan, reader->at);
    if (!behind)
        return fail_at(reader, scan.fault, "%s", scan.message);
    if (add_node(reader, JSON_STRING, reader->at, behind, scan.escaped) != 0)
        return -1;
    reader->at = behind;
    return 0;
}

static int read_number(struct reader *reader)
{
    struct json_scan scan = {.end = reader->end};
    const char *behind = json_scan_number(&scan, reader->at);
    if (!behind)
        return fail_at(reader, scan.fault, "%s", scan.message);
    if ((size_t)(behind - reader->at) > reader->limits.max_number_bytes)
        return fail_at(reader, reader->at, "a number longer than %" PRIu32 " bytes",
                       reader->limits.max_number_bytes);
    if (add_node(reader, JSON_NUMBER, reader->at, behind, scan.escaped) != 0)
        return -1;
    reader->at = behind;
    return 0;
}

static int open_container(struct reader *reader, enum json_type type)
{
    if (reader->depth >= reader->limits.max_depth)
        return fail_at(reader, reader->at, "nested deeper than %" PRIu32 " levels",
                       reader->limits.max_depth);
    if (add_node(reader, type, reader->at, reader->at + 1, false) != 0)
        return -1;
    reader->nodes[reader->count - 1].next = reader->inside;
    reader->inside = reader->count - 1;
    reader->depth++;
    reader->at++;
    return 0;
}

/* What people write who mean JSON. */
static int fail_value(struct reader *reader)
{
    if (reader->at == reader->end)
        return fail_at(reader, reader->at, "expected a value, found the end of the text");
    unsigned char c = (unsigned char)*reader->at;
    switch (c) {
    case '}':
    case ']':
    case ',':
    case ':':
        return fail_at(reader, reader->at, "expected a value, found '%c'", c);
    case '\'':
        return fail_at(reader, reader->at, "expected a value; strings stand in double quotes");
    case '+':
    case '.':
        return fail_at(reader, reader->at, "expected a value; a number begins with '-' or a digit");
    case '/':
    case '#':
        return fail_at(reader, reader->at, "expected a value; JSON has no comments");
    case 0xEF:
        if (reader->end - reader->at >= 3 && memcmp(reader->at, "\xEF\xBB\xBF", 3) == 0)
            return fail_at(reader, reader->at,
                           "expected a value, found a byte order mark: save without one");
        break;
    case 'N':
    case 'I':
        return fail_at(reader, reader->at,
                       "expected a value; JSON has no NaN, no Infinity, and writes null");
    default:
        break;
    }
    return fail_at(reader, reader->at,
                   "expected a value: a string in double quotes, a number, '{', '[', true, false "
                   "or null");
}

static int read_word(struct reader *reader, const char *word, size_t len, enum json_type type)
{
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return fail_value(reader);
    if (add_node(reader, type, reader->at, reader->at + len, false) != 0)
        return -1;
    reader->at += len;
    return 0;
}

/* A scalar, or the opening of a container. */
static inline int read_value(struct reader *reader)
{
    skip_space(reader);
    if (reader->at == reader->end)
        return fail_value(reader);
    switch (*reader->at) {
    case '"':
        return read_string(reader);
    case '{':
        return open_container(reader, JSON_OBJECT);
    case '[':
        return open_container(reader, JSON_ARRAY);
    case 't':
        return read_word(reader, "true", 4, JSON_BOOL);
    case 'f':
        return read_word(reader, "false", 5, JSON_BOOL);
    case 'n':
        return read_word(reader, "null", 4, JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(reader);
    default:
        return fail_value(reader);
    }
}

/* --- containers --- */

static int close_container(struct reader *reader)
{
    struct json_node *node = &reader->nodes[reader->inside];
    if (node->type == JSON_OBJECT && node->count > 1) {
        uint32_t duplicate;
        int found = json_keys_check(&reader->keys, reader->text, reader->nodes, reader->inside,
                                    reader->count, &duplicate);
        if (found < 0)
            return fail_memory(reader);
        if (found > 0) {
            const struct json_node *key = &reader->nodes[duplicate];
            struct slice shown = utf8_cut(
                slice_of(reader->text.ptr + key->start, key->end - key->start), SHOWN_KEY_BYTES);
            return fail_at(reader, shown.ptr, "duplicate key %.*s", SLICE_ARG(shown));
        }
    }
    uint32_t around = node->next;
    node->next = reader->count;
    node->end = (uint32_t)(++reader->at - reader->text.ptr);
    reader->inside = around;
    reader->depth--;
    return 0;
}

/* Neither a comma nor the closing bracket where one of them must be. */
static int fail_separator(struct reader *reader, const struct json_node *container)
{
    bool object = container->type == JSON_OBJECT;
    const char *what = object ? (container->count ? "',' or '}' after a member" : "a key or '}'")
                              : "',' or ']' after an element";
    if (reader->at < reader->end)
        return fail_at(reader, reader->at, "expected %s", what);
    struct json_position opened = json_offset_position(reader->text, container->start);
    return fail_at(reader, reader->at,
                   "expected %s, found the end of the text; the '%c' of line %" PRIu32
                   ", column %" PRIu32 " is not closed",
                   what, object ? '{' : '[', opened.line, opened.column);
}

static int read_key(struct reader *reader)
{
    /* read_item has counted this member already, and looked for the end before the first one. */
    if (reader->at == reader->end || *reader->at != '"')
        return fail_at(reader, reader->at,
                       reader->nodes[reader->inside].count > 1
                           ? "expected a key in double quotes after ','"
                           : "expected a key in double quotes or '}'");
    if (read_string(reader) != 0)
        return -1;
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return fail_at(reader, reader->at, "expected ':' after a key");
    reader->at++;
    return 0;
}

/* One step inside the innermost container: its end, or the next element or member. */
static inline int read_item(struct reader *reader)
{
    const struct json_node *container = &reader->nodes[reader->inside];
    bool object = container->type == JSON_OBJECT;
    char closing = object ? '}' : ']';
    skip_space(reader);
    if (reader->at < reader->end && *reader->at == closing)
        return close_container(reader);
    if (container->count > 0) {
        if (reader->at == reader->end || *reader->at != ',')
            return fail_separator(reader, container);
        const char *comma = reader->at++;
        skip_space(reader);
        if (reader->at < reader->end && *reader->at == closing)
            return fail_at(reader, comma, "a ',' before '%c': JSON allows no trailing comma",
                           closing);
    } else if (reader->at == reader->end)
        return fail_separator(reader, container);
    reader->nodes[reader->inside].count++;
    if (object && read_key(reader) != 0)
        return -1;
    return read_value(reader);
}

static int read_document(struct reader *reader)
{
    if (reader->text.len > reader->limits.max_bytes)
        return fail_at(reader, reader->text.ptr, "the text has %zu bytes, allowed are %" PRIu32,
                       reader->text.len, reader->limits.max_bytes);
    if (read_value(reader) != 0)
        return -1;
    while (reader->inside != NOT_INSIDE) {
        if (read_item(reader) != 0)
            return -1;
    }
    skip_space(reader);
    if (reader->at != reader->end)
        return fail_at(reader, reader->at, "expected the end of the text after the document");
    return 0;
}

static uint32_t limit(uint32_t given, uint32_t otherwise, uint32_t most)
{
    uint32_t value = given ? given : otherwise;
    return value < most ? value : most;
}

struct json_limits json_limits_effective(const struct json_limits *limits)
{
    if (!limits)
        limits = &json_default_limits;
    return (struct json_limits){
        limit(limits->max_depth, DEFAULT_DEPTH, UINT32_MAX),
        limit(limits->max_bytes, DEFAULT_BYTES, UINT32_MAX - 1),
        limit(limits->max_number_bytes, DEFAULT_NUMBER, JSON_NUMBER_BYTES_MOST),
        limit(limits->max_nodes, DEFAULT_NODES, NODES_MOST)};
}

static void reader_init(struct reader *reader, struct slice text, const struct json_limits *limits,
                        struct json_error *error)
{
    *reader = (struct reader){
        .text = text,
        .at = text.ptr,
        .end = text.ptr + text.len,
        .inside = NOT_INSIDE,
        .limits = json_limits_effective(limits),
        .error = error,
    };
    if (!text.ptr)
        reader->text = slice_of(reader->at = reader->end = "", 0);
    buf_init(&reader->memory, 0); /* capped by max_nodes */
    json_keys_init(&reader->keys);
}

static void reader_free(struct reader *reader)
{
    buf_free(&reader->memory);
    json_keys_free(&reader->keys);
}

int json_read(struct arena *arena, struct slice text, const struct json_limits *limits,
              struct json_doc *doc, struct json_error *error)
{
    struct reader reader;
    reader_init(&reader, text, limits, error);
    int result = read_document(&reader);
    if (result == 0) {
        size_t bytes = reader.count * sizeof(struct json_node);
        struct json_node *nodes = arena_alloc(arena, bytes);
        if (nodes) {
            memcpy(nodes, reader.nodes, bytes);
            *doc = (struct json_doc){reader.text, nodes, reader.count, NULL};
        } else
            result = fail_memory(&reader);
    }
    reader_free(&reader);
    return result;
}

bool json_valid(struct slice text)
{
    struct reader reader;
    struct json_error error;
    reader_init(&reader, text, NULL, &error);
    bool valid = read_document(&reader) == 0;
    reader_free(&reader);
    return valid;
}
