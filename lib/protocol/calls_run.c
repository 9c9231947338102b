#include "base/clock.h"
#include "base/json.h"
#include "protocol/beside.h"
#include "protocol/calls.h"
#include "protocol/calls_reply.h"
#include "protocol/decimal.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "protocol/wanted.h"

enum { RUN_TEXT_BYTES = 1000 }; /* usual for a start's record beside the input */

/* --- start --- */

static void start_entries(struct command *command, const struct graph *graph, struct buf *scratch)
{
    command_arg_int(command, graph->entry_count);
    for (uint32_t i = 0; i < graph->entry_count; i++) {
        uint32_t node = graph->entries[i];
        buf_reset(scratch);
        buf_uint(scratch, node);
        if (graph->nodes[node].head_of != GRAPH_NO_LOOP) { /* begins its first iteration */
            buf_char(scratch, '|');
            graph_scope_enter(graph, SLICE(""), UINT32_MAX, node, scratch);
        }
        command_arg_buf(command, scratch);
        command_arg(command, graph->nodes[node].queue);
        buf_reset(scratch);
        wanted_write_node(scratch, graph, node);
        command_arg_buf(command, scratch);
    }
}

void start_begin(struct command *command, uint16_t partition, struct slice epoch,
                 struct call_queues queues, uint32_t count)
{
    start_begin_limited(command, partition, epoch, BESIDE_INLINE_BYTES, queues, count);
}

void start_begin_limited(struct command *command, uint16_t partition, struct slice epoch,
                         size_t inline_bytes, struct call_queues queues, uint32_t count)
{
    command_begin_script(command, SCRIPT_START, partition);
    command_arg(command, epoch);
    beside_write_budget(command, SETTLE_BUDGET, inline_bytes);
    command_queues(command, queues);
    command_arg_int(command, count);
}

void start_run(struct command *command, const struct start_run *run, uint32_t executed)
{
    struct buf scratch;
    buf_init(&scratch, COMMAND_MAX_BYTES);
    (void)buf_reserve(&scratch, run->record.input.len + RUN_TEXT_BYTES); /* not step by step */
    command_arg(command, run->record.run);
    command_arg_int(command, run->incarnation);
    command_arg_str(command, run->graph->digest);
    wanted_write_output(&scratch, run->graph);
    command_arg_buf(command, &scratch);
    command_arg(command, run->record.run_json);
    command_arg(command, run->record.input);
    command_arg_int(command, run->not_after_ms);
    command_arg(command, run->record.deadline_ms);
    buf_reset(&scratch);
    ledger_write_start(&scratch, &run->record);
    command_arg_buf(command, &scratch);
    command_arg(command, run->record.inbox_id);
    start_entries(command, run->graph, &scratch);
    command_arg_int(command, executed);
    buf_free(&scratch);
}

/* The word's index among `words`, or -1. */
static int find_word(struct slice word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (slice_eq_str(word, words[i]))
            return i;
    }
    return -1;
}

int start_read(const redisReply *reply, uint32_t index, enum start_result *result)
{
    static const char *const words[] = {[START_STARTED] = "started",
                                        [START_EXECUTED] = "executed",
                                        [START_EXISTS] = "exists",
                                        [START_ENDED] = "ended",
                                        [START_LATE] = "late"};
    const redisReply *results = reply_part(reply, 0);
    const bool has = results && results->type == REDIS_REPLY_ARRAY && index < results->elements;
    int word = has ? find_word(reply_slice(results->element[index]), words, ARRAY_LEN(words)) : -1;
    *result = word < 0 ? START_LATE : (enum start_result)word;
    return word < 0 ? -1 : 0;
}

void start_write_run_json(struct buf *out, struct slice run, struct slice workflow, int64_t version,
                          int64_t started_us, struct slice labels)
{
    (void)buf_reserve(out, run.len + workflow.len + labels.len + 100);
    buf_str(out, "{\"id\":");
    json_write_string(out, run);
    buf_str(out, ",\"workflow\":");
    json_write_string(out, workflow);
    buf_str(out, ",\"version\":");
    buf_int(out, version);
    buf_str(out, ",\"started_at\":\"");
    clock_write_rfc3339(out, started_us);
    buf_str(out, "\",\"labels\":");
    buf_slice_append(out, labels.len > 0 ? labels : SLICE("{}"));
    buf_char(out, '}');
}

/* --- open, load --- */

void open_build(struct command *command, uint16_t partition, int64_t epoch, uint16_t partitions,
                struct call_queues queues)
{
    command_begin_script(command, SCRIPT_OPEN, partition);
    command_arg_int(command, epoch);
    command_arg_int(command, KEY_LAYOUT);
    command_arg_int(command, partitions);
    for (uint32_t i = 0; i < queues.count; i++)
        command_arg(command, queues.names[i]);
}

int open_read(const redisReply *reply, struct slice *last_id)
{
    *last_id = reply_part_text(reply, 0);
    return last_id->ptr ? 0 : -1;
}

static void load_row(void *context, struct slice name, struct slice text)
{
    struct command *command = context;
    command_arg(command, name);
    command_arg(command, text);
}

