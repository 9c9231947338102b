/* view: reading a run from the record and from Redis. */
#include "view.h"
#include "base/clock.h"
#include "live.h"
#include <stdlib.h>
#include <string.h>

struct reader {
    struct view_source *source;
    struct arena *arena;
    struct view *view;
    struct live live;
    bool has_live;
    struct store_task *tasks;
    uint32_t task_count;
    bool *seen;        /* by node index: in any scope */
    uint32_t *at_root; /* node index -> place among the view's nodes + 1, in the root scope */
    struct err *err;
};

void view_source_free(struct view_source *source)
{
    graph_release(source->graph);
    source->graph = NULL;
}

static int load_graph(struct reader *reader)
{
    struct view_source *source = reader->source;
    struct slice digest = reader->view->run.digest, canonical;
    if (source->graph && slice_eq_str(digest, source->graph->digest))
        return 0;
    view_source_free(source);
    if (store_graph_get(source->store, digest, reader->arena, &canonical, reader->err) != 0)
        return -1;
    source->graph = graph_load(canonical, reader->err);
    return source->graph ? 0 : -1;
}

/* What Redis says is read before the record: what moves from one to the other in between is then
 * seen in both, not in neither. */
static int read_live(struct reader *reader)
{
    struct view *view = reader->view;
    if (load_graph(reader) != 0)
        return -1;
    if (!reader->source->redis)
        return 0;
    struct err err = ERR_INIT;
    if (live_read(reader->source->redis, &view->run, reader->source->graph, reader->arena,
                  &reader->live, &err) == 0) {
        reader->has_live = true;
        view->now_us = reader->live.now_us;
        return 0;
    }
    if (err.code == ERR_LIMIT)
        return err_set(reader->err, err.code, "%s", err.message);
    view->missing = arena_strdup(reader->arena, slice_str(err.message));
    return 0;
}

/* The node that is there for this scope, or NULL. */
static struct view_node *find(const struct reader *reader, const struct graph_node *node,
                              struct slice scope)
{
    const struct view *view = reader->view;
    if (scope.len == 0) {
        uint32_t at = reader->at_root[node->index];
        return at ? &view->nodes[at - 1] : NULL;
    }
    for (uint32_t i = 0; i < view->count; i++) {
        struct lane *lane = &view->nodes[i].lane;
        if (slice_eq(lane->node_id, node->id) && slice_eq(lane->scope, scope))
            return &view->nodes[i];
    }
    return NULL;
}

static struct view_node *append(struct reader *reader, uint32_t node_index, struct slice scope)
{
    struct view_node *node = &reader->view->nodes[reader->view->count++];
    if (reader->at_root && node_index < reader->source->graph->node_count) {
        reader->seen[node_index] = true;
        if (scope.len == 0)
            reader->at_root[node_index] = reader->view->count;
    }
    return node;
}

static void add_execution(struct reader *reader, const struct store_execution *execution)
{
    struct view_node *node = append(reader, execution->node_index, execution->scope);
    *node = (struct view_node){
        .lane = {.node_id = execution->node_id,
                 .scope = execution->scope,
                 .attempts = execution->attempts,
                 .started_us = execution->started_us,
                 .ended_us = execution->ended_us},
        .type = execution->type,
        .output = execution->output,
        .error = execution->error,
        .worker = execution->worker,
    };
    bool known = lane_state_find(execution->status, &node->lane.state);
    invariant(known, "the record holds an execution of status %s", execution->status);
}

static const struct store_task *find_task(const struct reader *reader,
                                          const struct live_token *token)
{
    for (uint32_t i = 0; token->task && i < reader->task_count; i++) {
        const struct store_task *task = &reader->tasks[i];
        if (task->node_index == token->node->index && task->attempt == token->attempt &&
            slice_eq(task->scope, token->scope))
            return task;
    }
    return NULL;
}

