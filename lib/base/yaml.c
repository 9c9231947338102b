/* yaml: libyaml's events become JSON text, which the JSON reader reads.
 *
 * For each node that is written its YAML position is kept, in the order of the tape. An alias copies
 * what its anchor wrote; sizes, nodes and depth are checked before, so that no alias bomb grows
 * beyond the limits. Errors of the JSON reader (a duplicate key, a number too long) are carried back
 * to the YAML by the node where they are.
 */
#include "base/yaml.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "base/yaml_scalar.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

struct mark {
    uint32_t json_offset;
    uint32_t yaml_index; /* in code points, as libyaml counts */
    struct json_position position;
};

/* What an anchor named: a span of the JSON and of the marks. */
struct anchor {
    uint32_t first_mark, marks;
    uint32_t json_start, json_len;
    uint32_t height; /* levels of containers: 0 for a scalar */
    bool open;       /* we are still inside */
};

/* An open container. */
struct frame {
    bool map;
    uint32_t children; /* keys count too */
    uint32_t height;
    uint32_t first_mark, json_start;
    struct anchor *anchor;
};

struct loader {
    yaml_parser_t parser;
    struct arena *arena;
    struct slice yaml;
    struct json_limits limits;
    struct json_error *error;
    struct buf json;
    struct buf marks;  /* of struct mark */
    struct buf frames; /* of struct frame */
    struct strmap anchors;
    uint32_t mark_count, frame_count;
    uint32_t documents;
};

static struct mark *marks_of(const struct loader *loader)
{
    return (struct mark *)(void *)loader->marks.data;
}

static struct frame *top(const struct loader *loader)
{
    if (loader->frame_count == 0)
        return NULL;
    return (struct frame *)(void *)loader->frames.data + (loader->frame_count - 1);
}

/* --- errors --- */

/* libyaml counts code points and does not count a byte order mark. */
static size_t byte_offset(struct slice yaml, size_t index)
{
    size_t at = yaml.len >= 3 && memcmp(yaml.ptr, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < yaml.len && index > 0) {
        at++;
        while (at < yaml.len && ((unsigned char)yaml.ptr[at] & 0xC0) == 0x80)
            at++;
        index--;
    }
    return at;
}

static struct mark mark_of(yaml_mark_t mark)
{
    return (struct mark){.yaml_index = (uint32_t)mark.index,
                         .position = {(uint32_t)mark.line + 1, (uint32_t)mark.column + 1}};
}

static int fail_at(struct loader *loader, struct mark mark, const char *format, ...) PRINTF(3, 4);

static int fail_at(struct loader *loader, struct mark mark, const char *format, ...)
{
    struct json_error *error = loader->error;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    error->out_of_memory = false;
    error->position = mark.position;
    error->offset = (uint32_t)byte_offset(loader->yaml, mark.yaml_index);
    return -1;
}

static int fail_memory(struct loader *loader, struct mark mark)
{
    (void)fail_at(loader, mark, "out of memory");
    loader->error->out_of_memory = true;
    return -1;
}

/* libyaml's own complaint. */
static int fail_parser(struct loader *loader)
{
    const yaml_parser_t *parser = &loader->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return fail_memory(loader, mark_of(parser->mark));
    const char *problem = parser->problem ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR) { /* bytes: they are no characters yet */
        struct json_error *error = loader->error;
        (void)snprintf(error->message, sizeof(error->message), "%s", problem);
        error->out_of_memory = false;
        error->offset = (uint32_t)parser->problem_offset;
        error->position = json_offset_position(loader->yaml, parser->problem_offset);
        return -1;
    }
    if (!parser->context)
        return fail_at(loader, mark_of(parser->problem_mark), "%s", problem);
    return fail_at(loader, mark_of(parser->problem_mark), "%s, from line %zu on: %s",
                   parser->context, parser->context_mark.line + 1, problem);
}

/* --- nodes --- */

