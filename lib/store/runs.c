/* runs: accepting them, and showing them. */
#include "base/uuid7.h"
#include "store/connection.h"
#include "store/run_id.h"
#include "store/values.h"
#include <string.h>

const char *run_status_name(enum run_status status)
{
    static const char *const names[] = {
#define X(id, text) [RUN_##id] = text,
        RUN_STATUSES(X)
#undef X
    };
    return names[status];
}

static enum run_status status_of(struct slice text)
{
    for (int i = 0; i <= RUN_CANCELLED; i++) {
        if (slice_eq_str(text, run_status_name((enum run_status)i)))
            return (enum run_status)i;
    }
    panic("a run has the status '%.*s'", SLICE_ARG(text)); /* the table's check forbids it */
}

/* --- accepting --- */

/* Why a row that is there is not the run that was asked for. */
static int compare(struct store *store, const struct store_submit *submit, const char *run_id,
                   struct err *err)
{
    struct params params;
    params_init(&params);
    params_str(&params, run_id);
    params_text(&params, submit->workflow->name);
    params_int(&params, submit->workflow->version);
    params_text(&params, submit->input);
    PGresult *result = store_query(store,
                                   "select workflow = $2, version = $3::bigint,"
                                   " input::text = $4, workflow, version"
                                   " from run where run_id = $1::uuid",
                                   &params, err);
    if (!result)
        return err_prefix(err, "comparing with run %s, which exists", run_id);
    int status = 0;
    if (PQntuples(result) == 0)
        status = err_set(err, ERR_INTERNAL, "run %s was there and is not", run_id);
    else if (!result_bool(result, 0, 0) || !result_bool(result, 0, 1))
        status =
            err_set(err, ERR_CONFLICT, "run %s is one of workflow '%.*s', version %lld", run_id,
                    SLICE_ARG(result_text(result, 0, 3)), (long long)result_int(result, 0, 4));
    else if (!result_bool(result, 0, 2))
        status = err_set(err, ERR_CONFLICT, "run %s was started with another input", run_id);
    PQclear(result);
    return status;
}

/* digest_hex NULL: the row has the input. */
static int insert_run(struct store *store, const struct store_submit *submit, const char *run_id,
                      const char *digest_hex, bool *existed, struct err *err)
{
    struct params params;
    params_init(&params);
    params_str(&params, run_id);
    params_int(&params, uuid_partition(&submit->run_id, submit->partition_count));
    params_text(&params, submit->workflow->name);
    params_int(&params, submit->workflow->version);
    params_text(&params, submit->workflow->digest);
    params_text(&params, digest_hex ? SLICE_NONE : submit->input);
    params_text(&params, submit->labels.len > 0 ? submit->labels : SLICE("{}"));
    params_int(&params, submit->deadline_ms);
    params_str(&params, digest_hex);
    PGresult *result = store_query(
        store,
        "with added as ("
        "  insert into run_row (run_id, partition, workflow, version, digest, input, labels,"
        "    submitted_at, deadline_at, input_digest)"
        "  select $1::uuid, $2::integer, $3, $4::bigint, $5, $6::json, $7::json, t.now,"
        "    t.now + nullif($8::bigint, 0) * interval '1 ms', decode($9, 'hex')"
        "  from clock_timestamp() as t (now)"
        "  on conflict do nothing returning partition)"
        " select pg_notify('troupe_work', partition::text) from added",
        &params, err);
    if (!result)
        return -1;
    *existed = PQntuples(result) == 0;
    PQclear(result);
    return 0;
}

/* Its input is kept by content address: two rows, one transaction. */
static int insert_with_value(struct store *store, const struct store_submit *submit,
                             const char *run_id, struct values *values, bool *existed,
                             struct err *err)
{
    char hex[SHA256_HEX_LEN + 1];
    sha256_show(values->items[0].digest, hex);
    if (store_begin(store, err) != 0)
        return -1;
    int result = values_commit(store, values, err);
    if (result == 0)
        result = insert_run(store, submit, run_id, hex, existed, err);
    if (result == 0 && !*existed)
        return store_commit(store, err);
    store_rollback(store);
    return result;
}

