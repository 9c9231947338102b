/* strmap: byte-string keys to pointers, open addressing, seeded hash (no collision attacks).
 *
 * Keys are copied; values are borrowed (the map never frees them). Not thread-safe.
 */
#ifndef TROUPE_BASE_STRMAP_H
#define TROUPE_BASE_STRMAP_H

#include "base/attr.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap_slot {
    uint64_t hash;
    char *key; /* NULL: free */
    size_t key_len;
    void *value;
};

struct strmap {
    struct strmap_slot *slots;
    size_t size; /* power of two, or 0 */
    size_t count;
    uint64_t seed;
};

void strmap_init(struct strmap *map);
void strmap_free(struct strmap *map);
/* NULL when absent. */
void *strmap_get(const struct strmap *map, struct slice key);
/* Adds or replaces; value must not be NULL. -1 without memory. */
MUSTCHECK int strmap_put(struct strmap *map, struct slice key, void *value);
/* The value that was there, or NULL. */
void *strmap_remove(struct strmap *map, struct slice key);
/* Iteration: start with *at = 0; false at the end. No changes while iterating. */
bool strmap_each(const struct strmap *map, size_t *at, struct slice *key, void **value);

#endif
