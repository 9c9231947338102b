/* archive: rows collected in memory, committed at once. */
#include "store/archive.h"
#include "store/connection.h"
#include "store/copy.h"
#include <string.h>

/* Columns of the arrays that update runs. */
enum {
    RUN_STATUS,
    RUN_EVENTS,
    RUN_STARTED,
    RUN_ENDED,
    RUN_OUTPUT,
    RUN_COLLECT,
    RUN_ERROR,
    RUN_KEPT
};
/* … and of those that move cursors. */
enum { CURSOR_PARTITION, CURSOR_EPOCH, CURSOR_FENCE, CURSOR_OLD, CURSOR_SEQ, CURSOR_SHA };

/* Tables that rows are copied to: the field of struct archive, the count of its rows, the statement. */
#define COPIES(X)                                                                                  \
    X(new_runs, new_run_count,                                                                     \
      "copy run_row (run_id, partition, workflow, version, digest, input, labels, submitted_at, "  \
      "inbox_id, deadline_at, status, events, started_at, ended_at, output, error, input_digest, " \
      "output_digest) from stdin (format binary)")                                                 \
    X(events, event_count,                                                                         \
      "copy event_log (run_id, event, partition, epoch, seq, ordinal, kind, at, token, delta, "    \
      "first_token, last_token, status, node_index, scope, attempt, detail) from stdin "           \
      "(format binary)")                                                                           \
    X(executions, execution_count,                                                                 \
      "copy execution_row (run_id, node_index, scope, attempt, node_id, node_type, status, "       \
      "token, at, started_at, ended_at, output, error, worker, terminal, list_order, goes_back, "  \
      "usage, output_digest) from stdin (format binary)")                                          \
    X(decisions, decision_count,                                                                   \
      "copy run_decision (run_id, node_index, scope, attempt, node_id, taken, dead, reason, at) "  \
      "from stdin (format binary)")                                                                \
    X(rejected, rejected_count,                                                                    \
      "copy rejected_request (partition, epoch, seq, ordinal, inbox_id, run_id, reason, request, " \
      "at) from stdin (format binary)")

static void each_buf(struct archive *archive, void (*visit)(struct buf *buf, void *context),
                     void *context)
{
#define X(field, count, sql) visit(&archive->field, context);
    COPIES(X)
#undef X
    visit(&archive->run_ids, context);
    for (size_t i = 0; i < ARRAY_LEN(archive->run_values); i++)
        visit(&archive->run_values[i], context);
    visit(&archive->command_ids, context);
    for (size_t i = 0; i < ARRAY_LEN(archive->cursors); i++)
        visit(&archive->cursors[i], context);
}

static void init_buf(struct buf *buf, void *context) { buf_init(buf, *(const size_t *)context); }

static void free_buf(struct buf *buf, void *context)
{
    (void)context;
    buf_free(buf);
}

static void reset_buf(struct buf *buf, void *context)
{
    (void)context;
    buf_reset(buf);
}

static void check_buf(struct buf *buf, void *context)
{
    if (!buf_ok(buf))
        *(bool *)context = false;
}

static void reset_counts(struct archive *archive)
{
#define X(field, count, sql) archive->count = 0;
    COPIES(X)
#undef X
    archive->run_count = archive->collect_count = archive->command_count = 0;
    archive->cursor_count = 0;
    values_reset(&archive->values);
}

static void begin_all(struct archive *archive)
{
#define X(field, count, sql) copy_begin(&archive->field);
    COPIES(X)
#undef X
    array_begin(&archive->run_ids);
    for (size_t i = 0; i < ARRAY_LEN(archive->run_values); i++)
        array_begin(&archive->run_values[i]);
    array_begin(&archive->command_ids);
    for (size_t i = 0; i < ARRAY_LEN(archive->cursors); i++)
        array_begin(&archive->cursors[i]);
}

void archive_init(struct archive *archive, size_t cap_bytes, size_t inline_bytes)
{
    each_buf(archive, init_buf, &cap_bytes);
    values_init(&archive->values, inline_bytes);
    reset_counts(archive);
    begin_all(archive);
}

void archive_free(struct archive *archive)
{
    each_buf(archive, free_buf, NULL);
    values_free(&archive->values);
}

