/* pretty: values that fit stand on one line, others are opened. */
#include "pretty.h"
#include "base/json.h"

enum { STEP = 2, CUT_LEAST = 40 };

struct writer {
    struct buf *out;
    const struct pretty *pretty;
    uint32_t lines;
    bool cut;
};

/* Columns that the value takes on one line; more than `most` once that is clear. */
static uint32_t flat_width(struct json_ref value, uint32_t most)
{
    if (json_type(value) != JSON_ARRAY && json_type(value) != JSON_OBJECT)
        return text_width(json_text(value));
    uint32_t width = 2;
    struct json_iter it = json_iter(value);
    for (bool first = true; width <= most && json_next(&it); first = false) {
        if (json_type(value) == JSON_OBJECT)
            width += text_width(json_text(it.key)) + 2;
        width += flat_width(it.value, most - width < most ? most - width : 0) + (first ? 0 : 2);
    }
    return width;
}

static void write_scalar(struct writer *writer, struct json_ref value, uint32_t column)
{
    const struct pretty *pretty = writer->pretty;
    struct slice text = json_text(value);
    uint32_t room = pretty->width > column + CUT_LEAST ? pretty->width - column : CUT_LEAST;
    if (pretty->lines_most == 0)
        text_plain(writer->out, text);
    else {
        writer->cut = writer->cut || text_width(text) > room;
        (void)text_fit(writer->out, text, room, pretty->unicode);
    }
}

static void write_key(struct writer *writer, struct json_ref key)
{
    style_begin(writer->out, writer->pretty->colour, STYLE_BLUE);
    text_plain(writer->out, json_text(key));
    style_end(writer->out, writer->pretty->colour, STYLE_BLUE);
    buf_str(writer->out, ": ");
}

static void write_flat(struct writer *writer, struct json_ref value)
{
    bool object = json_type(value) == JSON_OBJECT;
    if (!object && json_type(value) != JSON_ARRAY) {
        text_plain(writer->out, json_text(value));
        return;
    }
    buf_char(writer->out, object ? '{' : '[');
    struct json_iter it = json_iter(value);
    for (bool first = true; json_next(&it); first = false) {
        buf_str(writer->out, first ? "" : ", ");
        if (object)
            write_key(writer, it.key);
        write_flat(writer, it.value);
    }
    buf_char(writer->out, object ? '}' : ']');
}

static void new_line(struct writer *writer, uint32_t indent)
{
    buf_char(writer->out, '\n');
    text_pad(writer->out, indent);
    writer->lines++;
}

static void write_value(struct writer *writer, struct json_ref value, uint32_t indent,
                        uint32_t column);

/* Once the lines are used up, what is left of each container that is open is one ellipsis. */
static void write_open(struct writer *writer, struct json_ref value, uint32_t indent)
{
    bool object = json_type(value) == JSON_OBJECT;
    uint32_t most = writer->pretty->lines_most, left = json_count(value);
    buf_char(writer->out, object ? '{' : '[');
    struct json_iter it = json_iter(value);
    for (bool first = true; json_next(&it); first = false, left--) {
        buf_str(writer->out, first ? "" : ",");
        new_line(writer, indent + STEP);
        if (most > 0 && writer->lines + 1 >= most && left > 1) {
            buf_printf(writer->out, "%s %u more", writer->pretty->unicode ? "\u2026" : "...", left);
            writer->cut = true;
            break;
        }
        uint32_t column = indent + STEP;
        if (object) {
            write_key(writer, it.key);
            column += text_width(json_text(it.key)) + 2;
        }
        write_value(writer, it.value, indent + STEP, column);
    }
    new_line(writer, indent);
    buf_char(writer->out, object ? '}' : ']');
}

static void write_value(struct writer *writer, struct json_ref value, uint32_t indent,
                        uint32_t column)
{
    enum json_type type = json_type(value);
    uint32_t room = writer->pretty->width > column + 1 ? writer->pretty->width - column - 1 : 0;
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        write_scalar(writer, value, column);
    else if (json_count(value) == 0 || flat_width(value, room) <= room)
        write_flat(writer, value);
    else
        write_open(writer, value, indent);
}

bool pretty_write(struct buf *out, struct slice json, const struct pretty *pretty,
                  struct arena *arena)
{
    struct json_doc doc;
    struct json_error error;
    if (json_read(arena, json, NULL, &doc, &error) != 0) {
        text_plain(out, json);
        return true;
    }
    struct writer writer = {.out = out, .pretty = pretty};
    write_value(&writer, json_root(&doc), pretty->indent, pretty->indent);
    return !writer.cut;
}
