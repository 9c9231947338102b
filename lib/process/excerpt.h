/* excerpt: the first and the last bytes of what a program says, and its lines as they come.
 *
 * Lines are cut at EXCERPT_LINE_BYTES: what is longer comes as several. Memory is bounded by the three
 * constants, whatever is said.
 */
#ifndef TROUPE_PROCESS_EXCERPT_H
#define TROUPE_PROCESS_EXCERPT_H

#include "base/buf.h"
#include <stdint.h>

enum { EXCERPT_HEAD_BYTES = 8192, EXCERPT_TAIL_BYTES = 8192, EXCERPT_LINE_BYTES = 2048 };

typedef void excerpt_line_fn(void *context, struct slice line);

struct excerpt {
    struct buf head, line;
    char *tail; /* a ring of EXCERPT_TAIL_BYTES; NULL: none yet, or no memory */
    uint64_t tail_count;
    uint64_t count; /* bytes in all */
};

void excerpt_init(struct excerpt *excerpt);
void excerpt_free(struct excerpt *excerpt);
/* on_line may be NULL: nobody wants lines. */
void excerpt_add(struct excerpt *excerpt, struct slice bytes, excerpt_line_fn *on_line,
                 void *context);
/* The last line, which nothing ended. */
void excerpt_end(struct excerpt *excerpt, excerpt_line_fn *on_line, void *context);
/* Appends the beginning, how much is left out, the end. */
void excerpt_write(const struct excerpt *excerpt, struct buf *out);
/* Appends the last `most` bytes at most, without the newlines at the end. */
void excerpt_write_end(const struct excerpt *excerpt, size_t most, struct buf *out);

#endif