void archive_reset(struct archive *archive)
{
    each_buf(archive, reset_buf, NULL);
    reset_counts(archive);
    begin_all(archive);
}

bool archive_ok(const struct archive *archive)
{
    bool good = !archive->values.failed;
    struct archive copy = *archive; /* visited, not changed */
    each_buf(&copy, check_buf, &good);
    return good;
}

/* --- collecting --- */

/* A value that its row has, or the digest of one that it has not. */
struct stored {
    struct slice json; /* ptr NULL: none, or kept */
    bool kept;
    uint8_t digest[SHA256_BYTES]; /* when kept */
};

static void store_json(struct archive *archive, struct slice json, struct stored *stored)
{
    stored->kept = values_take(&archive->values, json, stored->digest);
    stored->json = stored->kept ? SLICE_NONE : json;
}

static void copy_digest(struct buf *out, const struct stored *stored)
{
    if (stored->kept)
        copy_bytes(out, stored->digest, SHA256_BYTES);
    else
        copy_null(out);
}

void archive_add_event(struct archive *archive, const struct archive_event *event)
{
    struct buf *out = &archive->events;
    copy_row(out, 17);
    copy_uuid(out, event->run);
    copy_int8(out, (int64_t)event->event);
    copy_int4(out, event->partition);
    copy_int8(out, event->epoch);
    copy_int8(out, (int64_t)event->seq);
    copy_int4(out, (int32_t)event->ordinal);
    copy_text(out, slice_str(event->kind));
    copy_time(out, event->at_us);
    if (event->token)
        copy_int8(out, (int64_t)event->token);
    else
        copy_null(out);
    copy_int8(out, event->delta);
    if (event->last >= event->first && event->last > 0) {
        copy_int8(out, (int64_t)event->first);
        copy_int8(out, (int64_t)event->last);
    } else {
        copy_null(out);
        copy_null(out);
    }
    copy_text(out, slice_str(run_status_name(event->status)));
    if (event->node >= 0) {
        copy_int4(out, (int32_t)event->node);
        copy_text(out, event->scope.ptr ? event->scope : SLICE(""));
        copy_int4(out, (int32_t)event->attempt);
    } else {
        copy_null(out);
        copy_null(out);
        copy_null(out);
    }
    copy_text(out, event->detail);
    archive->event_count++;
}

/* A loop without a break_path ends the run's path when its condition does. */
bool archive_counts_as_end(const struct archive_execution *execution)
{
    const struct graph_node *node = execution->node;
    bool has_break = false;
    for (uint32_t i = 0; i < node->route_count; i++)
        has_break |= node->routes[i].kind == ROUTE_BREAK;
    return !execution->left && (node->terminal || (node->loops != GRAPH_NO_LOOP && !has_break));
}

void archive_add_execution(struct archive *archive, const struct archive_execution *execution)
{
    struct buf *out = &archive->executions;
    struct stored output;
    store_json(archive, execution->output, &output);
    copy_row(out, 19);
    copy_uuid(out, execution->run);
    copy_int4(out, (int32_t)execution->node->index);
    copy_text(out, execution->scope.ptr ? execution->scope : SLICE(""));
    copy_int4(out, (int32_t)execution->attempt);
    copy_text(out, execution->node->id);
    copy_text(out, slice_str(node_type_name(execution->node->type)));
    copy_text(out, slice_str(execution->status));
    if (execution->token)
        copy_int8(out, (int64_t)execution->token);
    else
        copy_null(out);
    copy_time(out, execution->at_us);
    copy_time(out, execution->started_us);
    copy_time(out, execution->ended_us);
    copy_text(out, output.json);
    copy_text(out, execution->error);
    copy_text(out, execution->worker);
    copy_bool(out, archive_counts_as_end(execution));
    if (execution->list_order >= 0)
        copy_int8(out, execution->list_order);
    else
        copy_null(out);
    copy_bool(out, execution->goes_back);
    copy_text(out, execution->usage);
    copy_digest(out, &output);
    archive->execution_count++;
}