/* Room for one more element in a buf of structs; false without memory. */
static bool room_for(struct buf *buf, uint32_t count, size_t size)
{
    buf->len = count * size;
    return buf_reserve(buf, size);
}

static int check_nodes(struct loader *loader, struct mark mark, uint32_t more)
{
    if (more > loader->limits.max_nodes - loader->mark_count)
        return fail_at(loader, mark, "more than %" PRIu32 " values, aliases expanded",
                       loader->limits.max_nodes);
    return 0;
}

/* After and before anything is written: `more` bytes will follow. */
static int check_bytes(struct loader *loader, struct mark mark, size_t more)
{
    if (!buf_ok(&loader->json))
        return fail_memory(loader, mark);
    if (loader->json.len + more > loader->limits.max_bytes)
        return fail_at(loader, mark, "more than %" PRIu32 " bytes, aliases expanded",
                       loader->limits.max_bytes);
    return 0;
}

static int check_depth(struct loader *loader, struct mark mark, uint32_t height)
{
    if (height > loader->limits.max_depth - loader->frame_count)
        return fail_at(loader, mark, "nested deeper than %" PRIu32 " levels",
                       loader->limits.max_depth);
    return 0;
}

/* The next node is a key of a map. */
static bool at_key(const struct loader *loader)
{
    const struct frame *frame = top(loader);
    return frame && frame->map && frame->children % 2 == 0;
}

/* The comma or colon before a node. */
static void write_separator(struct loader *loader)
{
    struct frame *frame = top(loader);
    if (!frame)
        return;
    if (frame->map && frame->children % 2 == 1)
        buf_char(&loader->json, ':');
    else if (frame->children > 0)
        buf_char(&loader->json, ',');
    frame->children++;
}

/* What every node begins with: its separator and its mark. */
static int begin_node(struct loader *loader, struct mark mark)
{
    if (check_nodes(loader, mark, 1) != 0)
        return -1;
    if (!room_for(&loader->marks, loader->mark_count, sizeof(struct mark)))
        return fail_memory(loader, mark);
    write_separator(loader);
    mark.json_offset = (uint32_t)loader->json.len;
    marks_of(loader)[loader->mark_count++] = mark;
    return check_bytes(loader, mark, 0);
}

/* Notes the name, if there is one; *anchor is NULL without. */
static int add_anchor(struct loader *loader, struct mark mark, const yaml_char_t *name,
                      struct anchor **anchor)
{
    *anchor = NULL;
    if (!name)
        return 0;
    *anchor = arena_zalloc(loader->arena, sizeof(**anchor));
    if (!*anchor || strmap_put(&loader->anchors, slice_str((const char *)name), *anchor) != 0)
        return fail_memory(loader, mark);
    (*anchor)->open = true;
    return 0;
}

/* The node that began at these places is complete. */
static void end_node(struct loader *loader, struct anchor *anchor, uint32_t first_mark,
                     uint32_t json_start, uint32_t height)
{
    struct frame *around = top(loader);
    if (around && height > around->height)
        around->height = height;
    if (anchor)
        *anchor = (struct anchor){.first_mark = first_mark,
                                  .marks = loader->mark_count - first_mark,
                                  .json_start = json_start,
                                  .json_len = (uint32_t)loader->json.len - json_start,
                                  .height = height};
}

/* --- events --- */

static int on_scalar(struct loader *loader, const yaml_event_t *event)
{
    struct mark mark = mark_of(event->start_mark);
    struct slice text = slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    bool key = at_key(loader);
    struct anchor *anchor;
    if (begin_node(loader, mark) != 0 ||
        add_anchor(loader, mark, event->data.scalar.anchor, &anchor) != 0)
        return -1;
    uint32_t start = (uint32_t)loader->json.len;
    enum json_type type;
    const char *message;
    if (yaml_write_scalar(&loader->json, text, yaml_tag_of((const char *)event->data.scalar.tag),
                          event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, &type,
                          &message) != 0)
        return fail_at(loader, mark, "%s", message);
    struct slice shown = utf8_cut(text, 40);
    if (key && type != JSON_STRING)
        return fail_at(loader, mark, "a key must be text, and %.*s is %s: write it in quotes",
                       shown.len ? (int)shown.len : 7, shown.len ? shown.ptr : "nothing",
                       json_type_name(type));
    end_node(loader, anchor, loader->mark_count - 1, start, 0);
    return check_bytes(loader, mark, 0);
}

