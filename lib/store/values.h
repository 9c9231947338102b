/* values: what is too long for its row, kept once in the table `value` by content address.
 *
 *   values_take     of each JSON text of a transaction: does it stay in the row, or is it kept?
 *   values_commit   adds those that are kept, in the transaction that adds the rows
 *
 * The address is the SHA-256 of the text's bytes. Rows refer to it without a foreign key: whoever is about
 * to refer to a value holds VALUES_LOCK shared until it has committed, and whoever removes values takes it
 * alone (drop_unreferenced_values()).
 */
#ifndef TROUPE_STORE_VALUES_H
#define TROUPE_STORE_VALUES_H

#include "base/attr.h"
#include "base/err.h"
#include "base/sha256.h"
#include "base/slice.h"
#include "store/store.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unless a program is told otherwise. */
enum { VALUES_INLINE_BYTES = 4096 };

/* Of pg_advisory_xact_lock. In migrations/views/drop_unreferenced_values.sql too. */
#define VALUES_LOCK "7092026002"

struct value {
    uint8_t digest[SHA256_BYTES];
    struct slice json; /* borrowed */
};

struct values {
    size_t inline_bytes; /* texts up to this length stay in their rows */
    struct value *items; /* owned; distinct but for what came far apart */
    uint32_t count, size;
    bool failed; /* sticky: no memory */
    bool locked; /* the connection holds the lock */
};

/* Takes no memory before there is a value to keep. */
void values_init(struct values *values, size_t inline_bytes);
void values_free(struct values *values);
/* Empty, with its memory. */
void values_reset(struct values *values);

/* Hashes and notes a text that is longer than the row may have it. `json` is borrowed until the values are
 * committed or reset. */
void values_keep(struct values *values, struct slice json, uint8_t digest[SHA256_BYTES]);

/* True: kept, the row gets the digest in place of the text. False: it stays in the row (ptr NULL does). */
static inline bool values_take(struct values *values, struct slice json,
                               uint8_t digest[SHA256_BYTES])
{
    if (json.len <= values->inline_bytes || !json.ptr)
        return false;
    values_keep(values, json, digest);
    return true;
}

/* Within a transaction that is read committed, before it has rows that somebody else who adds values may
 * wait for. Takes the lock, shared: who stands still with it keeps nobody from adding. Then adds what is not
 * there, in the order of the digests: two that add the same ones wait for each other one way. That holds for
 * whoever adds values once in a transaction. Without values nothing happens. */
MUSTCHECK int values_commit(struct store *store, struct values *values, struct err *err);

/* Before a transaction that adds values by itself: adds these in one of their own. Nobody refers to them yet, so
 * the connection holds the lock, until values_unlock. Without values nothing happens. */
MUSTCHECK int values_commit_before(struct store *store, struct values *values, struct err *err);
/* Once the rows are committed, or are not. */
void values_unlock(struct store *store, struct values *values);

#endif
