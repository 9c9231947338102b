/* json_keys: finds a key that occurs twice in one object. Internal to lib/base. */
#ifndef TROUPE_BASE_JSON_KEYS_H
#define TROUPE_BASE_JSON_KEYS_H

#include "base/json.h"

/* Scratch of one reading; allocates only for objects with many or escaped keys. */
struct json_keys {
    struct buf table;
    struct buf text;
    uint64_t seed; /* 0: not drawn yet */
};

void json_keys_init(struct json_keys *keys);
void json_keys_free(struct json_keys *keys);

/* Looks at the object `nodes[object]`, whose last node is nodes[end - 1]. Keys are compared
 * unescaped, in time linear in their bytes. 0: all differ; 1: *duplicate is the node of the second
 * one; -1: no memory. */
MUSTCHECK int json_keys_check(struct json_keys *keys, struct slice text,
                              const struct json_node *nodes, uint32_t object, uint32_t end,
                              uint32_t *duplicate);

#endif
