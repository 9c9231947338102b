/* holding: the tasks that a worker has, from their claim to their result.
 *
 *   taken --> lane's jobs: waits for a thread, runs --> lane's results --> freed when Redis took it
 *                 |                                        ^
 *                 +-- dropped: freed, or when it comes back   +-- handed back, or cannot be executed
 *
 * All of it on the loop's thread but holding_noted.
 */
#ifndef TROUPE_LIBTROUPE_HOLDING_H
#define TROUPE_LIBTROUPE_HOLDING_H

#include "libtroupe/worker.h"

/* A claim as the script gives it, of five elements. One that cannot be read, or for which there is no
 * memory, is said and left to lapse. */
void holding_take(struct troupe_worker *worker, struct lane *lane, const redisReply *given);
/* What the pool's threads have done since. */
void holding_take_done(struct troupe_worker *worker);
/* It has a result. Its last words go before it. */
void holding_settle(struct job *job);
/* Nobody wants it: what runs is told, and freed when it comes back. */
void holding_drop(struct troupe_worker *worker, struct job *job);
/* A result without its callback: handed back, or one that cannot be executed here. `body` is JSON text. */
void holding_result(struct job *job, char kind, const char *body);
/* The task has words to say. From any thread. */
void holding_noted(struct troupe_task *task);

#endif