/* Who has it, or whom it waits for. */
static void show_task(struct reader *reader, struct view_node *node, const struct store_task *task)
{
    struct buf note;
    buf_init(&note, 1024);
    node->task = task;
    if (task->worker.ptr) {
        node->lane.state = LANE_RUNNING;
        node->lane.attempts = task->attempt;
        node->lane.started_us = task->since_us;
        node->worker = task->worker;
        buf_printf(&note, "by remote worker %.*s", SLICE_ARG(task->worker));
    } else if (task->workers == 0) {
        const int64_t for_us = reader->view->now_us - task->unserved_us;
        buf_printf(&note, "nobody serves queue %.*s, for ", SLICE_ARG(task->queue));
        duration_write(&note, for_us > 0 ? for_us : 0);
        node->lane.alarming = true;
    } else {
        buf_printf(&note, "in queue %.*s, served by %u", SLICE_ARG(task->queue), task->workers);
    }
    struct slice copy = buf_ok(&note) ? arena_copy(reader->arena, buf_slice(&note)) : SLICE_NONE;
    node->lane.note = copy.ptr ? copy : SLICE(""); /* the rest is there without it */
    buf_free(&note);
}

static void add_token(struct reader *reader, const struct live_token *token)
{
    struct view_node *node = find(reader, token->node, token->scope);
    if (node && node->lane.attempts >= token->attempt)
        return; /* it has ended since */
    if (!node)
        node = append(reader, token->node->index, token->scope);
    *node = (struct view_node){
        .lane = {.node_id = token->node->id,
                 .scope = token->scope,
                 .state = token->running  ? LANE_RUNNING
                          : token->parked ? LANE_WAITING
                                          : LANE_QUEUED,
                 .attempts = token->running ? token->attempt : token->attempt - 1,
                 .started_us = token->since_us},
        .type = slice_str(node_type_name(token->node->type)),
        .worker = token->running ? token->worker : SLICE_NONE,
    };
    const struct store_task *task = find_task(reader, token);
    if (task)
        show_task(reader, node, task);
}

static void add_live(struct reader *reader)
{
    for (int running = 1; running >= 0; running--) {
        for (uint32_t i = 0; reader->has_live && i < reader->live.count; i++) {
            if (reader->live.tokens[i].running == (running == 1))
                add_token(reader, &reader->live.tokens[i]);
        }
    }
    const struct graph *graph = reader->source->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (reader->seen[i])
            continue;
        *append(reader, i, SLICE("")) = (struct view_node){
            .lane = {.node_id = graph->nodes[i].id, .scope = SLICE(""), .state = LANE_WAITING},
            .type = slice_str(node_type_name(graph->nodes[i].type)),
        };
    }
}

static int read_tasks(struct reader *reader)
{
    bool any = false;
    for (uint32_t i = 0; reader->has_live && i < reader->live.count; i++)
        any = any || reader->live.tokens[i].task;
    return !any ? 0
                : store_task_list(reader->source->store, reader->view->run.run_id, reader->arena,
                                  &reader->tasks, &reader->task_count, reader->err);
}

static int read_nodes(struct reader *reader, bool live)
{
    struct store_execution *executions;
    uint32_t count;
    struct view *view = reader->view;
    if (store_execution_list(reader->source->store, view->run.run_id, reader->arena, &executions,
                             &count, reader->err) != 0)
        return -1;
    size_t most = count;
    if (live && read_tasks(reader) != 0)
        return -1;
    if (live) {
        uint32_t node_count = reader->source->graph->node_count;
        most += (size_t)reader->live.count + node_count;
        reader->at_root = arena_array(reader->arena, node_count, sizeof(*reader->at_root));
        reader->seen = arena_array(reader->arena, node_count, sizeof(*reader->seen));
    }
    view->nodes = arena_array(reader->arena, most, sizeof(*view->nodes));
    if (!view->nodes || (live && (!reader->at_root || !reader->seen)))
        return err_set(reader->err, ERR_LIMIT, "not enough memory for the run's nodes");
    for (uint32_t i = 0; i < count; i++)
        add_execution(reader, &executions[i]);
    if (live)
        add_live(reader);
    return 0;
}

int view_read(struct view_source *source, struct slice run_id, struct arena *arena,
              struct view *view, struct err *err)
{
    struct reader reader = {.source = source, .arena = arena, .view = view, .err = err};
    *view = (struct view){.now_us = clock_wall_us(&clock_system)};
    if (store_run_get(source->store, run_id, arena, &view->run, err) != 0)
        return -1;
    bool live = !run_status_final(view->run.status);
    if (live && read_live(&reader) != 0)
        return -1;
    return read_nodes(&reader, live);
}
