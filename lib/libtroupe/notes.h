/* notes: what a running task has to say for its run's events, until it was sent with a beat.
 *
 * Of progress the last one, of lines up to NOTES_LINES. Not thread-safe: its task has a lock.
 */
#ifndef TROUPE_LIBTROUPE_NOTES_H
#define TROUPE_LIBTROUPE_NOTES_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define NOTES_BODY_BYTES 4096 /* that a beat may bring */
#define NOTES_MESSAGE_BYTES 800
#define NOTES_LINE_BYTES 1500
#define NOTES_LINES 1000

struct notes_line;

struct notes {
    bool has_progress;
    double progress;
    char *message; /* NULL: none */
    struct notes_line *first, *last;
    uint32_t count, left_out;
    struct buf body; /* taken, and not sent yet */
};

/* -1 without memory. Text that is no UTF-8 is cut before what is not. */
MUSTCHECK int notes_progress(struct notes *notes, double value, const char *message);
MUSTCHECK int notes_line(struct notes *notes, const char *text);
/* The next body, a JSON object; the same until notes_said. len 0: nothing, or no memory now. */
struct slice notes_body(struct notes *notes);
void notes_said(struct notes *notes);
void notes_free(struct notes *notes);

#endif