void archive_add_decision(struct archive *archive, const struct archive_decision *decision)
{
    struct buf *out = &archive->decisions;
    copy_row(out, 9);
    copy_uuid(out, decision->run);
    copy_int4(out, (int32_t)decision->node->index);
    copy_text(out, decision->scope.ptr ? decision->scope : SLICE(""));
    copy_int4(out, (int32_t)decision->attempt);
    copy_text(out, decision->node->id);
    copy_text(out, decision->taken);
    copy_text(out, decision->dead);
    copy_text(out, decision->reason.ptr ? decision->reason : SLICE(""));
    copy_time(out, decision->at_us);
    archive->decision_count++;
}

void archive_add_rejected(struct archive *archive, const struct archive_rejected *rejected)
{
    struct buf *out = &archive->rejected;
    copy_row(out, 9);
    copy_int4(out, rejected->partition);
    copy_int8(out, rejected->epoch);
    copy_int8(out, (int64_t)rejected->seq);
    copy_int4(out, (int32_t)rejected->ordinal);
    copy_text(out, rejected->inbox_id.ptr ? rejected->inbox_id : SLICE(""));
    copy_text(out, rejected->run.ptr ? rejected->run : SLICE(""));
    copy_text(out, rejected->reason.ptr ? rejected->reason : SLICE(""));
    copy_text(out, rejected->request);
    copy_time(out, rejected->at_us);
    archive->rejected_count++;
}

static void add_row(struct archive *archive, const struct archive_new_run *run,
                    const struct archive_run *became)
{
    struct buf *out = &archive->new_runs;
    struct stored input, output;
    store_json(archive, run->input, &input);
    store_json(archive, became->output, &output);
    copy_row(out, 18);
    copy_uuid(out, run->run);
    copy_int4(out, run->partition);
    copy_text(out, run->workflow);
    copy_int8(out, run->version);
    copy_text(out, run->digest);
    copy_text(out, input.json);
    copy_text(out, run->labels);
    copy_time(out, run->submitted_us);
    copy_text(out, run->inbox_id);
    copy_time(out, run->deadline_us);
    copy_text(out, slice_str(run_status_name(became->status)));
    copy_int8(out, (int64_t)became->events);
    copy_time(out, became->started_us);
    copy_time(out, became->ended_us);
    copy_text(out, output.json);
    copy_text(out, became->error);
    copy_digest(out, &input);
    copy_digest(out, &output);
    archive->new_run_count++;
}

void archive_add_new_run(struct archive *archive, const struct archive_new_run *run,
                         const struct archive_run *became)
{
    struct archive_run row = *became;
    if (became->collect) { /* updated at once, which a final one cannot be */
        row.status = RUN_RUNNING;
        row.ended_us = 0;
        archive_add_run(archive, became);
    }
    add_row(archive, run, &row);
}

void archive_add_run(struct archive *archive, const struct archive_run *run)
{
    struct buf *values = archive->run_values;
    struct stored output;
    store_json(archive, run->output, &output);
    array_add(&archive->run_ids, run->run);
    array_add(&values[RUN_STATUS], slice_str(run_status_name(run->status)));
    array_add_int(&values[RUN_EVENTS], (int64_t)run->events);
    array_add_int(&values[RUN_STARTED], run->started_us);
    array_add_int(&values[RUN_ENDED], run->ended_us);
    array_add(&values[RUN_OUTPUT], output.json);
    array_add_int(&values[RUN_COLLECT], run->collect);
    array_add(&values[RUN_ERROR], run->error);
    if (output.kept)
        array_add_digest(&values[RUN_KEPT], output.digest);
    else
        array_add(&values[RUN_KEPT], SLICE_NONE);
    archive->run_count++;
    archive->collect_count += run->collect;
}

void archive_add_command(struct archive *archive, struct slice command_id)
{
    array_add(&archive->command_ids, command_id);
    archive->command_count++;
}

void archive_add_cursor(struct archive *archive, const struct archive_cursor *old, uint64_t seq,
                        const char *entry_sha256)
{
    array_add_int(&archive->cursors[CURSOR_PARTITION], old->partition);
    array_add_int(&archive->cursors[CURSOR_EPOCH], old->epoch);
    array_add_int(&archive->cursors[CURSOR_FENCE], old->fence);
    array_add_int(&archive->cursors[CURSOR_OLD], (int64_t)old->seq);
    array_add_int(&archive->cursors[CURSOR_SEQ], (int64_t)seq);
    array_add(&archive->cursors[CURSOR_SHA], slice_str(entry_sha256));
    archive->cursor_count++;
}

