/* json: views over a tape. */
#include "base/json.h"
#include "base/json_scan.h"
#include <locale.h>
#include <stdlib.h>

static const char *const type_names[] = {"null", "bool", "number", "string", "array", "object"};

const char *json_type_name(enum json_type type) { return type_names[type]; }

struct slice json_text(struct json_ref ref)
{
    const struct json_node *node = json_node(ref);
    return slice_of(ref.doc->text.ptr + node->start, node->end - node->start);
}

struct json_position json_offset_position(struct slice text, size_t offset)
{
    struct json_position position = {1, 1};
    if (offset > text.len)
        offset = text.len;
    for (size_t at = 0; at < offset; at++) {
        if (text.ptr[at] == '\n') {
            position.line++;
            position.column = 1;
        } else if (((unsigned char)text.ptr[at] & 0xC0) != 0x80)
            position.column++;
    }
    return position;
}

struct json_position json_position(struct json_ref ref)
{
    if (ref.doc->origins)
        return ref.doc->origins[ref.index];
    return json_offset_position(ref.doc->text, json_node(ref)->start);
}

uint32_t json_count(struct json_ref ref) { return json_node(ref)->count; }

struct json_iter json_iter(struct json_ref container)
{
    return (struct json_iter){.container = container,
                              .key = JSON_NONE,
                              .value = JSON_NONE,
                              .at = container.index + 1,
                              .left = json_node(container)->count};
}

bool json_next(struct json_iter *it)
{
    if (it->left == 0)
        return false;
    it->left--;
    const struct json_doc *doc = it->container.doc;
    if (json_type(it->container) == JSON_OBJECT)
        it->key = (struct json_ref){doc, it->at++};
    it->value = (struct json_ref){doc, it->at};
    it->at = doc->nodes[it->at].next;
    return true;
}

struct json_ref json_member(struct json_ref object, struct slice name)
{
    if (!json_present(object) || json_type(object) != JSON_OBJECT)
        return JSON_NONE;
    const struct json_node *nodes = object.doc->nodes;
    uint32_t at = object.index + 1;
    for (uint32_t left = nodes[object.index].count; left > 0; left--) {
        if (json_string_eq((struct json_ref){object.doc, at}, name))
            return (struct json_ref){object.doc, at + 1};
        at = nodes[at + 1].next;
    }
    return JSON_NONE;
}

struct json_ref json_element(struct json_ref array, uint32_t index)
{
    if (!json_present(array) || json_type(array) != JSON_ARRAY)
        return JSON_NONE;
    const struct json_node *nodes = array.doc->nodes;
    const struct json_node *node = &nodes[array.index];
    if (index >= node->count)
        return JSON_NONE;
    uint32_t at = array.index + 1;
    if (node->next == at + node->count) /* scalars and empty containers only: one node each */
        return (struct json_ref){array.doc, at + index};
    while (index-- > 0)
        at = nodes[at].next;
    return (struct json_ref){array.doc, at};
}

bool json_bool(struct json_ref ref)
{
    return json_type(ref) == JSON_BOOL && json_text(ref).ptr[0] == 't';
}

bool json_int(struct json_ref ref, int64_t *value)
{
    const struct json_node *node = json_node(ref);
    if (node->type != JSON_NUMBER || node->escaped)
        return false;
    struct slice text = json_text(ref);
    bool negative = text.ptr[0] == '-';
    /* Downwards, because the negative range is the larger one. */
    int64_t sum = 0;
    for (size_t at = negative; at < text.len; at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_sub_overflow(sum, text.ptr[at] - '0', &sum))
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, sum, &sum))
        return false;
    *value = sum;
    return true;
}

/* Up to 15 digits and a small power of ten: both are exact doubles, so one operation on them is
 * rounded correctly. False when the number is not of that kind. */
