/* strmap: linear probing, at most three quarters full; removing moves later slots back, so there
 * are no tombstones. */
#include "base/strmap.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include <stdlib.h>

enum { FIRST_SLOTS = 16 };

void strmap_init(struct strmap *map) { *map = (struct strmap){.seed = hash_seed()}; }

void strmap_free(struct strmap *map)
{
    for (size_t i = 0; i < map->size; i++)
        free(map->slots[i].key);
    free(map->slots);
    map->slots = NULL;
    map->size = map->count = 0;
}

/* The key's slot, or the free one where it would stand. The map is not empty. */
static struct strmap_slot *find(const struct strmap *map, struct slice key, uint64_t hash)
{
    size_t at = (size_t)hash & (map->size - 1);
    for (;; at = (at + 1) & (map->size - 1)) {
        struct strmap_slot *slot = &map->slots[at];
        if (!slot->key || (slot->hash == hash && slice_eq(slice_of(slot->key, slot->key_len), key)))
            return slot;
    }
}

void *strmap_get(const struct strmap *map, struct slice key)
{
    if (map->count == 0)
        return NULL;
    const struct strmap_slot *slot = find(map, key, hash_bytes(key, map->seed));
    return slot->key ? slot->value : NULL;
}

static int resize(struct strmap *map, size_t size)
{
    struct strmap_slot *old = map->slots;
    size_t old_size = map->size;
    struct strmap_slot *slots = mem_calloc(size, sizeof(*slots));
    if (!slots)
        return -1;
    map->slots = slots;
    map->size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].key)
            *find(map, slice_of(old[i].key, old[i].key_len), old[i].hash) = old[i];
    }
    free(old);
    return 0;
}

int strmap_put(struct strmap *map, struct slice key, void *value)
{
    invariant(value != NULL, "strmap_put: a value must not be NULL");
    uint64_t hash = hash_bytes(key, map->seed);
    /* Room first, even if the key turns out to be there: then there is always a free slot to end a
     * search at. */
    if ((map->count + 1) * 4 > map->size * 3 &&
        resize(map, map->size ? map->size * 2 : FIRST_SLOTS) != 0)
        return -1;
    struct strmap_slot *slot = find(map, key, hash);
    if (slot->key) {
        slot->value = value;
        return 0;
    }
    char *copy = mem_alloc(key.len + 1);
    if (!copy)
        return -1;
    if (key.len)
        memcpy(copy, key.ptr, key.len);
    copy[key.len] = '\0';
    *slot = (struct strmap_slot){hash, copy, key.len, value};
    map->count++;
    return 0;
}

void *strmap_remove(struct strmap *map, struct slice key)
{
    if (map->count == 0)
        return NULL;
    struct strmap_slot *slot = find(map, key, hash_bytes(key, map->seed));
    if (!slot->key)
        return NULL;
    void *value = slot->value;
    free(slot->key);
    map->count--;
    size_t mask = map->size - 1;
    size_t hole = (size_t)(slot - map->slots);
    for (size_t at = (hole + 1) & mask; map->slots[at].key; at = (at + 1) & mask) {
        /* A slot may move back to the hole unless its home lies behind the hole. */
        size_t home = (size_t)map->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (struct strmap_slot){0};
    return value;
}

bool strmap_each(const struct strmap *map, size_t *at, struct slice *key, void **value)
{
    for (; *at < map->size; ++*at) {
        const struct strmap_slot *slot = &map->slots[*at];
        if (!slot->key)
            continue;
        *key = slice_of(slot->key, slot->key_len);
        *value = slot->value;
        ++*at;
        return true;
    }
    return false;
}
