#include "libtroupe/notes.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/utf8.h"
#include <stdlib.h>

enum { ROOM = 96 }; /* of a body, for names and braces */

struct notes_line {
    struct notes_line *next;
    size_t len;
    char text[];
};

/* What of it is UTF-8, so many bytes at most as JSON. */
static struct slice cut(const char *text, size_t most)
{
    const size_t len = strlen(text);
    size_t at = 0, size = 0;
    while (at < len) {
        const size_t step = utf8_sequence(text + at, len - at);
        const unsigned char c = (unsigned char)text[at];
        size += c < 0x20 ? 6 : c == '"' || c == '\\' ? 2 : step;
        if (step == 0 || size > most)
            break;
        at += step;
    }
    return slice_of(text, at);
}

int notes_progress(struct notes *notes, double value, const char *message)
{
    if (message) {
        const struct slice text = cut(message, NOTES_MESSAGE_BYTES);
        char *copy = mem_alloc(text.len + 1);
        if (!copy)
            return -1;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        free(notes->message);
        notes->message = copy;
    }
    notes->has_progress = true;
    notes->progress = value < 0 ? 0 : value > 1 ? 1 : value;
    return 0;
}

static void drop_first(struct notes *notes)
{
    struct notes_line *line = notes->first;
    notes->first = line->next;
    if (!notes->first)
        notes->last = NULL;
    notes->count--;
    free(line);
}

int notes_line(struct notes *notes, const char *text)
{
    const struct slice kept = cut(text, NOTES_LINE_BYTES);
    struct notes_line *line = mem_alloc(sizeof(*line) + kept.len);
    if (!line)
        return -1;
    line->next = NULL;
    line->len = kept.len;
    memcpy(line->text, kept.ptr, kept.len);
    if (notes->count == NOTES_LINES) {
        drop_first(notes);
        notes->left_out++;
    }
    if (notes->last)
        notes->last->next = line;
    else
        notes->first = line;
    notes->last = line;
    notes->count++;
    return 0;
}

static bool is_waiting(const struct notes *notes)
{
    return notes->body.len > 0 || notes->has_progress || notes->first;
}

static void write_lines(struct notes *notes, struct buf *out)
{
    bool first = true;
    buf_str(out, out->len > 1 ? ",\"log\":[" : "\"log\":[");
    if (notes->left_out > 0) {
        buf_printf(out, "\"(%u lines left out)\"", notes->left_out);
        notes->left_out = 0;
        first = false;
    }
    while (notes->first && out->len + NOTES_LINE_BYTES + ROOM < NOTES_BODY_BYTES) {
        if (!first)
            buf_char(out, ',');
        first = false;
        json_write_string(out, slice_of(notes->first->text, notes->first->len));
        drop_first(notes);
    }
    buf_char(out, ']');
}

struct slice notes_body(struct notes *notes)
{
    struct buf *out = &notes->body;
    /* All of its memory beforehand: what is taken from the notes must not be lost halfway. */
    if (out->len > 0 || !is_waiting(notes) || !buf_reserve(out, NOTES_BODY_BYTES)) {
        out->failed = false;
        return buf_slice(out);
    }
    buf_char(out, '{');
    if (notes->has_progress) {
        buf_str(out, "\"progress\":");
        json_write_double(out, notes->progress);
        notes->has_progress = false;
    }
    if (notes->message) {
        buf_str(out, ",\"message\":");
        json_write_string(out, slice_str(notes->message));
        free(notes->message);
        notes->message = NULL;
    }
    if (notes->first)
        write_lines(notes, out);
    buf_char(out, '}');
    return buf_slice(out);
}

void notes_said(struct notes *notes) { buf_reset(&notes->body); }

void notes_free(struct notes *notes)
{
    while (notes->first)
        drop_first(notes);
    free(notes->message);
    buf_free(&notes->body);
}
