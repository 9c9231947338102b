/* metrics: what a supervisor tells whoever probes it. */
#ifndef TROUPE_SUPERVISOR_METRICS_H
#define TROUPE_SUPERVISOR_METRICS_H

#include "base/probes.h"
#include "supervisor/supervisor.h"

/* supervisor is borrowed until probes_stop(). */
struct probes_asks supervisor_probes(const struct supervisor *supervisor);

#endif
