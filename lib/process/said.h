/* said: the first and the last bytes of what a program says, and its lines as they come.
 *
 * Lines are cut at SAID_LINE_BYTES: what is longer comes as several. Memory is bounded by the three
 * constants, whatever is said.
 */
#ifndef TROUPE_PROCESS_SAID_H
#define TROUPE_PROCESS_SAID_H

#include "base/buf.h"
#include <stdint.h>

enum { SAID_HEAD_BYTES = 8192, SAID_TAIL_BYTES = 8192, SAID_LINE_BYTES = 2048 };

typedef void said_line_fn(void *context, struct slice line);

struct said {
    struct buf head, line;
    char *tail; /* a ring of SAID_TAIL_BYTES; NULL: none yet, or no memory */
    uint64_t tail_count;
    uint64_t count; /* bytes in all */
};

void said_init(struct said *said);
void said_free(struct said *said);
/* on_line may be NULL: nobody wants lines. */
void said_add(struct said *said, struct slice bytes, said_line_fn *on_line, void *context);
/* The last line, which nothing ended. */
void said_end(struct said *said, said_line_fn *on_line, void *context);
/* Appends the beginning, how much is left out, the end. */
void said_write(const struct said *said, struct buf *out);
/* Appends the last `most` bytes at most, without the newlines at the end. */
void said_write_end(const struct said *said, size_t most, struct buf *out);

#endif
