/* suggest: the nearest known name, for "did you mean". */
#ifndef TROUPE_BASE_SUGGEST_H
#define TROUPE_BASE_SUGGEST_H

#include "base/slice.h"
#include <stdbool.h>

/* Keeps the best candidate seen so far. Start with suggest_init, offer each candidate, then read
 * `best` (ptr NULL when none is near enough: distance at most a third of the longer name, with
 * transpositions counted once, and never more than 3). */
struct suggest {
    struct slice wanted;
    struct slice best; /* borrows the candidate */
    unsigned distance;
};

void suggest_init(struct suggest *suggest, struct slice wanted);
void suggest_offer(struct suggest *suggest, struct slice candidate);

#endif