static bool short_double(struct slice text, double *value)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = text.ptr[0] == '-';
    int64_t digits = 0;
    unsigned count = 0, fraction = 0;
    bool point = false;
    for (size_t at = negative; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '.') {
            point = true;
            continue;
        }
        if (c == 'e' || c == 'E' || ++count > 15)
            return false;
        digits = digits * 10 + (c - '0');
        fraction += point;
    }
    double magnitude = (double)digits / powers[fraction];
    *value = negative ? -magnitude : magnitude;
    return true;
}

double json_double(struct json_ref ref)
{
    struct slice text = json_text(ref);
    double value;
    if (json_type(ref) != JSON_NUMBER)
        return 0;
    if (short_double(text, &value))
        return value;
    /* strtod wants a NUL, and a point whatever the process' locale is. The "C" locale is a static
     * object: newlocale does not allocate. */
    char copy[JSON_NUMBER_BYTES_MOST + 1];
    size_t len = text.len < sizeof(copy) ? text.len : sizeof(copy) - 1;
    memcpy(copy, text.ptr, len);
    copy[len] = '\0';
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    value = strtod_l(copy, NULL, c_locale);
    freelocale(c_locale);
    return value;
}

struct slice json_string(struct json_ref ref, struct arena *arena)
{
    struct slice quoted = json_text(ref);
    struct slice raw = slice_of(quoted.ptr + 1, quoted.len - 2);
    if (!json_node(ref)->escaped)
        return raw;
    char *copy = arena_alloc(arena, raw.len + 1); /* unescaping never lengthens */
    if (!copy)
        return SLICE_NONE;
    size_t len = 0;
    struct json_bytes bytes = json_bytes_of(quoted);
    for (int byte; (byte = json_bytes_next(&bytes)) >= 0;)
        copy[len++] = (char)byte;
    copy[len] = '\0';
    return slice_of(copy, len);
}

bool json_string_eq(struct json_ref ref, struct slice bytes)
{
    const struct json_node *node = json_node(ref);
    if (node->type != JSON_STRING)
        return false;
    size_t raw_len = node->end - node->start - 2;
    if (!node->escaped)
        return raw_len == bytes.len && (raw_len == 0 || memcmp(ref.doc->text.ptr + node->start + 1,
                                                               bytes.ptr, raw_len) == 0);
    if (bytes.len > raw_len)
        return false;
    struct json_bytes content = json_bytes_of(json_text(ref));
    for (size_t at = 0; at < bytes.len; at++) {
        if (json_bytes_next(&content) != (uint8_t)bytes.ptr[at])
            return false;
    }
    return json_bytes_next(&content) < 0;
}

/* Appends text without its white space; there are no strings in it. */
static void append_dense(struct buf *buf, const char *at, const char *end)
{
    const char *run = at;
    for (; at < end; at++) {
        if (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') {
            if (at > run)
                buf_append(buf, run, (size_t)(at - run));
            run = at + 1;
        }
    }
    if (end > run)
        buf_append(buf, run, (size_t)(end - run));
}

void json_minify(struct buf *buf, struct json_ref ref)
{
    const struct json_node *nodes = ref.doc->nodes;
    const char *text = ref.doc->text.ptr;
    uint32_t behind = nodes[ref.index].next;
    uint32_t done = nodes[ref.index].start;
    /* Between scalars, in document order, there are only brackets, commas, colons and space. */
    for (uint32_t at = ref.index; at < behind; at++) {
        const struct json_node *node = &nodes[at];
        if (node->type == JSON_ARRAY || node->type == JSON_OBJECT)
            continue;
        append_dense(buf, text + done, text + node->start);
        buf_append(buf, text + node->start, node->end - node->start);
        done = node->end;
    }
    append_dense(buf, text + done, text + nodes[ref.index].end);
}

uint32_t json_text_depth(struct slice text)
{
    uint32_t depth = 0, most = 0;
    for (size_t at = 0; at < text.len; at++) {
        switch (text.ptr[at]) {
        case '"':
            for (at++; at < text.len && text.ptr[at] != '"'; at++)
                at += text.ptr[at] == '\\';
            break;
        case '{':
        case '[':
            most = ++depth > most ? depth : most;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
    }
    return most;
}
