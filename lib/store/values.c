#include "store/values.h"
#include "base/buf.h"
#include "store/connection.h"
#include "store/copy.h"
#include "store/state.h"
#include <stdlib.h>
#include <string.h>

enum {
    /* How many of the last values are compared before one is hashed. What passes through a run's nodes
     * comes in a row. */
    COMPARED_MOST = 8,
    FIRST_VALUES = 16,
    /* Of one statement, but for one value that is longer. */
    PIECE_BYTES = 1 << 20,
};

void values_init(struct values *values, size_t inline_bytes)
{
    *values = (struct values){.inline_bytes = inline_bytes};
}

void values_free(struct values *values)
{
    free(values->items);
    values_init(values, values->inline_bytes);
}

void values_reset(struct values *values)
{
    values->count = 0;
    values->failed = false;
}

/* --- collecting --- */

static const struct value *find_recent(const struct values *values, struct slice json)
{
    for (uint32_t i = 0; i < COMPARED_MOST && i < values->count; i++) {
        const struct value *value = &values->items[values->count - 1 - i];
        if (slice_eq(value->json, json))
            return value;
    }
    return NULL;
}

static bool make_room(struct values *values)
{
    if (values->count < values->size)
        return true;
    const uint32_t size = values->size ? 2 * values->size : FIRST_VALUES;
    struct value *items = realloc(values->items, size * sizeof *items);
    if (!items)
        return false;
    values->items = items;
    values->size = size;
    return true;
}

void values_keep(struct values *values, struct slice json, uint8_t digest[SHA256_BYTES])
{
    const struct value *same = find_recent(values, json);
    if (same) {
        memcpy(digest, same->digest, SHA256_BYTES);
        return;
    }
    sha256_bytes(json, digest);
    if (!make_room(values)) {
        values->failed = true;
        return;
    }
    struct value *value = &values->items[values->count++];
    memcpy(value->digest, digest, SHA256_BYTES);
    value->json = json;
}

/* --- committing --- */

static int by_digest(const void *a, const void *b)
{
    const struct value *left = a, *right = b;
    return memcmp(left->digest, right->digest, SHA256_BYTES);
}

/* Sorted, each digest once. */
static void put_in_order(struct values *values)
{
    uint32_t kept = 0;
    qsort(values->items, values->count, sizeof *values->items, by_digest);
    for (uint32_t i = 0; i < values->count; i++) {
        if (kept == 0 || by_digest(&values->items[kept - 1], &values->items[i]) != 0)
            values->items[kept++] = values->items[i];
    }
    values->count = kept;
}

static void write_digests(struct buf *out, const struct value *items, uint32_t count)
{
    copy_array(out, COPY_BYTEA, count);
    for (uint32_t i = 0; i < count; i++)
        copy_bytes(out, items[i].digest, SHA256_BYTES);
}

/* Leaves those that the table does not have. Behind the lock: what is there now is not removed before we
 * have committed. */
static int leave_new(struct store *store, struct values *values, struct err *err)
{
    struct params params;
    struct buf digests;
    buf_init(&digests, 0);
    write_digests(&digests, values->items, values->count);
    params_init(&params);
    params_array(&params, COPY_BYTEA, buf_slice(&digests));
    PGresult *result =
        !buf_ok(&digests)
            ? NULL
            : store_query(store,
                          "select w.at from unnest($1) with ordinality as w (digest, at)"
                          " where not exists (select from value v where v.digest = w.digest)"
                          " order by w.at",
                          &params, err);
    const bool short_of_memory = !buf_ok(&digests);
    buf_free(&digests);
    if (short_of_memory)
        return err_set(err, ERR_LIMIT, "no memory to ask for %u values", values->count);
    if (!result)
        return -1;
    const int count = PQntuples(result);
    for (int i = 0; i < count; i++) /* rising: each moves to the front */
        values->items[i] = values->items[result_int(result, i, 0) - 1];
    values->count = (uint32_t)count;
    PQclear(result);
    return 0;
}

/* Somebody else may have added one since: then that is it. */
static int add(struct store *store, const struct value *items, uint32_t count, struct buf *out,
               struct err *err)
{
    struct params params;
    buf_reset(out);
    write_digests(out, items, count);
    const size_t digests_end = out->len;
    copy_array(out, COPY_JSON, count);
    for (uint32_t i = 0; i < count; i++)
        copy_text(out, items[i].json);
    if (!buf_ok(out))
        return err_set(err, ERR_LIMIT, "no memory for %u values", count);
    params_init(&params);
    params_array(&params, COPY_BYTEA, slice_of(out->data, digests_end));
    params_array(&params, COPY_JSON, slice_of(out->data + digests_end, out->len - digests_end));
    return store_exec(store,
                      "insert into value (digest, json, length)"
                      " select digest, json, octet_length(json::text)"
                      " from unnest($1, $2) as w (digest, json) on conflict do nothing",
                      &params, NULL, err);
}

static int add_all(struct store *store, const struct values *values, struct err *err)
{
    struct buf out;
    int result = 0;
    buf_init(&out, 0);
    for (uint32_t i = 0; result == 0 && i < values->count;) {
        size_t bytes = values->items[i].json.len;
        uint32_t end = i + 1;
        while (end < values->count && bytes + values->items[end].json.len <= PIECE_BYTES)
            bytes += values->items[end++].json.len;
        result = add(store, &values->items[i], end - i, &out, err);
        i = end;
    }
    buf_free(&out);
    return result;
}

int values_commit(struct store *store, struct values *values, struct err *err)
{
    if (values->failed)
        return err_set(err, ERR_LIMIT, "no memory for the values of a transaction");
    if (values->count == 0)
        return 0;
    put_in_order(values);
    if (store_exec_script(store, "select pg_advisory_xact_lock_shared(" VALUES_LOCK ")", err) ==
            0 &&
        leave_new(store, values, err) == 0 && add_all(store, values, err) == 0)
        return 0;
    return err_prefix(err, "keeping values");
}

int values_commit_before(struct store *store, struct values *values, struct err *err)
{
    if (values->count == 0 && !values->failed)
        return 0;
    if (store_begin(store, err) != 0)
        return -1;
    values->locked = true;
    if (store_exec_script(store, "select pg_advisory_lock_shared(" VALUES_LOCK ")", err) == 0 &&
        values_commit(store, values, err) == 0) {
        if (store_commit(store, err) == 0)
            return 0;
    } else {
        store_rollback(store);
    }
    values_unlock(store, values);
    return -1;
}

void values_unlock(struct store *store, struct values *values)
{
    struct err err = ERR_INIT;
    if (!values->locked)
        return;
    values->locked = false;
    /* A connection that is closed holds no lock. */
    if (store->conn &&
        store_exec_script(store, "select pg_advisory_unlock_shared(" VALUES_LOCK ")", &err) != 0)
        store_disconnect(store);
}
