/* dead_letters: one of them, found and started again. */
#ifndef TROUPE_DEAD_LETTERS_H
#define TROUPE_DEAD_LETTERS_H

#include "base/uuid7.h"
#include "cli.h"
#include "store/dead_letters.h"

/* By its id; the error says where to find ids. */
MUSTCHECK int dead_letter_find(struct cli *cli, struct store *store, struct slice id,
                               struct store_dead_letter *letter, struct err *err);

/* Accepts a run of the same workflow, version and input, with its labels and `retry_of`; of a rejected
 * request the run that it asked for. Its id follows from the letter's, so that there is one at most.
 * Both are recorded. */
MUSTCHECK int dead_letter_retry(struct cli *cli, struct store *store,
                                const struct store_dead_letter *letter,
                                char run_id[UUID_TEXT_LEN + 1], struct err *err);

#endif
