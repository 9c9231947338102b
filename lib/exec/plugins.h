/* plugins: shared objects with callbacks (libtroupe/troupe.h), which execute nodes in this process.
 *
 * A callback runs on a thread of a pool, may block, and may crash the process: whoever begins an
 * execution of a node that plugins_find finds takes that into account (worker/schedule.c). Everything
 * here is called on the loop's thread.
 */
#ifndef TROUPE_EXEC_PLUGINS_H
#define TROUPE_EXEC_PLUGINS_H

#include "base/err.h"
#include "exec/exec.h"
#include "libtroupe/registry.h"
#include <event2/event.h>

struct plugins;

/* Loads them in their order. threads 0: twice the cores. ERR_USAGE names the file and what is wrong
 * with it. What was loaded stays until the process ends. */
MUSTCHECK struct plugins *plugins_new(struct event_base *base, const char *const *paths,
                                      uint32_t count, uint32_t threads, struct err *err);
/* False: a callback is still running, and its thread with it; the process must end by _exit. */
bool plugins_free(struct plugins *plugins);

/* What executes the node; NULL: nothing here, or the node names a queue of its own. */
const struct handler *plugins_find(const struct plugins *plugins, const struct graph_node *node);
const struct registry *plugins_registry(const struct plugins *plugins);
/* Whether more wait for a thread than what the threads do in a moment: others would do it sooner. */
bool plugins_are_full(struct plugins *plugins);
/* Whether any callback runs, or waits for a thread. */
bool plugins_are_busy(struct plugins *plugins);
/* Called on the loop's thread when threads have become free that others used (worker/serving.h). */
void plugins_on_room(struct plugins *plugins, void (*room)(void *context), void *context);
/* Their threads, and how many; to be shared. plugins_ring: some of them are free; from any thread. */
struct pool *plugins_pool(const struct plugins *plugins);
uint32_t plugins_threads(const struct plugins *plugins);
void plugins_ring(void *plugins);
/* Tells what a job that exec_plugin left has to say for its run's events: task->words is called once at
 * most. What there is left at its end is told then. */
void plugins_tell(struct exec_task *task);

#endif
