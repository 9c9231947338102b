/* recent: the last RECENT_MAX ids that were added, and whether one is among them. */
#ifndef TROUPE_WORKER_RECENT_H
#define TROUPE_WORKER_RECENT_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define RECENT_MAX 4096
#define RECENT_ID_BYTES 44 /* with a NUL: longer ids are not kept */

/* A ring, and chains through it by hash: looking costs the same however many there are. */
struct recent {
    uint64_t seed;
    uint32_t added;
    uint16_t heads[RECENT_MAX], next[RECENT_MAX]; /* slot + 1; 0: none */
    char ids[RECENT_MAX][RECENT_ID_BYTES];
};

void recent_init(struct recent *recent);
/* The oldest is forgotten when there are RECENT_MAX. Returns its slot, below RECENT_MAX, for what the
 * caller knows of it; -1: not kept. */
int recent_add(struct recent *recent, struct slice id);
/* The slot, of the one added last if there are two; -1: not there. */
int recent_find(const struct recent *recent, struct slice id);

#endif