void load_build(struct command *command, uint16_t partition, struct slice epoch,
                const struct graph *graph, struct arena *arena)
{
    command_begin_script(command, SCRIPT_LOAD, partition);
    command_arg(command, epoch);
    command_arg_str(command, graph->digest);
    command_arg_int(command, join_table_size(graph));
    if (join_table_rows(graph, arena, load_row, command))
        command->args.failed = true;
}

/* --- cancel, reject, forget --- */

void cancel_build(struct command *command, uint16_t partition, struct slice epoch,
                  const struct ledger_command *record)
{
    struct buf part;
    buf_init(&part, COMMAND_MAX_BYTES);
    ledger_write_command(&part, record);
    command_begin_script(command, SCRIPT_CANCEL, partition);
    command_arg(command, epoch);
    command_arg(command, record->run);
    command_arg_buf(command, &part);
    buf_free(&part);
}

int cancel_read(const redisReply *reply, enum cancel_result *result)
{
    static const char *const words[] = {
        [CANCEL_DONE] = "cancelled", [CANCEL_ENDED] = "ended", [CANCEL_GONE] = "gone"};
    int word = find_word(reply_part_text(reply, 0), words, ARRAY_LEN(words));
    *result = word < 0 ? CANCEL_GONE : (enum cancel_result)word;
    return word < 0 ? -1 : 0;
}

void reject_build(struct command *command, uint16_t partition, struct slice epoch,
                  const struct ledger_rejected *record)
{
    struct buf part;
    buf_init(&part, COMMAND_MAX_BYTES);
    ledger_write_rejected(&part, record);
    command_begin_script(command, SCRIPT_REJECT, partition);
    command_arg(command, epoch);
    command_arg_buf(command, &part);
    buf_free(&part);
}

void forget_build(struct command *command, uint16_t partition, struct slice epoch,
                  const struct slice *runs, uint32_t count)
{
    command_begin_script(command, SCRIPT_FORGET, partition);
    command_arg(command, epoch);
    command_arg_int(command, count);
    for (uint32_t i = 0; i < count; i++)
        command_arg(command, runs[i]);
}

/* --- fire --- */

void fire_build(struct command *command, uint16_t partition, struct slice epoch, uint32_t most)
{
    command_begin_script(command, SCRIPT_FIRE, partition);
    command_arg(command, epoch);
    command_arg_int(command, most);
}

int fire_read(const redisReply *reply, uint32_t *fired, int64_t *next_ms)
{
    struct slice next = reply_part_text(reply, 1);
    *next_ms = 0;
    if (!next.ptr || !decimal_u32(reply_part_text(reply, 0), fired))
        return -1;
    return next.len == 0 || decimal_i64(next, next_ms) ? 0 : -1;
}

/* --- inspect --- */

void inspect_build(struct command *command, uint16_t partition, struct slice run)
{
    command_begin_script(command, SCRIPT_INSPECT, partition);
    command_arg(command, run);
}

/* `status|incarnation|counter|open|last|events` */
static bool read_head(struct slice rest, struct inspect_reply *out)
{
    static const char statuses[] = {'r', 'c', 'f', 'x'};
    struct slice status, incarnation, counter, open, last;
    if (!decimal_cut(&rest, '|', &status) || !decimal_cut(&rest, '|', &incarnation) ||
        !decimal_cut(&rest, '|', &counter) || !decimal_cut(&rest, '|', &open) ||
        !decimal_cut(&rest, '|', &last) || status.len != 1)
        return false;
    out->status = status.ptr[0];
    return memchr(statuses, out->status, sizeof(statuses)) && decimal_u64(counter, &out->counter) &&
           decimal_u64(open, &out->open_joins) && decimal_u64(last, &out->last_number) &&
           decimal_u64(rest, &out->events);
}

static bool read_pairs(const redisReply *part, struct redisReply ***items, uint32_t *count)
{
    if (!part || part->type != REDIS_REPLY_ARRAY || part->elements % 2 ||
        part->elements > UINT32_MAX)
        return false;
    for (size_t i = 0; i < part->elements; i++) {
        if (part->element[i]->type != REDIS_REPLY_STRING)
            return false;
    }
    *items = part->element;
    *count = (uint32_t)(part->elements / 2);
    return true;
}

int inspect_read(const redisReply *reply, struct inspect_reply *out)
{
    *out = (struct inspect_reply){0};
    struct slice head = reply_part_text(reply, 0);
    if (!head.ptr)
        return -1;
    out->present = head.len > 0;
    return (!out->present || read_head(head, out)) &&
                   read_pairs(reply_part(reply, 1), &out->tokens, &out->token_count) &&
                   read_pairs(reply_part(reply, 2), &out->joins, &out->join_count)
               ? 0
               : -1;
}

void note_build(struct command *command, uint16_t partition, struct slice epoch,
                struct slice consumer, struct slice run, struct slice number, struct slice live,
                struct slice body)
{
    command_begin_script(command, SCRIPT_NOTE, partition);
    command_arg(command, epoch);
    command_arg(command, consumer);
    command_arg_int(command, 1);
    command_arg(command, run);
    command_arg(command, number);
    command_arg(command, live);
    command_arg(command, body);
}
