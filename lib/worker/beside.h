/* beside: values that were read from beside their runs, while tokens use them.
 *
 * A value is shared by all tokens that hold a reference to it and goes with the last one: a fan of a hundred
 * reads of one output reads it once. What a number names never changes, so there is nothing to refresh.
 */
#ifndef TROUPE_WORKER_BESIDE_H
#define TROUPE_WORKER_BESIDE_H

#include "base/attr.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which value: of a run as it was started, by the number of the token that brought it. */
struct beside_name {
    struct slice run, incarnation, number;
};

#define BESIDE_CHAINS 256 /* a join may want ten thousand */

struct beside_list {
    struct beside *chains[BESIDE_CHAINS];
    size_t bytes; /* of all values in it */
};

struct beside {
    struct beside *next, **at; /* in its chain */
    struct beside *also;       /* whoever holds it may link them */
    uint32_t holders;
    struct beside_name name;
    struct slice value; /* ptr NULL: nothing was there */
    char bytes[];
};

/* Held once. value.ptr NULL: nothing is there. NULL without memory. */
MUSTCHECK struct beside *beside_new(struct beside_list *list, const struct beside_name *name,
                                    struct slice value);
/* Borrowed; NULL: it is not at hand. */
struct beside *beside_find(const struct beside_list *list, const struct beside_name *name);
struct beside *beside_hold(struct beside *beside);
void beside_release(struct beside_list *list, struct beside *beside); /* NULL is fine */

#endif
