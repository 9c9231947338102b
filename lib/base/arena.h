/* arena: memory that is given back all at once.
 *
 * One per definition, per evaluation, per request. Every arena has a cap: what grows from outside
 * cannot grow without end. Allocation returns NULL at the cap or when the system has no memory;
 * callers must cope (unit tests fail every allocation in turn). Memory is aligned for any type and
 * not zeroed, except by arena_zalloc. Not thread-safe; an arena belongs to one thread at a time.
 */
#ifndef TROUPE_BASE_ARENA_H
#define TROUPE_BASE_ARENA_H

#include "base/attr.h"
#include "base/slice.h"
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block; blocks form a list */
    size_t used_bytes;        /* handed out by all blocks, for the cap */
    size_t cap_bytes;         /* 0: no cap */
};

/* Makes an empty arena; allocates nothing yet. */
void arena_init(struct arena *arena, size_t cap_bytes);

/* Frees everything. The arena may be used again afterwards, with the same cap. */
void arena_free(struct arena *arena);

/* Forgets everything but keeps the newest block for reuse: for per-token scratch on hot paths. */
void arena_reset(struct arena *arena);
/* How large that block is. */
size_t arena_room(const struct arena *arena);

/* How much of it is used; arena_rewind forgets all that was handed out since. */
struct arena_mark {
    struct arena_block *head;
    size_t used, used_bytes;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* NULL at the cap or without memory. size 0 gives a valid pointer. */
MUSTCHECK void *arena_alloc(struct arena *arena, size_t size);
MUSTCHECK void *arena_zalloc(struct arena *arena, size_t size);
/* count * size, checked for overflow; zeroed. */
MUSTCHECK void *arena_array(struct arena *arena, size_t count, size_t size);
/* A copy with a NUL behind it (not counted in the slice). ptr is NULL on failure. */
MUSTCHECK struct slice arena_copy(struct arena *arena, struct slice bytes);
/* A NUL-terminated copy, NULL on failure. */
MUSTCHECK char *arena_strdup(struct arena *arena, struct slice bytes);

/* Test hook: when not NULL, called before each system allocation made by arenas and bufs; returning
 * false makes that allocation fail. Set only by tests. */
extern bool (*arena_test_may_allocate)(void);
/* The same before each piece that an arena hands out: there are many in a block. */
extern bool (*arena_test_may_hand_out)(void);

#endif
