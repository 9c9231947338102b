/* wire: the two connections of a worker to Redis, blocking, each with a deadline.
 *
 * One calls the script `tasks` in pipelines; the other listens (XREAD) and is polled. Both come back
 * after a loss by being opened again. Not thread-safe.
 */
#ifndef TROUPE_LIBTROUPE_WIRE_H
#define TROUPE_LIBTROUPE_WIRE_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "protocol/redis.h"
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#define WIRE_TIMEOUT_MS 15000

/* The words of one command; texts are borrowed until it was sent. */
struct words {
    const char **at;
    size_t *len;
    int count, room;
    bool failed; /* out of memory */
};

void words_reset(struct words *words);
void words_add(struct words *words, struct slice word);
void words_free(struct words *words);

struct wire {
    struct redis_address address;
    redisContext *context; /* NULL: not connected */
    char sha[41];          /* of the script; "": not loaded */
};

/* Connects, with AUTH and SELECT, unless it is connected. */
MUSTCHECK int wire_open(struct wire *wire, struct err *err);
void wire_close(struct wire *wire);
/* Loads the script. How many partitions there are; 0: no supervisor has been there yet; -1: lost. */
MUSTCHECK int wire_load(struct wire *wire, struct err *err);
/* Queues a command; -1: lost, or no memory. */
MUSTCHECK int wire_queue(struct wire *wire, const struct words *words, struct err *err);
/* Sends what is queued, and waits for its next reply, owned; error replies too. NULL: lost, closed. */
MUSTCHECK redisReply *wire_reply(struct wire *wire, struct err *err);
/* Sends what is queued, without waiting. */
MUSTCHECK int wire_flush(struct wire *wire, struct err *err);
/* The socket is readable: *reply when one is whole, else NULL. -1: lost, closed. */
MUSTCHECK int wire_read(struct wire *wire, redisReply **reply, struct err *err);

#endif