static int on_open(struct loader *loader, const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    struct mark mark = mark_of(event->start_mark);
    const yaml_char_t *name =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const char *tag_text =
        (const char *)(map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    enum yaml_tag tag = yaml_tag_of(tag_text);
    bool plain_tag = tag == YAML_TAG_NONE || strcmp(tag_text, "!") == 0;
    if (!plain_tag && tag != (map ? YAML_TAG_MAP : YAML_TAG_SEQ))
        return fail_at(loader, mark, "the tag of a %s can only be !!%s", map ? "map" : "list",
                       map ? "map" : "seq");
    if (at_key(loader))
        return fail_at(loader, mark, "a key must be text, not a %s", map ? "map" : "list");
    struct anchor *anchor;
    if (check_depth(loader, mark, 1) != 0 || begin_node(loader, mark) != 0 ||
        add_anchor(loader, mark, name, &anchor) != 0)
        return -1;
    if (!room_for(&loader->frames, loader->frame_count, sizeof(struct frame)))
        return fail_memory(loader, mark);
    loader->frame_count++;
    *top(loader) = (struct frame){.map = map,
                                  .first_mark = loader->mark_count - 1,
                                  .json_start = (uint32_t)loader->json.len,
                                  .anchor = anchor};
    buf_char(&loader->json, map ? '{' : '[');
    return check_bytes(loader, mark, 0);
}

static int on_close(struct loader *loader, const yaml_event_t *event)
{
    struct frame closed = *top(loader);
    buf_char(&loader->json, closed.map ? '}' : ']');
    loader->frame_count--;
    end_node(loader, closed.anchor, closed.first_mark, closed.json_start, closed.height + 1);
    return check_bytes(loader, mark_of(event->start_mark), 0);
}

/* Copies the marks of an anchor's nodes: the first gets the alias' position, the ones inside keep
 * theirs. */
static int copy_marks(struct loader *loader, struct mark mark, const struct anchor *anchor)
{
    for (uint32_t i = 0; i < anchor->marks; i++) {
        if (!room_for(&loader->marks, loader->mark_count, sizeof(struct mark)))
            return fail_memory(loader, mark);
        struct mark *all = marks_of(loader);
        struct mark copy = i == 0 ? mark : all[anchor->first_mark + i];
        copy.json_offset = (uint32_t)loader->json.len +
                           (all[anchor->first_mark + i].json_offset - anchor->json_start);
        all[loader->mark_count++] = copy;
    }
    return 0;
}

static int on_alias(struct loader *loader, const yaml_event_t *event)
{
    struct mark mark = mark_of(event->start_mark);
    struct slice name = slice_str((const char *)event->data.alias.anchor);
    const struct anchor *anchor = strmap_get(&loader->anchors, name);
    struct slice shown = utf8_cut(name, 60);
    if (!anchor)
        return fail_at(loader, mark, "unknown alias *%.*s: no &%.*s stands before it",
                       SLICE_ARG(shown), SLICE_ARG(shown));
    if (anchor->open)
        return fail_at(loader, mark, "the alias *%.*s is inside what it names", SLICE_ARG(shown));
    if (at_key(loader) && loader->json.data[anchor->json_start] != '"')
        return fail_at(loader, mark, "a key must be text, and *%.*s is not", SLICE_ARG(shown));
    if (check_depth(loader, mark, anchor->height) != 0 ||
        check_nodes(loader, mark, anchor->marks) != 0 ||
        check_bytes(loader, mark, (size_t)anchor->json_len + 1) != 0)
        return -1;
    write_separator(loader);
    if (copy_marks(loader, mark, anchor) != 0)
        return -1;
    /* Room first: the bytes to copy are in the buf that grows. */
    if (!buf_reserve(&loader->json, anchor->json_len))
        return fail_memory(loader, mark);
    buf_append(&loader->json, loader->json.data + anchor->json_start, anchor->json_len);
    end_node(loader, NULL, 0, 0, anchor->height);
    return 0;
}

static int on_event(struct loader *loader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (loader->documents++ > 0)
            return fail_at(loader, mark_of(event->start_mark),
                           "a second document: there must be one only");
        return 0;
    case YAML_SCALAR_EVENT:
        return on_scalar(loader, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_open(loader, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(loader, event);
    case YAML_ALIAS_EVENT:
        return on_alias(loader, event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return 0;
}

static int load_events(struct loader *loader)
{
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&loader->parser, &event))
            return fail_parser(loader);
        ended = event.type == YAML_STREAM_END_EVENT;
        int result = on_event(loader, &event);
        yaml_event_delete(&event);
        if (result != 0)
            return -1;
    }
    if (loader->documents > 0)
        return 0;
    /* Nothing, or only comments: a null. */
    struct mark start = {.position = {1, 1}};
    if (begin_node(loader, start) != 0)
        return -1;
    buf_str(&loader->json, "null");
    return check_bytes(loader, start, 0);
}

/* --- the document --- */

/* The last node that begins at or before an offset of the JSON. */
static struct mark mark_at(const struct loader *loader, uint32_t json_offset)
{
    uint32_t low = 0, high = loader->mark_count;
    const struct mark *marks = marks_of(loader);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (marks[middle].json_offset <= json_offset)
            low = middle;
        else
            high = middle;
    }
    return marks[low];
}

