/* http: /healthz, /readyz and /metrics of one worker, on 127.0.0.1. */
#ifndef TROUPE_WORKER_HTTP_H
#define TROUPE_WORKER_HTTP_H

#include "base/attr.h"
#include "base/err.h"
#include "worker/worker.h"
#include <stdint.h>

struct evhttp;

/* worker is borrowed until evhttp_free(). NULL when the port cannot be had. */
MUSTCHECK struct evhttp *http_start(struct event_base *base, uint16_t port,
                                    const struct worker *worker, struct err *err);

#endif
