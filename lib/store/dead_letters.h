/* dead_letters: what nobody could execute, and what was done about it (v_dead_letters).
 *
 * Ids are UUIDs: of a run its own, of a rejected request one made of its place in the ledger.
 */
#ifndef TROUPE_STORE_DEAD_LETTERS_H
#define TROUPE_STORE_DEAD_LETTERS_H

#include "store/store.h"

struct store_dead_letter {
    struct slice id, kind; /* kind: "run", "request" */
    struct slice run_id;   /* of a request: as it was asked for, maybe "" */
    struct slice workflow, node_id, scope, code, reason; /* ptr NULL: none */
    int64_t version;                                     /* 0: none */
    int64_t at_us, settled_us;                           /* 0: not yet */
    struct slice state;                                  /* "open", "retried", "dropped" */
    struct slice retried_as;                             /* run id; ptr NULL: none */
    struct slice request; /* of a request, by store_dead_letter_get: an object of strings */
};

struct store_dead_letter_filter {
    const char *workflow, *code; /* NULL: any */
    bool settled;                /* also those that were dealt with */
    uint32_t limit;
};

/* Newest first; text in the arena. */
MUSTCHECK int store_dead_letter_list(struct store *store,
                                     const struct store_dead_letter_filter *filter,
                                     struct arena *arena, struct store_dead_letter **items,
                                     uint32_t *count, struct err *err);
/* ERR_NOT_FOUND when there is none. */
MUSTCHECK int store_dead_letter_get(struct store *store, struct slice id, struct arena *arena,
                                    struct store_dead_letter *letter, struct err *err);
/* Notes what was done. run_id: the run that a retry started; ptr NULL: it was dropped. The same again
 * changes nothing. */
MUSTCHECK int store_dead_letter_settle(struct store *store, struct slice id, struct slice run_id,
                                       const char *by, struct err *err);

#endif
