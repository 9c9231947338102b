/* inbox_item: what the two halves of the inbox share. Internal to lib/worker. */
#ifndef TROUPE_WORKER_INBOX_ITEM_H
#define TROUPE_WORKER_INBOX_ITEM_H

#include "base/sha256.h"
#include "worker/lookup.h"
#include "worker/recent.h"
#include "worker/request.h"
#include "worker/state.h"

#define INBOX_ITEMS_MAX 128
#define INBOX_RETRY_MS 250
#define INBOX_ID_BYTES 44
#define INBOX_EPOCH_BYTES 24
#define INBOX_TAKEOVER_BYTES (1u << 20)

enum item_step { ITEM_LOOKUP, ITEM_START, ITEM_REJECT };

struct item {
    struct item *next;
    struct inbox *inbox;
    struct request request;
    enum item_step step;
    bool under_way, finished;
    struct lookup
        *behind;       /* under way: its workflow was asked for behind the read; NULL: not that */
    bool fresh;        /* nobody had it before: its entry nodes may be executed before it starts */
    bool alone;        /* a call of several was refused */
    bool leads_on;     /* what was executed emits tokens */
    uint32_t executed; /* nodes, in the call under way */
    struct item *with; /* the next one of the same call */
    struct graph *graph; /* retained: it is to start now */
    bool said;           /* that it waits for its workflow */
    int64_t next_us;     /* monotonic: nothing before */
    uint32_t tries;
    int64_t version; /* of the workflow, looked up */
    char digest[SHA256_HEX_LEN + 1];
    uint16_t partition;            /* of the call under way */
    char epoch[INBOX_EPOCH_BYTES]; /* by which its run is named; "": not named yet */
};

/* Of what was done; its slot is that of the id. */
struct done {
    char epoch[INBOX_EPOCH_BYTES]; /* by which its run is named */
    bool doubted; /* Redis may have lost it since: to be done again, under the same name */
};

struct inbox {
    struct worker *worker;
    struct item *items;
    unsigned count;
    uint32_t starts; /* calls under way */

    bool closed;           /* there was no group */
    bool reading;          /* a read is under way */
    uint32_t asked;        /* entries that it may bring */
    bool more;             /* the last read was answered in full */
    int64_t read_after_us; /* monotonic */
    int64_t trickle_us;    /* monotonic: the last read without room in the queues */

    struct lookups lookups;
    struct lookup *read_behind; /* of the read under way */

    bool recover;       /* read what is pending for us */
    bool recover_again; /* from the beginning, once the read under way has ended */
    bool recovering;
    char recover_from[INBOX_ID_BYTES];

    bool taking_over;
    int64_t takeover_us;                /* monotonic: when to look next */
    char takeover_from[INBOX_ID_BYTES]; /* "": from the beginning */
    struct arena takeover;              /* candidates, while leases are read */
    struct takeover_entry {
        struct slice id, consumer;
    } * candidates;
    uint32_t candidate_count;

    struct recent done_ids; /* what we did, and nobody may have acknowledged yet */
    struct done done[RECENT_MAX];
};

/* Nothing more happens to it before that. */
void item_wait_ms(struct item *item, int64_t ms);
/* It has come to its end; its entry is remembered. */
void item_finish(struct item *item);
/* Its request has a reason why it cannot start. */
void item_refuse(struct item *item);
/* What a reply that is no CALL_OK means. True when there is a reason to give up in `err`. */
bool item_call_again(struct item *item, struct channel *channel, enum call_status status,
                     const struct err *err);

/* --- starting.c --- */

/* It is to start with the next call for its partition. */
void starting_add(struct item *item, struct channel *channel, struct graph *graph);
/* Makes the calls, one per partition and as many runs as fit. */
void starting_send(struct inbox *inbox);

/* In hand, or done by us lately and not doubted. */
bool inbox_knows(const struct inbox *inbox, struct slice entry_id);
/* Done by us lately, doubted or not; NULL: not that we know. */
const struct done *inbox_done(const struct inbox *inbox, struct slice entry_id);

#endif
