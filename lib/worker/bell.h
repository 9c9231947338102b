/* bell: what wakes an idle worker.
 *
 * One blocking XREADGROUP ... COUNT 1 over the queue streams of all open partitions and the inbox,
 * on a connection of its own. Armed only while the worker is not busy: a busy one looks into queues by
 * itself, and when it stays busy the bell listens to the inbox only, until it has nothing to do.
 * What it brings is delivered to us already, so channels adopt it. It creates nothing: after NOGROUP
 * it waits for the supervisor to open the partition again.
 */
#ifndef TROUPE_WORKER_BELL_H
#define TROUPE_WORKER_BELL_H

#include "base/attr.h"
#include "base/err.h"
#include <stdbool.h>

struct worker;
struct bell;

MUSTCHECK struct bell *bell_new(struct worker *worker, const char *url, struct err *err);
/* Closes the connection: a blocked read ends with it. */
void bell_free(struct bell *bell);
/* Arms it unless it is armed, backs off, or has nothing to listen to. */
void bell_arm(struct bell *bell);
/* A process of this name was here before and has not left: a read of its bell may still be served, in our name. */
void bell_distrust(struct bell *bell);
/* Looks a second time for what a lost read may have brought. */
void bell_tick(struct bell *bell);
/* Of a busy worker: listens to the inbox alone, for as many entries as it may ask for now. Does nothing
 * where it could not be ended at once (bell_hear_all). */
void bell_arm_inbox(struct bell *bell);
/* There is nothing to do: asks Redis to end a deaf one. */
void bell_hear_all(struct bell *bell);
/* A read of the inbox is under way: nobody else need look. */
bool bell_hears_inbox(const struct bell *bell);
/* A read of the queues is under way. */
bool bell_hears_queues(const struct bell *bell);
bool bell_is_armed(const struct bell *bell);
/* What is there to be heard does not ring it: somebody has to look, until it is armed anew. */
bool bell_is_deaf(const struct bell *bell);
/* For draining: arms no more, and asks Redis to end the read that is under way. Without the permission
 * (CLIENT UNBLOCK) it ends by itself, within 2 s. */
void bell_stop(struct bell *bell);
/* No read is under way or may have been left behind in the server: nothing comes any more. */
bool bell_is_silent(const struct bell *bell);

#endif
