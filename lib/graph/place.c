#include "graph/place.h"
#include "base/utf8.h"

enum { KEY_SHOWN_BYTES = 64 };

static bool plain_name(struct slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-')))
            return false;
    }
    return key.len > 0;
}

struct writer {
    char *text;
    size_t len;
    bool full;
};

static void put(struct writer *writer, struct slice bytes)
{
    const size_t room = PATH_TEXT_BYTES - 1 - sizeof("…") - writer->len;
    if (writer->full)
        return;
    if (bytes.len > room) {
        bytes = SLICE("…");
        writer->full = true;
    }
    memcpy(writer->text + writer->len, bytes.ptr, bytes.len);
    writer->len += bytes.len;
}

static void put_index(struct writer *writer, uint32_t index)
{
    char digits[12];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index > 0);
    put(writer, SLICE("["));
    put(writer, slice_of(digits + at, sizeof(digits) - at));
    put(writer, SLICE("]"));
}

static void put_path(struct writer *writer, const struct path *path)
{
    if (!path)
        return;
    put_path(writer, path->parent); /* as deep as JSON may nest */
    if (!path->key.ptr) {
        put_index(writer, path->index);
        return;
    }
    struct slice key = utf8_cut(path->key, KEY_SHOWN_BYTES);
    bool plain = plain_name(path->key);
    if (!plain)
        put(writer, SLICE("[\""));
    else if (writer->len > 0)
        put(writer, SLICE("."));
    put(writer, key);
    if (key.len < path->key.len)
        put(writer, SLICE("…"));
    if (!plain)
        put(writer, SLICE("\"]"));
}

void path_write(const struct path *path, char text[PATH_TEXT_BYTES])
{
    struct writer writer = {.text = text};
    put_path(&writer, path);
    text[writer.len] = '\0';
}

char *path_text(const struct path *path, struct arena *arena)
{
    char text[PATH_TEXT_BYTES];
    path_write(path, text);
    return arena_strdup(arena, slice_str(text));
}

static void step(struct json_position *position, char c)
{
    if (c == '\n') {
        position->line++;
        position->column = 1;
    } else if (((unsigned char)c & 0xC0) != 0x80) {
        position->column++;
    }
}

int places_init(struct places *places, const struct json_doc *doc, struct arena *arena)
{
    *places = (struct places){.doc = doc};
    if (doc->origins)
        return 0;
    places->count = doc->text.len / PLACES_STEP + 1;
    places->checkpoints = arena_array(arena, places->count, sizeof(*places->checkpoints));
    if (!places->checkpoints)
        return -1;
    struct json_position position = {1, 1};
    for (size_t i = 0; i < doc->text.len; i++) {
        if (i % PLACES_STEP == 0)
            places->checkpoints[i / PLACES_STEP] = position;
        step(&position, doc->text.ptr[i]);
    }
    if (doc->text.len % PLACES_STEP == 0)
        places->checkpoints[places->count - 1] = position;
    return 0;
}

static struct json_position position_at(const struct places *places, size_t offset)
{
    size_t from = offset / PLACES_STEP;
    struct json_position position = places->checkpoints[from];
    for (size_t i = from * PLACES_STEP; i < offset; i++)
        step(&position, places->doc->text.ptr[i]);
    return position;
}

struct json_position places_position(const struct places *places, struct json_ref ref)
{
    if (places->doc->origins)
        return json_position(ref);
    return position_at(places, json_node(ref)->start);
}

static unsigned hex4(const char *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        value = value << 4 | digit;
    }
    return value;
}

/* One escape of a valid string: how long it is, and how many bytes it stands for. */
static size_t escape_len(const char *escape, size_t *bytes)
{
    *bytes = 1;
    if (escape[1] != 'u')
        return 2;
    unsigned point = hex4(escape + 2);
    if (point >= 0xD800 && point <= 0xDFFF) {
        *bytes = 4; /* the reader lets no lone surrogate in */
        return 12;
    }
    *bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
    return 6;
}

struct json_position places_in_string(const struct places *places, struct json_ref string,
                                      size_t offset)
{
    if (places->doc->origins)
        return json_position(string);
    const struct json_node *node = json_node(string);
    const char *text = places->doc->text.ptr;
    size_t at = node->start + 1u, passed = 0;
    while (passed < offset && at + 1 < node->end) {
        size_t bytes = 1;
        at += text[at] == '\\' ? escape_len(text + at, &bytes) : 1;
        passed += bytes;
    }
    return position_at(places, at);
}
