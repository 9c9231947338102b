/* term: what the other end of a descriptor can show, and text that is safe to show there. */
#ifndef TROUPE_TERM_H
#define TROUPE_TERM_H

#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct term {
    bool tty;
    bool colour;            /* a terminal, and neither NO_COLOR nor TERM=dumb */
    bool unicode;           /* unless the locale names another character set */
    uint32_t width, height; /* columns and lines; 80 and 24 when unknown */
};

struct term term_of(int fd);
/* Width and height anew, after the window may have changed. */
void term_resize(struct term *term, int fd);

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE,
    STYLE_CYAN,
};

/* Escape sequences, nothing when there is no colour or the style is plain. */
void style_begin(struct buf *out, bool colour, enum style style);
void style_end(struct buf *out, bool colour, enum style style);
void style_str(struct buf *out, bool colour, enum style style, const char *text);

/* Code points. */
uint32_t text_width(struct slice text);
/* At most `most` code points of text, the last an ellipsis when something was cut. Control
 * characters, which could speak to the terminal, become spaces. Returns how many were written. */
uint32_t text_fit(struct buf *out, struct slice text, uint32_t most, bool unicode);
/* All of it, made safe. */
void text_plain(struct buf *out, struct slice text);
void text_pad(struct buf *out, uint32_t count);

/* "48 us", "312 ms", "1.24 s", "2m03s", "1h05m", "3d04h". */
void duration_write(struct buf *out, int64_t duration_us);
/* "12:34:56", "12:34:56.123" with milliseconds: UTC. */
void time_of_day_write(struct buf *out, int64_t wall_us, bool with_ms);

#endif