/* --- committing --- */

static struct slice end_array(struct buf *array)
{
    array_end(array);
    return buf_slice(array);
}

/* First, so that nobody else's rows are locked for nothing. */
static int move_cursors(struct store *store, struct archive *archive, struct slice owner,
                        struct err *err)
{
    struct params params;
    int64_t moved = 0;
    params_init(&params);
    for (size_t i = 0; i < ARRAY_LEN(archive->cursors); i++)
        params_text(&params, end_array(&archive->cursors[i]));
    params_text(&params, owner);
    if (store_exec(store,
                   "update partition_state p"
                   " set seq = c.seq, entry_sha256 = c.sha, archived_at = clock_timestamp()"
                   " from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[],"
                   "   $5::bigint[], $6::text[]) as c (partition, epoch, fence, old, seq, sha)"
                   " where p.partition = c.partition and p.epoch = c.epoch and p.fence = c.fence"
                   " and p.seq = c.old and p.owner = $7",
                   &params, &moved, err) != 0)
        return -1;
    if (moved != archive->cursor_count)
        return err_set(err, ERR_CONFLICT, "another supervisor has taken over a partition");
    return 0;
}

static int copy_rows(struct store *store, const char *sql, struct buf *rows, uint32_t count,
                     struct err *err)
{
    if (count == 0)
        return 0;
    copy_end(rows);
    if (store_copy_begin(store, sql, err) != 0 ||
        store_copy_put(store, buf_slice(rows), err) != 0 || store_copy_end(store, err) != 0)
        return err_prefix(err, "%.24s", sql);
    return 0;
}

/* The output of a run without a mapping: the ends' outputs by node id; behind each joins lists of them.
 * What ended in an iteration that was not the last one of its loop does not count. */
/* clang-format off: statements are read as they are */
#define COLLECTED                                                                                  \
    "select ('{' || coalesce(string_agg(to_json(t.node_id)::text || ':' || t.output, ','"          \
    "    order by t.node_index), '') || '}')::json"                                                \
    " from (select e.node_index, min(e.node_id) as node_id,"                                       \
    "     case when bool_or(e.list_order is not null)"                                             \
    "       then '[' || string_agg(e.output::text, ',' order by e.list_order) || ']'"              \
    "       else min(e.output::text) end as output"                                                \
    "   from node_executions e"                                                                    \
    "   where e.run_id = p.run_id and e.terminal"                                                  \
    "   and e.output is not null"                                                                  \
    "   and (e.scope = '' or not exists ("                                                         \
    "     select 1 from execution_row b"                                                           \
    "     where b.run_id = e.run_id and b.goes_back"                                               \
    "     and starts_with(e.scope || '/', b.scope || '/')))"                                       \
    "   group by e.node_index) t"

#define RUN_ARRAYS                                                                                 \
    "unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::json[],"         \
    "   $7::integer[], $8::json[], $9::bytea[])"                                                   \
    "   as p (run_id, status, events, started, ended, output, collect, error, kept)"

#define STARTED_AT MICROS_TO_TIME("nullif(p.started, 0)")
#define ENDED_AT MICROS_TO_TIME("nullif(p.ended, 0)")

/* A final status stays as it is: the number of rows tells. */
#define UPDATE_RUNS(output, digest, from)                                                          \
    "update run_row r set"                                                                         \
    " status = p.status,"                                                                          \
    " events = p.events,"                                                                          \
    " started_at = coalesce(r.started_at, " STARTED_AT "),"                                        \
    " ended_at = " ENDED_AT ","                                                                    \
    " error = p.error,"                                                                            \
    " output = " output ","                                                                        \
    " output_digest = " digest " from " from                                                       \
    " where r.run_id = p.run_id and r.status in ('queued', 'running')"

/* To plan the collecting takes longer than to update a few runs. */
static const char update_sql[] = UPDATE_RUNS("p.output", "p.kept", RUN_ARRAYS);

/* What is collected may be too long for its row ($10), and is kept then: in the order of the digests,
 * behind the lock (values.h). The batch's own values were added in a transaction before. */
