#include "protocol/ledger.h"
#include "base/digits.h"
#include "protocol/decimal.h"

/* --- writing --- */

static void write_netstring(struct buf *out, struct slice bytes)
{
    const size_t digits = digits_count(bytes.len);
    if (!buf_reserve(out, digits + 1 + bytes.len))
        return;
    char *at = out->data + out->len + digits;
    (void)digits_write(bytes.len, at);
    *at++ = ':';
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    at[bytes.len] = '\0';
    out->len += digits + 1 + bytes.len;
}

static void write_number(struct buf *out, int64_t value)
{
    char digits[DECIMAL_SIZE];
    write_netstring(out, decimal_text(value, digits));
}

void ledger_write_start(struct buf *out, const struct ledger_start *start)
{
    write_netstring(out, start->run);
    write_netstring(out, start->workflow);
    write_netstring(out, start->version);
    write_netstring(out, start->digest);
    write_netstring(out, start->input);
    write_netstring(out, start->labels);
    write_netstring(out, start->submitted_us);
    write_netstring(out, start->inbox_id);
    write_netstring(out, start->run_json);
    write_netstring(out, start->deadline_ms);
}

void ledger_write_execution(struct buf *out, const struct ledger_execution *execution)
{
    write_netstring(out, execution->run);
    write_netstring(out, execution->node);
    write_netstring(out, execution->scope);
    write_number(out, execution->attempt);
    write_netstring(out, execution->failed    ? SLICE("f")
                         : execution->skipped ? SLICE("s")
                                              : SLICE("c"));
    write_number(out, execution->started_us);
    write_number(out, execution->ended_us);
    write_netstring(out, execution->worker);
    write_netstring(out, execution->taken);
    write_netstring(out, execution->reason);
    write_netstring(out, execution->output);
    write_netstring(out, execution->error);
    if (execution->usage.len > 0)
        write_netstring(out, execution->usage);
}

void ledger_write_continuation(struct buf *out, struct slice run) { write_netstring(out, run); }

void ledger_write_command(struct buf *out, const struct ledger_command *command)
{
    write_netstring(out, command->run);
    write_netstring(out, command->kind);
    write_netstring(out, command->command_id);
    write_netstring(out, command->by);
}

void ledger_write_rejected(struct buf *out, const struct ledger_rejected *rejected)
{
    write_netstring(out, rejected->run);
    write_netstring(out, rejected->inbox_id);
    write_netstring(out, rejected->reason);
    write_netstring(out, rejected->request);
}

/* --- reading --- */

/* The next `length ":" bytes` of text, from *at. */
static bool read_netstring(struct slice text, size_t *at, struct slice *bytes)
{
    const char *here = text.ptr + *at;
    const char *const end = text.ptr + text.len;
    const char *const first = here;
    size_t len = 0;
    for (; here < end && *here >= '0' && *here <= '9' && len <= text.len; here++)
        len = len * 10 + (size_t)(*here - '0');
    if (here == first || here == end || *here != ':' || len > (size_t)(end - here - 1))
        return false;
    *bytes = slice_of(here + 1, len);
    *at = (size_t)(here + 1 - text.ptr) + len;
    return true;
}

#define FIELDS_MAX 13

/* Exactly `count` netstrings and nothing behind them. */
static bool read_fields(struct slice part, struct slice *fields, uint32_t count)
{
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_netstring(part, &at, &fields[i]))
            return false;
    }
    return at == part.len;
}

static bool read_start(struct slice part, struct ledger_start *start)
{
    struct slice f[FIELDS_MAX];
    if (!read_fields(part, f, 10))
        return false;
    *start = (struct ledger_start){.run = f[0],
                                   .workflow = f[1],
                                   .version = f[2],
                                   .digest = f[3],
                                   .input = f[4],
                                   .labels = f[5],
                                   .submitted_us = f[6],
                                   .inbox_id = f[7],
                                   .run_json = f[8],
                                   .deadline_ms = f[9]};
    return true;
}

static bool is_node(struct slice text, bool hidden)
{
    uint32_t node;
    return hidden ? slice_eq_str(text, "o") : decimal_u32(text, &node);
}

static bool read_execution(struct slice part, bool hidden, struct ledger_execution *execution)
{
    struct slice f[FIELDS_MAX] = {[12] = SLICE("")};
    if ((!read_fields(part, f, 12) && !read_fields(part, f, 13)) || !is_node(f[1], hidden))
        return false;
    *execution = (struct ledger_execution){.run = f[0],
                                           .node = f[1],
                                           .scope = f[2],
                                           .failed = slice_eq_str(f[4], "f"),
                                           .skipped = slice_eq_str(f[4], "s"),
                                           .worker = f[7],
                                           .taken = f[8],
                                           .reason = f[9],
                                           .output = f[10],
                                           .error = f[11],
                                           .usage = f[12]};
    const bool back = slice_eq_str(execution->taken, "b");
    for (size_t i = 0; i < execution->taken.len && !back; i++) {
        if (execution->taken.ptr[i] != '0' && execution->taken.ptr[i] != '1')
            return false;
    }
    return (execution->failed || execution->skipped || slice_eq_str(f[4], "c")) &&
           decimal_u32(f[3], &execution->attempt) && decimal_i64(f[5], &execution->started_us) &&
           decimal_i64(f[6], &execution->ended_us);
}

