#include "protocol/beside.h"
#include "protocol/calls.h"
#include "protocol/calls_reply.h"
#include "protocol/decimal.h"
#include "protocol/redis.h"

#define CLAIM_FIELDS 8

/* --- the call --- */

static void command_want(struct command *command, const struct settle_head *head)
{
    char text[DECIMAL_SIZE];
    if (head->keep == 0)
        command_arg_int(command, head->want);
    else
        command_arg_pair(command, decimal_text(head->want, text), head->keep);
}

void settle_begin(struct command *command, const struct settle_head *head, uint32_t adopt_count)
{
    command_begin_script(command, SCRIPT_SETTLE, head->partition);
    command_arg(command, head->epoch);
    command_arg(command, head->consumer);
    command_arg(command, head->session);
    beside_write_budget(command, head->budget ? head->budget : SETTLE_BUDGET, head->inline_bytes);
    command_want(command, head);
    command_queues(command, head->queues);
    command_arg_int(command, adopt_count);
}

void settle_adopt(struct command *command, uint32_t queue, struct slice entry_id)
{
    command_arg_int(command, queue);
    command_arg(command, entry_id);
}

void settle_tokens(struct command *command, uint32_t count) { command_arg_int(command, count); }

void settle_token(struct command *command, const struct settle_token *token)
{
    const char kind = (char)token->kind;
    command_arg(command, token->run);
    command_arg(command, token->incarnation);
    command_arg(command, token->number);
    command_arg(command, token->identity);
    command_arg_int(command, token->queue);
    command_arg(command, token->entry_id);
    command_arg(command, token->output_field);
    command_arg(command, token->output_value);
    command_arg(command, slice_of(&kind, 1));
    command_arg(command, token->record);
    char text[DECIMAL_SIZE];
    if (token->step_triples == 0)
        command_arg_int(command, token->op_count);
    else
        command_arg_pair(command, decimal_text(token->op_count, text), token->step_triples);
}

/* `next,nops,scope` */
static void command_apart(struct command *command, const struct settle_step *step)
{
    struct buf text;
    buf_init(&text, COMMAND_MAX_BYTES);
    buf_slice_append(&text, step->next);
    buf_char(&text, ',');
    buf_uint(&text, step->op_count);
    buf_char(&text, ',');
    buf_slice_append(&text, step->scope);
    command_arg_buf(command, &text);
    buf_free(&text);
}

void settle_step(struct command *command, const struct settle_step *step)
{
    if (step->leads_only)
        command_arg(command, step->next);
    else if (step->apart)
        command_apart(command, step);
    else
        command_arg_pair(command, step->next, step->op_count);
    command_arg(command, step->output_value);
    command_arg(command, step->record);
}

void settle_op_emit(struct command *command, uint32_t node, uint32_t queue, struct slice wanted)
{
    char text[DECIMAL_SIZE + 1];
    const struct slice digits = decimal_text(queue, text);
    text[DECIMAL_SIZE] = ','; /* the digits end there */
    command_arg(command, SLICE("e"));
    command_arg_int(command, node);
    command_arg_parts(command, slice_of(digits.ptr, digits.len + 1), wanted);
}

void settle_op_arrive(struct command *command, bool taken, uint32_t node, uint32_t slot)
{
    command_arg(command, taken ? SLICE("t") : SLICE("d"));
    command_arg_int(command, node);
    command_arg_int(command, slot);
}

void settle_op_scope(struct command *command, struct slice scope)
{
    command_arg_str(command, "s");
    command_arg(command, scope);
    command_arg_str(command, "");
}

static void add_node(struct buf *list, uint32_t node)
{
    if (list->len > 0 && list->data[list->len - 1] != ';')
        buf_char(list, ',');
    buf_uint(list, node);
}

/* kept;dropped outputs;what inner loops keep and how far they were, dropped. Of a loop that overlaps, which leaves its outputs in
 * their own frame: those that are read outside, with the depth of the outermost frame that has them. */
