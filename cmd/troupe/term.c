/* term: colours, widths, durations. */
#include "term.h"
#include "base/attr.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_LEAST = 40, WIDTH_MOST = 400, HEIGHT_DEFAULT = 24 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Containers seldom set a locale, and today's terminals speak UTF-8: only who names another
 * character set, or the plain C locale, gets ASCII. */
static bool speaks_unicode(void)
{
    const char *locale = variable("LC_ALL");
    locale = locale ? locale : variable("LC_CTYPE");
    locale = locale ? locale : variable("LANG");
    const char *term = variable("TERM");
    if (term && (strcmp(term, "dumb") == 0 || strcmp(term, "linux") == 0))
        return false;
    if (!locale)
        return true;
    const char *dot = strchr(locale, '.');
    return dot && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
}

static uint32_t between(long value, long least, long most, long otherwise)
{
    if (value <= 0)
        value = otherwise;
    return (uint32_t)(value < least ? least : value > most ? most : value);
}

void term_resize(struct term *term, int fd)
{
    struct winsize size = {0};
    long columns = 0, rows = 0;
    if (term->tty && ioctl(fd, TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
        rows = size.ws_row;
    }
    const char *given = variable("COLUMNS");
    if (columns <= 0 && given)
        columns = strtol(given, NULL, 10);
    term->width = between(columns, WIDTH_LEAST, WIDTH_MOST, WIDTH_DEFAULT);
    term->height = between(rows, 4, 1000, HEIGHT_DEFAULT);
}

struct term term_of(int fd)
{
    struct term term = {.tty = isatty(fd) == 1, .unicode = speaks_unicode()};
    const char *kind = variable("TERM");
    term.colour = term.tty && !variable("NO_COLOR") && kind && strcmp(kind, "dumb") != 0;
    term_resize(&term, fd);
    return term;
}

static const char *const style_codes[] = {
    [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
    [STYLE_RED] = "\033[31m",  [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
    [STYLE_BLUE] = "\033[34m", [STYLE_CYAN] = "\033[36m",
};

void style_begin(struct buf *out, bool colour, enum style style)
{
    if (colour)
        buf_str(out, style_codes[style]);
}

void style_end(struct buf *out, bool colour, enum style style)
{
    if (colour && style != STYLE_PLAIN)
        buf_str(out, "\033[0m");
}

void style_str(struct buf *out, bool colour, enum style style, const char *text)
{
    style_begin(out, colour, style);
    buf_str(out, text);
    style_end(out, colour, style);
}

/* The bytes of the next code point, or of what is shown in its place: bytes that are no UTF-8 and
 * control characters (C0, DEL, and C1, which is two bytes). */
static size_t next_point(struct slice text, size_t at, bool *control)
{
    size_t bytes = utf8_sequence(text.ptr + at, text.len - at);
    const unsigned char *s = (const unsigned char *)text.ptr + at;
    *control = bytes == 0 || (bytes == 1 && (s[0] < 0x20 || s[0] == 0x7F)) ||
               (bytes == 2 && s[0] == 0xC2 && s[1] < 0xA0);
    return bytes ? bytes : 1;
}

uint32_t text_width(struct slice text)
{
    uint32_t width = 0;
    bool control;
    for (size_t at = 0; at < text.len; at += next_point(text, at, &control))
        width++;
    return width;
}

uint32_t text_fit(struct buf *out, struct slice text, uint32_t most, bool unicode)
{
    uint32_t width = text_width(text), room = most;
    const char *ellipsis = "";
    if (width > most) {
        ellipsis = unicode ? "\u2026" : most >= 3 ? "..." : "";
        room -= *ellipsis ? (unicode ? 1 : 3) : 0;
    }
    uint32_t written = 0;
    for (size_t at = 0; at < text.len && written < room; written++) {
        bool control;
        size_t bytes = next_point(text, at, &control);
        if (control)
            buf_char(out, ' ');
        else
            buf_append(out, text.ptr + at, bytes);
        at += bytes;
    }
    buf_str(out, ellipsis);
    return written + text_width(slice_str(ellipsis));
}

void text_plain(struct buf *out, struct slice text) { (void)text_fit(out, text, UINT32_MAX, true); }

void text_pad(struct buf *out, uint32_t count)
{
    while (count-- > 0)
        buf_char(out, ' ');
}

void duration_write(struct buf *out, int64_t us)
{
    us = us < 0 ? 0 : us;
    int64_t ms = us / 1000, s = ms / 1000;
    if (us < 1000)
        buf_printf(out, "%lld us", (long long)us);
    else if (us < 9950)
        buf_printf(out, "%.1f ms", (double)us / 1e3);
    else if (us < 999500)
        buf_printf(out, "%lld ms", (long long)((us + 500) / 1000));
    else if (us < 9995000)
        buf_printf(out, "%.2f s", (double)us / 1e6);
    else if (us < 59950000)
        buf_printf(out, "%.1f s", (double)us / 1e6);
    else if (s < 3600)
        buf_printf(out, "%lldm%02llds", (long long)s / 60, (long long)s % 60);
    else if (s < 86400)
        buf_printf(out, "%lldh%02lldm", (long long)s / 3600, (long long)s / 60 % 60);
    else
        buf_printf(out, "%lldd%02lldh", (long long)s / 86400, (long long)s / 3600 % 24);
}

void time_of_day_write(struct buf *out, int64_t wall_us, bool with_ms)
{
    int64_t ms = wall_us / 1000 % 86400000;
    ms = ms < 0 ? ms + 86400000 : ms;
    buf_printf(out, "%02d:%02d:%02d", (int)(ms / 3600000), (int)(ms / 60000 % 60),
               (int)(ms / 1000 % 60));
    if (with_ms)
        buf_printf(out, ".%03d", (int)(ms % 1000));
}
