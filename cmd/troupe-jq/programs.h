/* programs: compiled programs, kept by their text; the least recently used one goes.
 *
 * libjq compiles its own library of definitions anew for each program, some tens of milliseconds, and
 * runs most programs in microseconds.
 */
#ifndef TROUPE_JQ_PROGRAMS_H
#define TROUPE_JQ_PROGRAMS_H

#include <jq.h>
#include <stddef.h>

enum { PROGRAMS_MAX = 128, PROGRAMS_MAX_BYTES = 1 << 20 /* of text */ };

struct program {
    char *text; /* NULL: no program here */
    size_t bytes;
    jq_state *state;
    unsigned long used;
};

struct programs {
    struct program all[PROGRAMS_MAX];
    size_t bytes;
    unsigned long uses;
    void (*out_of_memory)(void *); /* libjq's allocations call it; must not return */
};

/* Why a program does not compile. */
struct problem {
    char message[512];
    size_t offset; /* of the byte where it shows, or of its line's first */
};

/* The compiled program; programs owns it until the next call. NULL with *problem. The text is
 * NUL-terminated at text[bytes]. */
jq_state *programs_get(struct programs *programs, const char *text, size_t bytes,
                       struct problem *problem);

#endif
