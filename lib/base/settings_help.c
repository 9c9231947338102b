/* settings_help: two columns, the right one wrapped. */
#include "base/buf.h"
#include "base/settings.h"

enum { PAGE_WIDTH = 100, LEFT_MOST = 34, GAP = 2 };

/* "  -o, --output FORMAT" */
static void write_left(struct buf *left, const struct setting *setting)
{
    buf_reset(left);
    if (setting->letter)
        buf_printf(left, "  -%c, --%s", setting->letter, setting->name);
    else
        buf_printf(left, "      --%s", setting->name);
    if (setting->kind != SETTING_FLAG)
        buf_printf(left, " %s", setting->value_name ? setting->value_name : "VALUE");
}

static void write_right(struct buf *right, const struct setting *setting)
{
    buf_reset(right);
    buf_str(right, setting->help);
    if (setting->default_text && setting->kind != SETTING_FLAG && !setting->secret)
        buf_printf(right, " (default: %s)", setting->default_text);
}

static size_t code_points(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

/* Words from column `indent` on, which is where the first one goes. */
static void write_wrapped(FILE *out, struct slice text, size_t indent)
{
    size_t column = indent;
    while (text.len > 0) {
        const char *space = memchr(text.ptr, ' ', text.len);
        struct slice word = slice_of(text.ptr, space ? (size_t)(space - text.ptr) : text.len);
        size_t width = code_points(word);
        if (column > indent && column + 1 + width > PAGE_WIDTH) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        (void)fprintf(out, "%s%.*s", column > indent ? " " : "", SLICE_ARG(word));
        column += (column > indent) + width;
        size_t taken = word.len + (space != NULL);
        text = slice_of(text.ptr + taken, text.len - taken);
    }
    (void)fputc('\n', out);
}

void settings_help(FILE *out, const struct setting *table, uint32_t count)
{
    struct buf left, right;
    buf_init(&left, 0);
    buf_init(&right, 0);
    size_t widest = 0;
    for (uint32_t i = 0; i < count; i++) {
        write_left(&left, &table[i]);
        if (left.len > widest && left.len <= LEFT_MOST)
            widest = left.len;
    }
    for (uint32_t i = 0; i < count; i++) {
        write_left(&left, &table[i]);
        write_right(&right, &table[i]);
        (void)fwrite(left.data, 1, left.len, out);
        if (left.len > widest)
            (void)fprintf(out, "\n%*s", (int)(widest + GAP), "");
        else
            (void)fprintf(out, "%*s", (int)(widest + GAP - left.len), "");
        write_wrapped(out, buf_slice(&right), widest + GAP);
    }
    buf_free(&left);
    buf_free(&right);
}
