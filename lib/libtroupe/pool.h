/* pool: the threads that callbacks run on.
 *
 *   pool_submit ──> waiting ──thread──> running ──> done ──> pool_take
 *
 * One thread submits and takes; `wake` is called on a thread of the pool when the first one is done
 * since the last pool_take. Threads start when they are needed, and block all signals. A callback that
 * does not come back keeps its thread: the pool can be closed without it, and is then never freed.
 */
#ifndef TROUPE_LIBTROUPE_POOL_H
#define TROUPE_LIBTROUPE_POOL_H

#include "base/attr.h"
#include "libtroupe/task.h"
#include <stdbool.h>
#include <stdint.h>

struct pool;

/* NULL without memory. threads: 1 or more. */
MUSTCHECK struct pool *pool_new(uint32_t threads, void (*wake)(void *context), void *context);
/* Another one with the same threads: what is submitted to it is taken from it. `of` is closed after it. */
MUSTCHECK struct pool *pool_share(struct pool *of, void (*wake)(void *context), void *context);
/* Takes the task over until pool_take gives it back. -1: not one thread could be started. */
MUSTCHECK int pool_submit(struct pool *pool, struct troupe_task *task);
/* Takes back one that waits; false: it is running, or done. */
bool pool_withdraw(struct pool *pool, struct troupe_task *task);
/* Those that are done, a list by `next`; NULL: none. */
struct troupe_task *pool_take(struct pool *pool);
/* Submitted, and not begun; begun, and not done: of all that share the threads. */
void pool_counts(struct pool *pool, uint32_t *waiting, uint32_t *running);
/* Threads end when they have nothing to do, and no other pool. True: nothing of it was running, and the pool is gone with the
 * tasks in it. False: something still runs, and `wake` will not be called any more. NULL is fine. */
bool pool_close(struct pool *pool);

#endif
