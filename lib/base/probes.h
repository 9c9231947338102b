/* probes: /healthz, /readyz and /metrics of a server, by HTTP on 127.0.0.1.
 *
 * /healthz never asks anybody: it is about this process. /readyz and /metrics ask the callbacks, on
 * the thread that runs the event loop. Other paths are 404, other methods than GET and HEAD refused.
 */
#ifndef TROUPE_BASE_PROBES_H
#define TROUPE_BASE_PROBES_H

#include "base/attr.h"
#include "base/err.h"
#include <stdint.h>

struct event_base;
struct probes;
struct probes_page;

struct probes_asks {
    const char *prefix; /* of the names of all metrics, with its last underscore */
    /* Why it is not ready, in words; NULL: it is. */
    const char *(*unready)(const void *context);
    /* Adds every metric to the page. */
    void (*metrics)(const void *context, struct probes_page *page);
    const void *context;
};

/* asks is copied; what it points to is borrowed until probes_stop(). NULL with ERR_IO when the port
 * cannot be had. */
MUSTCHECK struct probes *probes_start(struct event_base *base, uint16_t port,
                                      const struct probes_asks *asks, struct err *err);
/* Before the event base is freed. probes may be NULL. */
void probes_stop(struct probes *probes);

/* For the metrics callback, in the text format of Prometheus. */
void probes_counter(struct probes_page *page, const char *name, const char *help, uint64_t value);
void probes_gauge(struct probes_page *page, const char *name, const char *help, uint64_t value);

#endif
