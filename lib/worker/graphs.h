/* graphs: compiled graphs by digest.
 *
 * A digest that is not there is fetched from troupe:graph:DIGEST and compiled; one that Redis does
 * not have either is put into troupe:graph:wanted, for the supervisor to publish it, and asked for
 * again. Bounded by count and bytes, least recently used out; who uses a graph retains it.
 */
#ifndef TROUPE_WORKER_GRAPHS_H
#define TROUPE_WORKER_GRAPHS_H

#include "base/attr.h"
#include "base/slice.h"
#include "graph/graph.h"

struct worker;
struct graphs;

MUSTCHECK struct graphs *graphs_new(struct worker *worker);
void graphs_free(struct graphs *graphs);
/* digest: SHA256_HEX_LEN bytes, as callers have checked. Borrowed until the next call; NULL: being fetched (worker->graphs_changed tells when it came; who
 * waits asks again at every tick, or the fetch is given up). */
struct graph *graphs_get(struct graphs *graphs, struct slice digest);
/* Asks again for what was missing. */
void graphs_tick(struct graphs *graphs);

#endif