static bool read_caller_part(struct slice part, struct ledger_record *record)
{
    struct slice f[FIELDS_MAX];
    switch (record->kind) {
    case LEDGER_START:
        return read_start(part, &record->start);
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
        return read_execution(part, record->kind == LEDGER_OUTPUT, &record->execution);
    case LEDGER_CONTINUATION:
        return read_fields(part, &record->continuation_run, 1);
    case LEDGER_COMMAND:
        if (!read_fields(part, f, 4))
            return false;
        record->command = (struct ledger_command){f[0], f[1], f[2], f[3]};
        return true;
    case LEDGER_DUPLICATE:
        if (!read_fields(part, f, 2))
            return false;
        record->duplicate = (struct ledger_duplicate){f[0], f[1]};
        return true;
    case LEDGER_REJECTED:
        if (!read_fields(part, f, 4))
            return false;
        record->rejected = (struct ledger_rejected){f[0], f[1], f[2], f[3]};
        return true;
    case LEDGER_TASK:
        if (!read_fields(part, f, 7))
            return false;
        record->task = (struct ledger_task){
            .run = f[0], .node = f[1], .scope = f[2], .kind = f[4], .worker = f[5], .detail = f[6]};
        return decimal_u32(f[3], &record->task.attempt);
    }
    return false;
}

static bool read_status(struct slice text, char *status)
{
    static const char statuses[] = {'r', 'c', 'f', 'x'};
    if (text.len != 1 || !memchr(statuses, text.ptr[0], sizeof(statuses)))
        return false;
    *status = text.ptr[0];
    return true;
}

/* `event|number|delta|first|last|status|joins` */
static bool read_outcome(struct slice rest, struct ledger_outcome *outcome)
{
    struct slice f[6];
    for (int i = 0; i < 6; i++) {
        if (!decimal_cut(&rest, '|', &f[i]))
            return false;
    }
    outcome->joins = rest;
    return decimal_u64(f[0], &outcome->event) && decimal_u64(f[1], &outcome->number) &&
           decimal_i64(f[2], &outcome->delta) && decimal_u64(f[3], &outcome->first) &&
           decimal_u64(f[4], &outcome->last) && read_status(f[5], &outcome->status);
}

static bool read_script_part(struct slice part, struct ledger_record *record)
{
    struct ledger_outcome *outcome = &record->outcome;
    struct slice event, delta, rest = part;
    switch (record->kind) {
    case LEDGER_START: /* event|counter */
        outcome->status = 'r';
        return decimal_cut(&rest, '|', &event) && decimal_u64(event, &outcome->event) &&
               decimal_i64(rest, &outcome->delta);
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
    case LEDGER_CONTINUATION:
        return read_outcome(part, outcome);
    case LEDGER_COMMAND: /* event|delta|status */
        return decimal_cut(&rest, '|', &event) && decimal_cut(&rest, '|', &delta) &&
               decimal_u64(event, &outcome->event) && decimal_i64(delta, &outcome->delta) &&
               read_status(rest, &outcome->status);
    case LEDGER_TASK: /* event|number */
        outcome->status = 'r';
        return decimal_cut(&rest, '|', &event) && decimal_u64(event, &outcome->event) &&
               decimal_u64(rest, &outcome->number);
    case LEDGER_DUPLICATE:
    case LEDGER_REJECTED:
        return part.len == 0;
    }
    return false;
}

uint32_t ledger_count(struct slice body)
{
    size_t at = 0;
    struct slice part;
    for (uint32_t count = 0;; count++) {
        if (at >= body.len)
            return count;
        at++; /* the kind */
        if (!read_netstring(body, &at, &part) || !read_netstring(body, &at, &part))
            return count;
    }
}

int ledger_next(struct slice body, size_t *at, struct ledger_record *record, struct err *err)
{
    size_t start = *at, here = start + 1;
    if (start >= body.len)
        return 0;
    *record = (struct ledger_record){0};
    record->kind = (enum ledger_kind)body.ptr[start];
    if (!read_netstring(body, &here, &record->caller_part) ||
        !read_netstring(body, &here, &record->script_part))
        return err_set(err, ERR_INTERNAL, "ledger entry: no whole record at byte %zu", start);
    if (!read_caller_part(record->caller_part, record) ||
        !read_script_part(record->script_part, record))
        return err_set(err, ERR_INTERNAL, "ledger entry: malformed record at byte %zu", start);
    *at = here;
    return 1;
}

int ledger_next_join(struct slice joins, size_t *at, struct ledger_join *join, bool *open_joins,
                     struct err *err)
{
    for (;;) {
        size_t start = *at;
        if (start >= joins.len)
            return 0;
        struct slice rest = slice_of(joins.ptr + start, joins.len - start), item, node, number;
        if (!decimal_cut(&rest, ';', &item))
            item = rest;
        *at = start + item.len + 1;
        if (slice_eq_str(item, "!open")) {
            *open_joins = true;
            continue;
        }
        *join = (struct ledger_join){.fired = item.len > 0 && item.ptr[0] == 'F'};
        bool known = join->fired || (item.len > 0 && item.ptr[0] == 'S');
        rest = known ? slice_of(item.ptr + 1, item.len - 1) : item;
        bool good = known && decimal_cut(&rest, ',', &node) && decimal_u32(node, &join->node);
        if (good && join->fired)
            good = decimal_cut(&rest, ',', &join->scope) && decimal_cut(&rest, ',', &number) &&
                   decimal_u64(number, &join->number);
        if (!good)
            return err_set(err, ERR_INTERNAL, "ledger entry: malformed join at byte %zu", start);
        if (join->fired)
            join->marks = rest;
        else
            join->scope = rest;
        return 1;
    }
}