void settle_op_back(struct command *command, const struct graph *graph,
                    const struct graph_loop *loop)
{
    struct buf lists;
    buf_init(&lists, COMMAND_MAX_BYTES);
    for (uint32_t i = 0; i < loop->kept_count; i++) {
        add_node(&lists, loop->kept[i]);
        if (loop->kept_guards[i] != GRAPH_NO_LOOP)
            buf_printf(&lists, "?%u", graph->loops[loop->kept_guards[i]].node);
    }
    buf_char(&lists, ';');
    const uint32_t depth = graph->nodes[loop->node].frame_depth;
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const struct graph_node *node = &graph->nodes[loop->body[i]];
        const bool is_exported = node->export_depth < depth;
        if (!loop->overlaps || is_exported)
            add_node(&lists, node->index);
        if (is_exported)
            buf_printf(&lists, "^%u", node->export_depth);
    }
    buf_char(&lists, ';');
    for (uint32_t i = 0; i < loop->body_count; i++) {
        const struct graph_node *node = &graph->nodes[loop->body[i]];
        if (node->loops == GRAPH_NO_LOOP || node->index == loop->node || loop->overlaps)
            continue;
        for (uint32_t k = 0; k < graph->loops[node->loops].kept_count; k++) {
            add_node(&lists, graph->loops[node->loops].kept[k]);
            buf_printf(&lists, ".%u", node->index);
        }
        if (graph->loops[node->loops].overlaps) {
            buf_str(&lists, lists.data[lists.len - 1] == ';' ? "m" : ",m");
            buf_uint(&lists, node->index);
        }
    }
    command_arg_str(command, "b");
    command_arg_int(command, loop->node);
    command_arg_buf(command, &lists);
    buf_free(&lists);
}

void settle_op_fail(struct command *command)
{
    command_arg(command, SLICE("f"));
    command_arg(command, SLICE(""));
    command_arg(command, SLICE(""));
}

void settle_op_park(struct command *command, int64_t due_ms, uint32_t attempt, uint32_t queue,
                    struct slice data, struct slice wanted)
{
    struct buf rest;
    buf_init(&rest, COMMAND_MAX_BYTES);
    buf_printf(&rest, "%u,%u,", attempt, queue);
    buf_slice_append(&rest, data);
    buf_char(&rest, ',');
    buf_slice_append(&rest, wanted);
    command_arg_str(command, "p");
    command_arg_int(command, due_ms);
    command_arg_buf(command, &rest);
    buf_free(&rest);
}

void settle_op_task(struct command *command, const struct settle_task *task)
{
    struct buf rest;
    buf_init(&rest, COMMAND_MAX_BYTES);
    buf_printf(&rest, "%u,%u,", task->attempt, task->queue);
    buf_slice_append(&rest, task->data);
    buf_char(&rest, ',');
    buf_int(&rest, task->timeout_ms);
    buf_str(&rest, task->ends_at_lapse ? "!," : ",");
    buf_slice_append(&rest, task->task_queue);
    buf_char(&rest, ',');
    buf_slice_append(&rest, task->wanted);
    command_arg_str(command, "r");
    command_arg_buf(command, &rest);
    command_arg(command, task->task);
    buf_free(&rest);
}

/* A claim's time is when it was made; of what was never claimed it is 0. */
int task_result_read(struct slice text, struct task_result *result)
{
    struct slice kind, fence, started, ended;
    if (!decimal_cut(&text, '|', &kind) || !decimal_cut(&text, '|', &fence) ||
        !decimal_cut(&text, '|', &result->worker) || !decimal_cut(&text, '|', &started) ||
        !decimal_cut(&text, '|', &ended))
        return -1;
    result->kind = kind.len == 1 ? kind.ptr[0] : '?';
    result->body = text;
    return result->kind != '\0' && strchr("cftlz", result->kind) &&
                   decimal_i64(started, &result->started_us) &&
                   decimal_i64(ended, &result->ended_us)
               ? 0
               : -1;
}

/* --- the reply --- */

int settle_read(const redisReply *reply, struct settle_reply *out)
{
    const redisReply *results = reply_part(reply, 0);
    if (!results || results->type != REDIS_REPLY_ARRAY || results->elements > UINT32_MAX ||
        !reply_part_claims(reply, 1, &out->claims))
        return -1;
    out->results = results->element;
    out->result_count = (uint32_t)results->elements;
    return 0;
}