static const char collect_sql[] =
    "with told as (select * from " RUN_ARRAYS "),"
    " made as materialized ("
    "   select p.run_id, (" COLLECTED ")::text as json from told p where p.collect = 1),"
    " long as materialized ("
    "   select run_id, sha256(convert_to(json, 'UTF8')) as digest, json from made"
    "   where octet_length(json) > $10::bigint),"
    " added as ("
    "   insert into value (digest, json, length)"
    "   select distinct on (l.digest) l.digest, l.json::json, octet_length(l.json)"
    "   from long l, (select pg_advisory_xact_lock_shared(" VALUES_LOCK ")) as locked"
    "   order by l.digest on conflict do nothing),"
    " became as ("
    "   select p.run_id, p.status, p.events, p.started, p.ended, p.error,"
    "     case when p.collect = 0 then p.output when l.digest is null then m.json::json end as "
    "output,"
    "     coalesce(p.kept, l.digest) as kept"
    "   from told p left join made m using (run_id) left join long l using (run_id))"
    " " UPDATE_RUNS("p.output", "p.kept", "became p");
/* clang-format on */

static int update_runs(struct store *store, struct archive *archive, struct err *err)
{
    struct params params;
    int64_t updated = 0;
    if (archive->run_count == 0)
        return 0;
    params_init(&params);
    params_text(&params, end_array(&archive->run_ids));
    for (size_t i = RUN_STATUS; i <= RUN_KEPT; i++)
        params_text(&params, end_array(&archive->run_values[i]));
    if (archive->collect_count > 0)
        params_int(&params, (int64_t)archive->values.inline_bytes);
    if (store_exec(store, archive->collect_count > 0 ? collect_sql : update_sql, &params, &updated,
                   err) != 0)
        return err_prefix(err, "updating runs");
    if (updated != archive->run_count)
        return err_set(err, ERR_CONFLICT,
                       "%u runs to update, and only %lld of them are there and not final",
                       archive->run_count, (long long)updated);
    return 0;
}

static int settle_commands(struct store *store, struct archive *archive, struct err *err)
{
    struct params params;
    if (archive->command_count == 0)
        return 0;
    params_init(&params);
    params_text(&params, end_array(&archive->command_ids));
    return store_exec(store,
                      "update command set outcome = 'applied', settled_at = clock_timestamp()"
                      " where command_id::text = any($1::text[]) and outcome is null",
                      &params, NULL, err);
}

static int commit_rows(struct store *store, struct archive *archive, struct slice owner,
                       struct err *err)
{
    if (move_cursors(store, archive, owner, err) != 0 ||
        (!archive->collect_count && values_commit(store, &archive->values, err) != 0))
        return -1;
#define X(field, count, sql)                                                                       \
    if (copy_rows(store, sql, &archive->field, archive->count, err) != 0)                          \
        return -1;
    COPIES(X)
#undef X
    if (update_runs(store, archive, err) != 0 || settle_commands(store, archive, err) != 0)
        return -1;
    return 0;
}

/* A batch names its rows by their keys. Left to itself the planner reads all live runs, dead versions
 * too, to find the few of them: as long as there are not many, by its reckoning. */
static const char begin_script[] = "begin;"
                                   "set local enable_seqscan = off;"
                                   "set local enable_hashjoin = off;"
                                   "set local enable_mergejoin = off;"
                                   "notify troupe_progress"; /* at the commit */

static int commit_batch(struct store *store, struct archive *archive, struct slice owner,
                        struct err *err)
{
    if (store_begin_as(store, begin_script, err) != 0)
        return -1;
    if (commit_rows(store, archive, owner, err) != 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

int archive_commit(struct store *store, struct archive *archive, struct slice owner,
                   struct err *err)
{
    if (!archive_ok(archive))
        return err_set(err, ERR_LIMIT, "no memory for a batch of the archive");
    /* One that collects adds values of its own, which would not be in one order with the batch's. */
    if (archive->collect_count > 0 && values_commit_before(store, &archive->values, err) != 0)
        return -1;
    const int result = commit_batch(store, archive, owner, err);
    values_unlock(store, &archive->values);
    return result;
}
