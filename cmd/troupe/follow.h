/* follow: waiting for a run, until it is final, the time is over, or Ctrl-C. */
#ifndef TROUPE_FOLLOW_H
#define TROUPE_FOLLOW_H

#include "cli.h"
#include "store/store.h"
#include "view.h"

enum follow_end {
    FOLLOW_FINAL, /* the final status is committed */
    FOLLOW_TIMEOUT,
    FOLLOW_INTERRUPTED, /* Ctrl-C, or SIGTERM */
    FOLLOW_FAILED,      /* *err says why */
};

struct follow {
    struct cli *cli;
    struct view_source *source; /* its store listens to the channels, see follow_listen */
    struct slice run_id;
    int64_t deadline_us; /* monotonic; 0: none */
    bool hinted;         /* that nobody takes the run */
    int64_t begun_us;
    int64_t away_since_us; /* the record cannot be reached; 0: it can */
};

/* Before the run is submitted, so that nothing is missed. Takes over SIGINT and SIGTERM. */
MUSTCHECK int follow_listen(struct store *store, struct err *err);
void follow_begin(struct follow *follow, struct cli *cli, struct view_source *source,
                  struct slice run_id, int64_t timeout_us);

/* Silently. *run is filled for FOLLOW_FINAL; its text is the arena's. */
enum follow_end follow_wait(struct follow *follow, struct arena *arena, struct store_run *run,
                            struct err *err);
/* Showing what happens: repainted on a terminal, else a line per event (a JSON line with -o json).
 * *view is what was shown last. */
enum follow_end follow_watch(struct follow *follow, struct arena *arena, struct view *view,
                             struct err *err);

/* --- for the two --- */

/* Waits for news, at most `most_ms`. False when it is time to end; *end says how. */
bool follow_pause(struct follow *follow, int64_t most_ms, enum follow_end *end, struct err *err);
/* True when err is an outage that may pass: then it was waited for a moment. */
bool follow_outlasts(struct follow *follow, const struct err *err);
/* Says once why a run does not move, when it has not for a few seconds. */
void follow_hint(struct follow *follow, const struct store_run *run);

#endif
