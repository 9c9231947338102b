/* view_json: runs as the documents that DESIGN 6 names. */
#include "base/clock.h"
#include "base/json.h"
#include "view.h"

static void member(struct buf *out, const char *name)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_char(out, ',');
    buf_printf(out, "\"%s\":", name);
}

static void member_text(struct buf *out, const char *name, struct slice text)
{
    member(out, name);
    if (text.ptr)
        json_write_string(out, text);
    else
        buf_str(out, "null");
}

static void member_json(struct buf *out, const char *name, struct slice json, const char *otherwise)
{
    member(out, name);
    if (json.ptr)
        buf_slice_append(out, json);
    else
        buf_str(out, otherwise);
}

static void member_time(struct buf *out, const char *name, int64_t wall_us)
{
    member(out, name);
    if (wall_us == 0) {
        buf_str(out, "null");
        return;
    }
    buf_char(out, '"');
    clock_write_rfc3339(out, wall_us);
    buf_char(out, '"');
}

static void member_duration(struct buf *out, int64_t started_us, int64_t ended_us)
{
    member(out, "duration_ms");
    if (started_us == 0 || ended_us == 0)
        buf_str(out, "null");
    else
        buf_int(out, ended_us > started_us ? (ended_us - started_us) / 1000 : 0);
}

static void write_run(struct buf *out, const struct store_run *run, bool values)
{
    buf_char(out, '{');
    member_text(out, "run_id", run->run_id);
    member_text(out, "workflow", run->workflow);
    member(out, "version");
    buf_int(out, run->version);
    member_text(out, "status", slice_str(run_status_name(run->status)));
    if (values) {
        member_json(out, "input", run->input, "null");
        member_json(out, "output", run->output, "null");
        member_json(out, "error", run->error, "null");
    }
    member_json(out, "labels", run->labels, "{}");
    member_time(out, "submitted_at", run->submitted_us);
    member_time(out, "started_at", run->started_us);
    member_time(out, "ended_at", run->ended_us);
    member_duration(out, run->started_us, run->ended_us);
}

void view_write_run(struct buf *out, const struct store_run *run, bool open)
{
    write_run(out, run, true);
    if (!open)
        buf_char(out, '}');
}

void view_write_run_head(struct buf *out, const struct store_run *run)
{
    write_run(out, run, false);
    buf_char(out, '}');
}

/* Of a node that a remote worker executes, while it is not through. */
static void write_task(struct buf *out, const struct store_task *task)
{
    buf_str(out, ",\"task\":{");
    member_text(out, "queue", task->queue);
    member(out, "workers");
    buf_uint(out, task->workers);
    member_time(out, "unserved_since", task->unserved_us);
    buf_char(out, '}');
}

void view_write_node(struct buf *out, const struct view_node *node)
{
    const struct lane *lane = &node->lane;
    buf_char(out, '{');
    member_text(out, "node_id", lane->node_id);
    member_text(out, "scope", lane->scope.ptr ? lane->scope : SLICE(""));
    member_text(out, "type", node->type);
    member_text(out, "status", slice_str(lane_state_name(lane->state)));
    member(out, "attempts");
    buf_uint(out, lane->attempts);
    member_time(out, "started_at", lane->started_us);
    member_time(out, "ended_at", lane->ended_us);
    member_duration(out, lane->started_us, lane->ended_us);
    member_json(out, "output", node->output, "null");
    member_json(out, "error", node->error, "null");
    member_text(out, "worker", node->worker);
    if (node->task)
        write_task(out, node->task);
    buf_char(out, '}');
}

void view_write_nodes(struct buf *out, const struct view *view)
{
    buf_str(out, "\"nodes\":[");
    for (uint32_t i = 0; i < view->count; i++) {
        buf_str(out, i ? "," : "");
        view_write_node(out, &view->nodes[i]);
    }
    buf_char(out, ']');
}

void view_write_decisions(struct buf *out, const struct store_decision *items, uint32_t count)
{
    buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_str(out, i ? ",{" : "{");
        member_text(out, "node_id", items[i].node_id);
        member_text(out, "scope", items[i].scope.ptr ? items[i].scope : SLICE(""));
        member_json(out, "taken", items[i].taken, "[]");
        member_json(out, "dead", items[i].dead, "[]");
        member_text(out, "reason", items[i].reason);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}