static int insert(struct store *store, const struct store_submit *submit, const char *run_id,
                  bool *existed, struct err *err)
{
    struct values values;
    uint8_t digest[SHA256_BYTES];
    int result;
    values_init(&values, VALUES_INLINE_BYTES);
    if (!values_take(&values, submit->input, digest))
        result = insert_run(store, submit, run_id, NULL, existed, err);
    else if (values.failed)
        result = err_set(err, ERR_LIMIT, "no memory for its input");
    else
        result = insert_with_value(store, submit, run_id, &values, existed, err);
    values_free(&values);
    return result;
}

int store_run_submit(struct store *store, const struct store_submit *submit, bool *existed,
                     struct err *err)
{
    char run_id[UUID_TEXT_LEN + 1];
    uuid_format(&submit->run_id, run_id);
    if (insert(store, submit, run_id, existed, err) != 0)
        return err_prefix(err, "accepting run %s", run_id);
    return *existed ? compare(store, submit, run_id, err) : 0;
}

/* --- reading --- */

/* clang-format off */
#define RUN_COLUMNS                                                                                \
    "run_id::text, workflow, digest, version, partition, status, labels::text, "                   \
    TIME_TO_MICROS("submitted_at") ", " TIME_TO_MICROS("started_at") ", "                          \
    TIME_TO_MICROS("ended_at") ", " TIME_TO_MICROS("deadline_at")
/* clang-format on */

enum { RUN_COLUMN_COUNT = 11 };

static bool read_run(const PGresult *result, int row, struct arena *arena, struct store_run *run)
{
    bool failed = false;
    *run = (struct store_run){
        .run_id = result_copy(result, row, 0, arena, &failed),
        .workflow = result_copy(result, row, 1, arena, &failed),
        .digest = result_copy(result, row, 2, arena, &failed),
        .version = result_int(result, row, 3),
        .partition = (uint16_t)result_int(result, row, 4),
        .status = status_of(result_text(result, row, 5)),
        .labels = result_copy(result, row, 6, arena, &failed),
        .submitted_us = result_int(result, row, 7),
        .started_us = result_int(result, row, 8),
        .ended_us = result_int(result, row, 9),
        .deadline_ms = result_int(result, row, 10) / 1000,
    };
    return !failed;
}

int store_run_get(struct store *store, struct slice run_id, struct arena *arena,
                  struct store_run *run, struct err *err)
{
    struct params params;
    if (id_check(run_id, "run", err) != 0)
        return -1;
    params_init(&params);
    params_text(&params, run_id);
    PGresult *result = store_query(store,
                                   "select " RUN_COLUMNS ", input::text, output::text, error::text"
                                   " from run where run_id = $1::uuid",
                                   &params, err);
    if (!result)
        return err_prefix(err, "reading run %.*s", SLICE_ARG(run_id));
    bool found = PQntuples(result) > 0, failed = false;
    if (found) {
        failed = !read_run(result, 0, arena, run);
        run->input = result_copy(result, 0, RUN_COLUMN_COUNT, arena, &failed);
        run->output = result_copy(result, 0, RUN_COLUMN_COUNT + 1, arena, &failed);
        run->error = result_copy(result, 0, RUN_COLUMN_COUNT + 2, arena, &failed);
    }
    PQclear(result);
    if (failed)
        return err_set(err, ERR_LIMIT, "no memory for run %.*s", SLICE_ARG(run_id));
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no run %.*s", SLICE_ARG(run_id));
}

int store_run_list(struct store *store, const struct store_run_filter *filter, struct arena *arena,
                   struct store_run **items, uint32_t *count, struct err *err)
{
    struct params params;
    params_init(&params);
    params_str(&params, filter->status);
    params_str(&params, filter->workflow);
    params_int(&params, filter->limit);
    params_str(&params, filter->live_only ? "true" : "false");
    PGresult *result = store_query(store,
                                   "select " RUN_COLUMNS " from run"
                                   " where ($1 is null or status = $1)"
                                   " and ($2 is null or workflow = $2)"
                                   " and (not $4::boolean or status in ('queued', 'running'))"
                                   " order by submitted_at desc, run_id desc limit $3::bigint",
                                   &params, err);
    if (!result)
        return err_prefix(err, "listing runs");
    *count = (uint32_t)PQntuples(result);
    *items = arena_array(arena, *count, sizeof **items);
    bool good = *items != NULL;
    for (uint32_t i = 0; good && i < *count; i++)
        good = read_run(result, (int)i, arena, &(*items)[i]);
    PQclear(result);
    return good ? 0 : err_set(err, ERR_LIMIT, "no memory for %u runs", *count);
}