static int make_document(struct loader *loader, struct json_doc *doc)
{
    struct mark start = {.position = {1, 1}};
    struct slice json = arena_copy(loader->arena, buf_slice(&loader->json));
    if (!json.ptr)
        return fail_memory(loader, start);
    struct json_error error;
    if (json_read(loader->arena, json, &loader->limits, doc, &error) != 0)
        return error.out_of_memory
                   ? fail_memory(loader, start)
                   : fail_at(loader, mark_at(loader, error.offset), "%s", error.message);
    invariant(doc->node_count == loader->mark_count,
              "YAML with %" PRIu32 " nodes, %" PRIu32 " marks", doc->node_count,
              loader->mark_count);
    struct json_position *origins =
        arena_array(loader->arena, loader->mark_count, sizeof(*origins));
    if (!origins)
        return fail_memory(loader, start);
    for (uint32_t i = 0; i < loader->mark_count; i++)
        origins[i] = marks_of(loader)[i].position;
    doc->origins = origins;
    return 0;
}

int yaml_read(struct arena *arena, struct slice text, const struct json_limits *limits,
              struct json_doc *doc, struct json_error *error)
{
    struct loader loader = {.arena = arena,
                            .yaml = text.ptr ? text : SLICE(""),
                            .limits = json_limits_effective(limits),
                            .error = error};
    struct mark start = {.position = {1, 1}};
    if (text.len > loader.limits.max_bytes)
        return fail_at(&loader, start, "the text has %zu bytes, allowed are %" PRIu32, text.len,
                       loader.limits.max_bytes);
    if (!yaml_parser_initialize(&loader.parser))
        return fail_memory(&loader, start);
    yaml_parser_set_encoding(&loader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&loader.parser, (const unsigned char *)loader.yaml.ptr,
                                 loader.yaml.len);
    buf_init(&loader.json, 0); /* capped by check_bytes, which can say so */
    buf_init(&loader.marks, 0);
    buf_init(&loader.frames, 0);
    strmap_init(&loader.anchors);
    int result = load_events(&loader);
    if (result == 0)
        result = make_document(&loader, doc);
    strmap_free(&loader.anchors);
    buf_free(&loader.frames);
    buf_free(&loader.marks);
    buf_free(&loader.json);
    yaml_parser_delete(&loader.parser);
    return result;
}
