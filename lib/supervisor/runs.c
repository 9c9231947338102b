/* runs: what must be known of a run, and its graph, to understand its records. */
#include "base/log.h"
#include "supervisor/state.h"
#include <stdlib.h>
#include <string.h>

void runs_init(struct runs *runs) { strmap_init(&runs->map); }

static void free_run(struct run *run)
{
    graph_release(run->graph);
    free(run);
}

void runs_clear(struct runs *runs)
{
    size_t at = 0;
    struct slice key;
    void *value;
    while (strmap_each(&runs->map, &at, &key, &value))
        free_run(value);
    strmap_free(&runs->map);
    strmap_init(&runs->map);
}

static struct run *get_run(const struct runs *runs, struct slice id)
{
    return strmap_get(&runs->map, id);
}

void runs_remove(struct runs *runs, struct run *run)
{
    struct run *removed = strmap_remove(&runs->map, slice_str(run->id));
    if (removed)
        free_run(removed);
}

/* --- graphs --- */

void graphs_clear(struct graphs *graphs)
{
    size_t at = 0;
    struct slice key;
    void *value;
    while (strmap_each(&graphs->map, &at, &key, &value))
        graph_release(value);
    strmap_free(&graphs->map);
    strmap_init(&graphs->map);
}

struct graph *supervisor_graph(struct supervisor *s, struct slice digest, struct err *err)
{
    struct graph *graph = strmap_get(&s->graphs.map, digest);
    if (graph)
        return graph;
    struct slice canonical;
    struct arena arena;
    arena_init(&arena, BATCH_ARENA_BYTES);
    if (store_graph_get(s->store, digest, &arena, &canonical, err) == 0)
        graph = graph_load(canonical, err);
    arena_free(&arena);
    if (!graph)
        return NULL;
    if (!slice_eq_str(digest, graph->digest)) {
        err_set(err, ERR_INVALID, "the graph %.*s in the record has the digest %s",
                SLICE_ARG(digest), graph->digest);
        graph_release(graph);
        return NULL;
    }
    if (s->graphs.map.count >= GRAPHS_CACHED_MOST)
        graphs_clear(&s->graphs);
    if (strmap_put(&s->graphs.map, digest, graph) != 0) {
        graph_release(graph);
        err_set(err, ERR_LIMIT, "no memory for a graph");
        return NULL;
    }
    return graph;
}

/* --- the runs of a batch --- */

static struct slice run_of(const struct ledger_record *record)
{
    switch (record->kind) {
    case LEDGER_START:
        return record->start.run;
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
        return record->execution.run;
    case LEDGER_CONTINUATION:
        return record->continuation_run;
    case LEDGER_COMMAND:
        return record->command.run;
    case LEDGER_TASK:
        return record->task.run;
    case LEDGER_DUPLICATE:
    case LEDGER_REJECTED:
        break;
    }
    return SLICE_NONE;
}

static struct run *add_run(struct supervisor *s, struct slice id, struct err *err)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run || strmap_put(&s->runs.map, id, run) != 0) {
        free(run);
        err_set(err, ERR_LIMIT, "no memory for a run");
        return NULL;
    }
    memcpy(run->id, id.ptr, id.len);
    return run;
}

int run_find_graph(struct supervisor *s, struct run *run, struct slice digest, struct err *err)
{
    struct err why = ERR_INIT;
    struct graph *graph = supervisor_graph(s, digest, &why);
    if (graph) {
        graph_retain(graph);
        run->graph = graph;
        return 0;
    }
    if (why.code != ERR_NOT_FOUND && why.code != ERR_INVALID) {
        *err = why;
        return -1;
    }
    run->stray = true;
    log_write(LOG_ERROR, "a run in Redis has a graph that the record does not have: it is ended",
              LOG_S("run_id", run->id), LOG_B("digest", digest), LOG_S("reason", why.message));
    return 0;
}

/* Runs that a batch names and the cache does not have, asked for in one query. */
static int ask_record(struct supervisor *s, struct slice *ids, uint32_t count, struct err *err)
{
    struct archive_known_run *known;
    uint32_t known_count;
    if (count == 0)
        return 0;
    if (archive_known_runs(s->store, ids, count, &s->batch.arena, &known, &known_count, err) != 0)
        return -1;
    for (uint32_t i = 0; i < known_count; i++) {
        struct run *run = get_run(&s->runs, known[i].run);
        if (!run)
            continue;
        run->recorded = true;
        run->status = known[i].status;
        run->events = known[i].events;
        if (!run_status_final(run->status) && run_find_graph(s, run, known[i].digest, err) != 0)
            return -1;
    }
    return 0;
}

static bool good_id(struct slice id)
{
    struct uuid uuid;
    return id.len == UUID_TEXT_LEN && uuid_parse(id, &uuid);
}

/* To ask for each run costs a fifth of a short one. What came through the inbox the record has only if its
 * id was used before; then the commit is refused, and the batch made again with questions. */
static bool may_be_recorded(const struct supervisor *s, const struct ledger_record *record)
{
    return s->ask_all || record->kind != LEDGER_START || record->start.inbox_id.len == 0;
}

int runs_of_batch(struct supervisor *s, struct err *err)
{
    struct batch *batch = &s->batch;
    uint32_t unknown = 0;
    if (s->runs.map.count > RUNS_CACHED_MOST)
        runs_clear(&s->runs);
    struct slice *ids = arena_array(&batch->arena, batch->record_count + 1, sizeof *ids);
    if (!ids)
        return err_set(err, ERR_LIMIT, "no memory for %u runs", batch->record_count);
    for (uint32_t i = 0; i < batch->record_count; i++) {
        struct record *record = &batch->records[i];
        struct slice id = run_of(&record->ledger);
        record->run = NULL;
        if (!id.ptr)
            continue;
        record->run = get_run(&s->runs, id);
        if (!record->run) {
            if (!good_id(id))
                return err_set(err, ERR_INTERNAL, "a ledger record names a run '%.*s'",
                               SLICE_ARG(id));
            record->run = add_run(s, id, err);
            if (!record->run)
                return -1;
            if (may_be_recorded(s, &record->ledger))
                ids[unknown++] = id;
        }
    }
    return ask_record(s, ids, unknown, err);
}
