/* metrics: what a worker tells whoever probes it. */
#ifndef TROUPE_WORKER_METRICS_H
#define TROUPE_WORKER_METRICS_H

#include "base/probes.h"
#include "worker/worker.h"

/* worker is borrowed until probes_stop(). */
struct probes_asks worker_probes(const struct worker *worker);

#endif
