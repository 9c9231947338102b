/* link: a connection on the event loop, for the worker.
 *
 * hiredis' reader over a libevent bufferevent. Connects by itself and again after a failure (back-off
 * 50 ms to 2 s with jitter). Commands are pipelined; each has a deadline; a deadline that passes or a
 * connection that breaks calls every waiting callback with NULL: unknown outcome. Then `on_down`,
 * later `on_up` (after AUTH and SELECT), after which the owner says `hello` where it must. Nothing is
 * sent twice by the link itself, but for a script that was answered NOSCRIPT. Callbacks run on the
 * loop; a link may be freed in any of them but its own.
 */
#ifndef TROUPE_PROTOCOL_LINK_H
#define TROUPE_PROTOCOL_LINK_H

#include "base/attr.h"
#include "base/err.h"
#include "protocol/command.h"
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct link;

/* reply: borrowed for the call; NULL: lost, outcome unknown. Error replies are given as they are. */
typedef void link_reply_fn(void *context, const redisReply *reply);

struct link_events {
    void (*on_up)(void *context);
    void (*on_down)(void *context, const char *reason);
    void *context;
};

/* ERR_USAGE for a bad URL. Starts to connect at once. */
MUSTCHECK struct link *link_new(struct event_base *base, const char *url,
                                const struct link_events *events, struct err *err);
/* Waiting callbacks are not called any more. */
void link_free(struct link *link);
bool link_is_up(const struct link *link);
/* -1 when down or without memory: nothing was sent and the callback will not be called. The command
 * may be reset afterwards (a script call keeps a copy for NOSCRIPT). timeout_ms > 0. */
MUSTCHECK int link_send(struct link *link, const struct command *command, int64_t timeout_ms,
                        link_reply_fn *callback, void *context);
uint32_t link_waiting(const struct link *link);
/* Whom it is connected to; false when it is down. */
bool link_peer(const struct link *link, struct sockaddr_storage *address);

#endif
