/* child: the process of troupe-jq, and messages to and from it with a deadline.
 *
 * Internal to lib/jq.
 */
#ifndef TROUPE_JQ_CHILD_H
#define TROUPE_JQ_CHILD_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "jq/wire.h"
#include <stdbool.h>
#include <sys/types.h>

struct jq_child {
    pid_t pid; /* 0: none */
    int socket;
};

enum jq_talk {
    JQ_TALK_OK,
    JQ_TALK_LATE,   /* the deadline passed */
    JQ_TALK_SPENT,  /* it has had its processor time */
    JQ_TALK_GONE,   /* it closed its end: it ended, or is about to */
    JQ_TALK_BROKEN, /* errno, or a reply that is none */
};

#define JQ_CHILD_NONE ((struct jq_child){.pid = 0, .socket = -1})

/* Starts one and waits until it is confined. -1 with err and no child. */
MUSTCHECK int jq_child_start(struct jq_child *child, const char *helper, size_t memory_bytes,
                             struct err *err);
/* True while nothing says that it ended. */
bool jq_child_lives(const struct jq_child *child);
/* Kills and reaps it; returns its status as waitpid tells it, -1 when nobody knows. Fine without. */
int jq_child_end(struct jq_child *child);
/* As jq_child_end, of one that ended by itself: it is given a moment to. */
int jq_child_reap(struct jq_child *child);

/* How long it is waited for. */
struct jq_until {
    int64_t deadline_us; /* of the monotonic clock */
    int64_t cpu_us;      /* of the child's, jq_child_cpu_us(); INT64_MAX: not watched */
};

/* Processor time of the child since it was started; -1 when nobody knows. */
int64_t jq_child_cpu_us(const struct jq_child *child);

enum jq_talk jq_child_send(const struct jq_child *child, const void *bytes, size_t count,
                           const struct jq_until *until);
/* The text of the reply goes to `text`, which is reset before; one that does not fit in is BROKEN. */
enum jq_talk jq_child_receive(const struct jq_child *child, struct jq_reply *reply,
                              struct buf *text, const struct jq_until *until);

#endif
