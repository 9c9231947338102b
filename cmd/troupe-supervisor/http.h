/* http: /healthz, /readyz and /metrics of a supervisor, on loopback. */
#ifndef TROUPE_SUPERVISOR_HTTP_H
#define TROUPE_SUPERVISOR_HTTP_H

#include "base/err.h"
#include "supervisor/supervisor.h"
#include <stdint.h>

struct event_base;
struct evhttp;

/* The supervisor must outlive it. NULL with err when the port cannot be had. */
MUSTCHECK struct evhttp *http_start(struct event_base *base, uint16_t port,
                                    const struct supervisor *supervisor, struct err *err);

#endif
