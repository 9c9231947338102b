/* channel: a worker's side of one partition.
 *
 *   CLOSED ──meta has an epoch──> GREETING ──hello, all pages──> OPEN
 *     ▲                              ▲  ▲                          │
 *     └── `epoch`: it has another ───┼──┴── `session`, no reply, ──┤
 *                                    │      script error, lapse    │
 *                                    └─────────────────────────────┘   leave ──> LEFT
 *
 * At most one call is under way (but for beats, which stand beside). Whenever an outcome is unknown
 * the channel goes to GREETING: what it holds unexecuted is forgotten, since the answers of `hello`
 * are all that is really ours; results are kept and submitted again, until Redis confirms or refuses
 * each. Where a token is:
 *
 *   lacking (values beside its run; fetch.h)
 *      │
 *   ready ──execute──> results ──submit──> sent ──ok gone stale held──> freed
 *   waiting (graph) ┘     ▲                 │
 *   suspects ┘   │        └── load, no reply ┘
 *                └── running (running.h): those that take their time; they outlast sessions
 */
#ifndef TROUPE_WORKER_CHANNEL_H
#define TROUPE_WORKER_CHANNEL_H

#include "worker/token.h"
#include <stdbool.h>
#include <stdint.h>

#define CHANNEL_ADOPT_MAX 64
#define CHANNEL_LAPSED_MAX 16
#define CHANNEL_NAME_MAX 256

struct worker;
struct fetch;

enum channel_state { CHANNEL_CLOSED, CHANNEL_GREETING, CHANNEL_OPEN, CHANNEL_LEFT };
enum channel_call {
    CALL_NONE,
    CALL_META,
    CALL_HELLO,
    CALL_SETTLE,
    CALL_FETCH,
    CALL_LOAD,
    CALL_RECLAIM,
    CALL_TIDY, /* leave for a lapsed consumer */
    CALL_LEAVE,
};

/* An entry that the bell brought: delivered to us, not yet claimed. */
struct adoptee {
    uint32_t queue;
    char id[44];
};

/* A consumer whose lease had lapsed at our last beat. */
struct lapsed {
    char name[CHANNEL_NAME_MAX];
    int64_t next_us; /* monotonic: not looked at before */
    bool seen;       /* by the beat whose answer is being read */
    bool emptied;    /* nothing is left there: tidy it away */
};

struct channel {
    struct worker *worker;
    uint16_t partition;
    enum channel_state state;
    enum channel_call call;
    bool queued; /* waits for its turn to call */
    struct channel *next_caller;

    char epoch[24], session[24];
    bool again;              /* the hello under way is too old already: say it again */
    char page[128];          /* where hello goes on; "" at the first page */
    int64_t not_before_us;   /* monotonic: back-off of whatever comes next; 0: none */
    uint32_t refusals;       /* in a row, for the back-off */
    bool doubt;              /* a result was `held`: who has that token, hello tells */
    int64_t doubt_us;        /* monotonic, when that was last a reason for hello; 0: never */
    int64_t session_lost_us; /* monotonic, when that happened last; 0: never */
    bool hold;               /* the partition was held at the last call */
    bool hot;                /* there may be more in its queues than we got */
    bool wants_poll;         /* look into its queues in its next call */
    bool looking;            /* the settle call under way does nothing but look */
    bool backlog;            /* its last claim was answered in full */
    int64_t work_us;         /* what executing has taken since its last settle call */

    struct token_list ready, lacking, waiting, suspects, running, results, sent;
    struct token_list settled; /* just now: successors in the same reply may want their outputs */
    struct fetch *fetch;       /* the one under way; NULL: none */
    uint32_t reserved;         /* claims that the call under way may bring */
    uint32_t single;           /* results to be submitted one by one, after a call that failed */
    struct graph *load;        /* retained: whose join table is wanted before anything else */

    struct adoptee adopt[CHANNEL_ADOPT_MAX];
    uint32_t adopt_count;
    uint32_t adopt_sent; /* of these the call under way asked for */

    bool beating;       /* a beat is under way */
    int64_t beat_ok_us; /* monotonic, when the last renewal that counted was sent */
    int64_t beat_sent_us;
    struct lapsed lapsed[CHANNEL_LAPSED_MAX];
    uint32_t lapsed_count;
    char about[CHANNEL_NAME_MAX]; /* whom the reclaim or tidy call under way is about */
};

void channel_init(struct channel *channel, struct worker *worker, uint16_t partition);
void channel_free(struct channel *channel);

static inline struct slice channel_epoch(const struct channel *channel)
{
    return slice_str(channel->epoch);
}

/* Something is held, under way or expected: the bell is not needed. */
bool channel_is_busy(const struct channel *channel);
/* Tokens claimed and not confirmed. */
uint32_t channel_held(const struct channel *channel);
/* There is a call to make now. */
bool channel_has_call(const struct channel *channel);
/* Makes the call that is most due; false when there was none or it could not be sent. */
bool channel_make_call(struct channel *channel);

/* Says hello before anything else; `why` is logged. */
void channel_greet(struct channel *channel, const char *why);
/* The epoch is unknown or old: reads it again, then says hello. why NULL: not logged. */
void channel_close(struct channel *channel, const char *why);
/* The bell brought an entry. */
void channel_adopt(struct channel *channel, uint32_t queue, struct slice entry_id);
/* Takes claims of a reply: held by us from now on. told: of a hello, which tells again what was claimed before. */
void channel_take_claims(struct channel *channel, const struct claims *claims, bool told);
/* The token has all values: to where it is executed. */
void channel_hold_token(struct channel *channel, struct token *token);
/* Moves tokens whose graph has come to where they are executed. */
void channel_look_for_graphs(struct channel *channel);
/* What every refusal of a call but settle means; `call` is its name, for the log. */
void channel_refused(struct channel *channel, enum call_status status, const struct err *err,
                     const char *call);
/* Waits before the next call, longer at every refusal in a row. */
void channel_back_off(struct channel *channel);

/* --- settling (settling.c) --- */

bool channel_settle(struct channel *channel);
bool channel_load(struct channel *channel);
bool channel_wants_settle(const struct channel *channel);

/* What results come to in a call. */
struct results_size {
    size_t bytes;
    uint32_t operations;
};
void results_add(struct results_size *size, const struct token *token);
/* What else is executed would only stand in memory: a call takes no more. */
bool results_are_full(const struct results_size *size);
/* Of those that are not sent, as far as one call goes. */
void channel_results(const struct channel *channel, struct results_size *size);

#endif
