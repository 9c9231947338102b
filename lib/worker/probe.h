/* probe: a node's `probe`, executed within the node's own execution. Internal to execute.c, conclude.c
 * and job.c; what it does is told in probe.c.
 */
#ifndef TROUPE_WORKER_PROBE_H
#define TROUPE_WORKER_PROBE_H

#include "worker/run.h"

/* Before an attempt: an earlier one's outcome is unknown, and the node has a probe. */
bool probe_is_due(const struct run *run);
/* When no attempt is left: the node fails otherwise, and nobody knows whether it had its effect. */
bool probe_is_due_at_the_end(const struct run *run);
/* Asks. `own` is the attempt that comes next, which is copied; NULL: none does. 0 with the token's job
 * or result, or -1 with the run's failure. */
MUSTCHECK int probe_ask(struct run *run, const struct exec_task *own);
/* The probe has answered, or failed, as its task says: the same. */
MUSTCHECK int probe_finish(struct run *run, struct exec_task *task);
/* While its job is under way: when its time or the attempt's is over, by Redis' clock. */
int64_t probe_deadline_us(const struct run *run);
/* That time is over, and the job ended: as probe_finish. */
MUSTCHECK int probe_time_out(struct run *run);

#endif
