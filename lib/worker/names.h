/* names: of workflows that requests asked for lately; the oldest gives way. */
#ifndef TROUPE_WORKER_NAMES_H
#define TROUPE_WORKER_NAMES_H

#include "base/slice.h"
#include <stdint.h>

#define NAMES_MOST 8
#define NAMES_BYTES 272 /* with a NUL; longer ones are not kept */

struct names {
    struct name {
        char text[NAMES_BYTES]; /* NAME or NAME@VERSION: a field of troupe:workflows */
        int64_t asked_us;       /* monotonic, the last time */
    } names[NAMES_MOST];
    uint32_t count;
};

/* Its place; -1: it is not there. */
int names_find(const struct names *names, struct slice text);
/* A request asked for it. */
void names_note(struct names *names, struct slice text, int64_t now_us);
/* Forgets what was not asked for since then. */
void names_forget(struct names *names, int64_t before_us);

#endif
