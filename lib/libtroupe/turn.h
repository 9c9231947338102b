/* turn: everything that there is to say to Redis, in one round trip.
 *
 * Every lane is called that has results, beats that are due, or may have tasks for the room there is.
 */
#ifndef TROUPE_LIBTROUPE_TURN_H
#define TROUPE_LIBTROUPE_TURN_H

#include "libtroupe/worker.h"

/* 0: said and answered; 1: there was nothing to say; -1: Redis is away or refuses (err), and what was not
 * answered is said again. */
int turn_make(struct troupe_worker *worker, struct err *err);
/* How many tasks it may claim: for its threads, and a little ahead of them. */
uint32_t turn_room(const struct troupe_worker *worker);

#endif
