/* route: which edges a finished execution takes, and what that does to the run.
 *
 *   conditions ──> taken edges ──> operations
 *                  dead edges  ──> dead arrivals (lib/graph's walk)
 *
 * Pure: no clock, no Redis. Operations name queues by their index in the call's list.
 */
#ifndef TROUPE_WORKER_ROUTE_H
#define TROUPE_WORKER_ROUTE_H

#include "graph/graph.h"
#include "protocol/calls.h"

enum route_op_kind {
    ROUTE_EMIT,
    ROUTE_TAKEN,
    ROUTE_DEAD,
    ROUTE_FAIL,
    ROUTE_PARK,
    ROUTE_TASK,
    ROUTE_SCOPE,
    ROUTE_BACK
};

struct route_op {
    enum route_op_kind kind;
    const struct settle_task *task; /* TASK */
    uint32_t node;
    uint32_t where;                /* EMIT, PARK: queue index; TAKEN, DEAD: slot */
    struct slice wanted;           /* EMIT, PARK; SCOPE: the scope of what follows */
    const struct graph_loop *loop; /* BACK */
    int64_t due_ms;                /* PARK: when to go on; 0: at once */
    uint32_t attempt;              /* PARK: which comes then */
    struct slice data;             /* PARK: given back then; empty: a further attempt */
};

struct route {
    struct slice taken;  /* '1' or '0' per outgoing edge; "b" when a loop goes back */
    struct slice reason; /* why, for nodes that have conditions; else empty */
    const struct route_op *ops;
    uint32_t op_count;
};

/* What is to be routed: a completed execution, one that failed and goes on (on_error), or one that was
 * skipped by its `when`. */
enum route_outcome { ROUTE_COMPLETED, ROUTE_CONTINUES, ROUTE_GOES_TO, ROUTE_SKIPPED };

/* What the operations hold is in the arena; taken and reason, like all that planning takes, in `scratch`. -1 with failure: `expression`, `type`,
 * `expression_cost` of a condition, `routing` of an agent_driven branch, `too_large` without memory, `internal` for a queue that the call
 * does not name. */
MUSTCHECK int route_plan(const struct graph *graph, const struct graph_node *node,
                         enum route_outcome outcome, struct slice scope,
                         struct graph_values *values, struct call_queues queues,
                         struct arena *arena, struct arena *scratch, struct route *route,
                         struct graph_failure *failure);

#endif
