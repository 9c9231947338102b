/* pretty: JSON for people. */
#ifndef TROUPE_PRETTY_H
#define TROUPE_PRETTY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "term.h"
#include <stdbool.h>
#include <stdint.h>

struct pretty {
    uint32_t width;      /* what fits is written on one line */
    uint32_t indent;     /* of lines behind the first */
    uint32_t lines_most; /* 0: all; else what is beyond them is left out, and said to be */
    bool colour, unicode;
};

/* Text that is no JSON is written as it is. Returns false when something was left out. */
bool pretty_write(struct buf *out, struct slice json, const struct pretty *pretty,
                  struct arena *arena);

#endif