int settle_result(const struct settle_reply *reply, uint32_t index, enum settle_result *result)
{
    static const char *const words[] = {
        [SETTLE_OK] = "ok",     [SETTLE_GONE] = "gone", [SETTLE_STALE] = "stale",
        [SETTLE_HELD] = "held", [SETTLE_BAD] = "bad",   [SETTLE_LOAD] = "load",
    };
    if (index >= reply->result_count)
        return -1;
    struct slice word = reply_slice(reply->results[index]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_str(word, words[i])) {
            *result = (enum settle_result)i;
            return 0;
        }
    }
    return -1;
}

/* `node|scope|attempt|generation|deliveries|state` */
int claim_read_live(struct slice live, struct claim *claim)
{
    struct slice rest = live;
    struct slice attempt, generation, deliveries;
    if (!decimal_cut(&rest, '|', &claim->node) || !decimal_cut(&rest, '|', &claim->scope) ||
        !decimal_cut(&rest, '|', &attempt) || !decimal_cut(&rest, '|', &generation) ||
        !decimal_cut(&rest, '|', &deliveries) || rest.len != 1)
        return -1;
    claim->state = rest.ptr[0];
    uint32_t node;
    bool known_node = slice_eq_str(claim->node, "o") || slice_eq_str(claim->node, "c") ||
                      decimal_u32(claim->node, &node);
    return known_node && (claim->state == 'q' || claim->state == 'u' || claim->state == 'f') &&
                   decimal_u32(attempt, &claim->attempt) &&
                   decimal_u32(generation, &claim->generation) &&
                   decimal_u32(deliveries, &claim->deliveries)
               ? 0
               : -1;
}

int claim_read(const struct claims *claims, uint32_t index, struct claim *claim)
{
    if (index >= claims->count)
        return -1;
    const redisReply *item = claims->items[index];
    if (item->type != REDIS_REPLY_ARRAY || item->elements < CLAIM_FIELDS ||
        item->elements > UINT32_MAX)
        return -1;
    struct slice f[CLAIM_FIELDS];
    for (size_t i = 0; i < CLAIM_FIELDS; i++) {
        f[i] = reply_slice(item->element[i]);
        if (!f[i].ptr)
            return -1;
    }
    *claim = (struct claim){.entry_id = f[1],
                            .run = f[2],
                            .number = f[3],
                            .live = f[4],
                            .incarnation = f[5],
                            .digest = f[6],
                            .wanted = f[7],
                            .values = item->element + CLAIM_FIELDS,
                            .value_count = (uint32_t)(item->elements - CLAIM_FIELDS)};
    return decimal_u32(f[0], &claim->queue) ? claim_read_live(claim->live, claim) : -1;
}

/* --- stored outputs --- */

void stored_output_write(struct buf *out, const struct stored_output *output)
{
    buf_char(out, output->failed ? 'f' : 'c');
    /* The scope's iterations: what stands behind each '#' or '~'. */
    bool inside = false;
    for (size_t i = 0; i < output->scope.len; i++) {
        const char c = output->scope.ptr[i];
        const bool begins = c == '#' || c == '~';
        inside = begins || (inside && c != '/');
        if (inside)
            buf_char(out, begins ? '#' : c);
    }
    buf_char(out, '|');
    buf_uint(out, output->attempt);
    buf_char(out, '|');
    buf_int(out, output->started_us);
    buf_char(out, '|');
    buf_int(out, output->ended_us);
    buf_char(out, '|');
    buf_slice_append(out, output->json);
}

int stored_output_read(struct slice text, struct stored_output *output)
{
    struct slice status, attempt, started, ended;
    if (!decimal_cut(&text, '|', &status) || !decimal_cut(&text, '|', &attempt) ||
        !decimal_cut(&text, '|', &started) || !decimal_cut(&text, '|', &ended))
        return -1;
    const char letter = status.len > 0 ? status.ptr[0] : '?';
    output->failed = letter == 'f';
    output->scope = SLICE_NONE;
    output->json = text;
    return (output->failed || letter == 'c') && (status.len == 1 || status.ptr[1] == '#') &&
                   text.len > 0 && decimal_u32(attempt, &output->attempt) &&
                   decimal_i64(started, &output->started_us) &&
                   decimal_i64(ended, &output->ended_us)
               ? 0
               : -1;
}
