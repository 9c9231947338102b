/* ends: the output of a run without a mapping, made here when all that it is made of is in the batch.
 * Otherwise Postgres collects it, which costs as much as the rest of a short run. */
#include "base/json.h"
#include "supervisor/state.h"

/* The output of an execution that counts in the run's. */
struct end {
    const struct graph_node *node;
    struct slice output;
    struct end *next; /* by falling index */
};

/* Lists and iterations are left to Postgres. */
int ends_add(struct supervisor *s, struct run *run, const struct archive_execution *execution,
             struct err *err)
{
    if (!execution->output.ptr || !archive_counts_as_end(execution))
        return 0;
    if (execution->scope.len > 0 || execution->list_order >= 0)
        run->ends_unclear = true;
    if (run->ends_unclear)
        return 0;
    struct end **place = &run->ends; /* most come by rising index */
    while (*place && (*place)->node->index > execution->node->index)
        place = &(*place)->next;
    if (*place && (*place)->node == execution->node) {
        run->ends_unclear = true;
        return 0;
    }
    struct end *end = arena_zalloc(&s->batch.arena, sizeof *end);
    if (!end)
        return err_set(err, ERR_LIMIT, "no memory for the output of a run");
    *end = (struct end){.node = execution->node, .output = execution->output, .next = *place};
    *place = end;
    return 0;
}

/* Whether no other execution can count than the one that is there. */
static bool has_one_end(const struct run *run)
{
    uint32_t count = 0;
    if (!run->ends)
        return false;
    for (uint32_t i = 0; i < run->graph->node_count; i++) {
        const struct archive_execution execution = {.node = &run->graph->nodes[i]};
        count += archive_counts_as_end(&execution);
    }
    return count == 1;
}

static struct end *reversed(struct end *ends)
{
    struct end *result = NULL;
    while (ends) {
        struct end *next = ends->next;
        ends->next = result;
        result = ends;
        ends = next;
    }
    return result;
}

int ends_collect(struct supervisor *s, struct run *run, struct err *err)
{
    struct buf out;
    if (run->ends_unclear || !(run->is_new || has_one_end(run)))
        return 0;
    buf_init(&out, ARCHIVE_BUF_BYTES);
    run->ends = reversed(run->ends);
    for (const struct end *end = run->ends; end; end = end->next) {
        buf_char(&out, end == run->ends ? '{' : ',');
        json_write_string(&out, end->node->id);
        buf_char(&out, ':');
        buf_slice_append(&out, end->output);
    }
    buf_str(&out, run->ends ? "}" : "{}");
    run->fold.output = buf_ok(&out) ? arena_copy(&s->batch.arena, buf_slice(&out)) : SLICE_NONE;
    run->fold.collect = false;
    buf_free(&out);
    return run->fold.output.ptr ? 0 : err_set(err, ERR_LIMIT, "no memory for the output of a run");
}
