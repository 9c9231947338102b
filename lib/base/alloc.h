/* alloc: the one door to malloc for what grows from outside.
 *
 * For lib/base, but for the last one: arenas, bufs and maps get their memory here, so that a test can fail each
 * allocation in turn (arena_test_may_allocate in base/arena.h). Freed with free().
 */
#ifndef TROUPE_BASE_ALLOC_H
#define TROUPE_BASE_ALLOC_H

#include "base/attr.h"
#include <stddef.h>

/* NULL without memory. */
MUSTCHECK void *mem_alloc(size_t size);
MUSTCHECK void *mem_calloc(size_t count, size_t size);
/* NULL without memory, and then `old` is untouched. */
MUSTCHECK void *mem_realloc(void *old, size_t size);

/* For servers, at their start: memory that was freed goes back to the system, after bursts too. */
void mem_give_back(void);

#endif
