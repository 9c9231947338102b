/* after: what follows a commit: requests are acknowledged, rejections published, finished runs
 * forgotten, ledgers trimmed to their last committed entry.
 *
 * Trimming goes last and by itself, once Redis has answered the rest: what breaks off before it is
 * found in the ledger again by after_takeover and repeated. (In one pipeline it would also be done
 * after a `forget` that was answered NOSCRIPT and has to be sent again.) Only a rejection may then be
 * published twice.
 */
#include "base/json.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/reply.h"
#include "supervisor/state.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    REJECTED_KEPT = 10000,
    PIPELINE_MOST = 1024,
    FORGET_MOST = 100,
    ACK_MOST = 500,
    ID_SIZE = 64
};

/* A pipeline that is sent when it is full. */
struct chores {
    struct supervisor *s;
    struct command commands[PIPELINE_MOST];
    uint32_t count;
    struct slice acks[ACK_MOST];
    uint32_t ack_count;
};

static int send_all(struct chores *chores, struct err *err)
{
    redisReply *replies[PIPELINE_MOST];
    if (chores->count == 0)
        return 0;
    int result = redis_pipeline(chores->s->redis, chores->commands, chores->count, replies, err);
    for (uint32_t i = 0; i < chores->count; i++)
        command_free(&chores->commands[i]);
    const uint32_t count = result == 0 ? chores->count : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct err refusal = ERR_INIT;
        if (replies[i]->type == REDIS_REPLY_ERROR) {
            (void)reply_error(replies[i], &refusal);
            if (err_retriable(refusal.code) && result == 0) {
                *err = refusal;
                result = -1;
            } else {
                /* Not worth a retry: it would fail again, and nothing is lost but memory. */
                log_write(LOG_WARN, "Redis refused what follows a commit",
                          LOG_S("reason", replies[i]->str));
            }
        }
        freeReplyObject(replies[i]);
    }
    chores->count = 0;
    return result;
}

static int next_command(struct chores *chores, struct command **command, struct err *err)
{
    if (chores->count == PIPELINE_MOST && send_all(chores, err) != 0)
        return -1;
    *command = &chores->commands[chores->count++];
    command_init(*command);
    return 0;
}

/* --- the inbox --- */

static int flush_acks(struct chores *chores, struct err *err)
{
    struct command *ack, *delete;
    if (chores->ack_count == 0)
        return 0;
    if (next_command(chores, &ack, err) != 0)
        return -1;
    command_begin(ack, "XACK");
    command_arg_str(ack, KEY_RUNS);
    command_arg_str(ack, KEY_GROUP);
    for (uint32_t i = 0; i < chores->ack_count; i++)
        command_arg(ack, chores->acks[i]);
    if (next_command(chores, &delete, err) != 0)
        return -1;
    command_begin(delete, "XDEL");
    command_arg_str(delete, KEY_RUNS);
    for (uint32_t i = 0; i < chores->ack_count; i++)
        command_arg(delete, chores->acks[i]);
    chores->ack_count = 0;
    return 0;
}

static int add_ack(struct chores *chores, struct slice inbox_id, struct err *err)
{
    if (inbox_id.len == 0)
        return 0;
    if (chores->ack_count == ACK_MOST && flush_acks(chores, err) != 0)
        return -1;
    chores->acks[chores->ack_count++] = inbox_id;
    return 0;
}

/* The request's own fields, then why, and which entry it was. */
static int add_rejection(struct chores *chores, const struct ledger_rejected *rejected,
                         struct err *err)
{
    struct arena *arena = &chores->s->batch.arena;
    struct command *command;
    struct json_doc doc;
    struct json_error error;
    if (next_command(chores, &command, err) != 0)
        return -1;
    command_begin(command, "XADD");
    command_arg_str(command, KEY_REJECTED);
    command_arg_str(command, "MAXLEN");
    command_arg_str(command, "~");
    command_arg_int(command, REJECTED_KEPT);
    command_arg_str(command, "*");
    const int read = json_read(arena, rejected->request, NULL, &doc, &error);
    if (read != 0 && error.out_of_memory)
        return err_set(err, ERR_LIMIT, "no memory for a rejected request");
    if (read == 0 && json_type(json_root(&doc)) == JSON_OBJECT) {
        struct json_iter it = json_iter(json_root(&doc));
        while (json_next(&it)) {
            struct slice name = json_string(it.key, arena);
            struct slice value = json_type(it.value) == JSON_STRING ? json_string(it.value, arena)
                                                                    : json_text(it.value);
            if (!name.ptr || !value.ptr)
                return err_set(err, ERR_LIMIT, "no memory for a rejected request");
            command_arg(command, name);
            command_arg(command, value);
        }
    }
    command_arg_str(command, "reason");
    command_arg(command, rejected->reason);
    command_arg_str(command, "request");
    command_arg(command, rejected->inbox_id);
    return 0;
}

static int add_record(struct chores *chores, const struct ledger_record *record, struct err *err)
{
    switch (record->kind) {
    case LEDGER_START:
        return add_ack(chores, record->start.inbox_id, err);
    case LEDGER_DUPLICATE:
        return add_ack(chores, record->duplicate.inbox_id, err);
    case LEDGER_REJECTED:
        return add_rejection(chores, &record->rejected, err) != 0
                   ? -1
                   : add_ack(chores, record->rejected.inbox_id, err);
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
    case LEDGER_CONTINUATION:
    case LEDGER_COMMAND:
    case LEDGER_TASK:
        break;
    }
    return 0;
}

/* --- runs and ledgers --- */

static int add_forget(struct chores *chores, const struct partition *p, const struct slice *runs,
                      uint32_t count, struct err *err)
{
    struct command *command;
    if (count == 0)
        return 0;
    if (next_command(chores, &command, err) != 0)
        return -1;
    forget_build(command, p->cursor.partition, slice_str(p->epoch_text), runs, count);
    return 0;
}

/* A run that the record does not allow: cancelled first, since what runs cannot be forgotten. */
static int add_end_of_stray(struct chores *chores, const struct partition *p, struct slice run,
                            struct err *err)
{
    const struct ledger_command record = {
        .run = run,
        .kind = SLICE("cancel"),
        .command_id = SLICE("00000000-0000-0000-0000-000000000000"),
        .by = SLICE("supervisor"),
    };
    struct command *command;
    if (next_command(chores, &command, err) != 0)
        return -1;
    cancel_build(command, p->cursor.partition, slice_str(p->epoch_text), &record);
    return add_forget(chores, p, &run, 1, err);
}

static int add_trim(struct chores *chores, const struct partition *p, struct err *err)
{
    char key[KEY_MAX], id[64];
    struct command *command;
    if (next_command(chores, &command, err) != 0)
        return -1;
    (void)snprintf(id, sizeof id, "%" PRId64 "-%" PRIu64, p->cursor.epoch, p->cursor.seq);
    command_begin(command, "XTRIM");
    command_arg(command, key_ledger(key, p->cursor.partition));
    command_arg_str(command, "MINID");
    command_arg_str(command, id);
    return 0;
}

/* --- after a commit --- */

static int forget_final(struct chores *chores, uint16_t slot, struct err *err)
{
    const struct batch *batch = &chores->s->batch;
    const struct partition *p = &chores->s->partitions[slot];
    struct slice runs[FORGET_MOST];
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->touched_count; i++) {
        const struct run *run = batch->touched[i];
        if (run->slot != slot || !run_status_final(run->status) || run->stray)
            continue;
        runs[count++] = slice_str(run->id);
        if (count == FORGET_MOST) {
            if (add_forget(chores, p, runs, count, err) != 0)
                return -1;
            count = 0;
        }
    }
    return add_forget(chores, p, runs, count, err);
}

static void tell_stray(struct supervisor *s, struct run *run, const struct entry *entry)
{
    if (!run->stray_because)
        return;
    s->stats.alarms++;
    log_write(LOG_ERROR, "Redis has a run that the record does not allow: it is ended there",
              LOG_S("run_id", run->id), LOG_S("reason", run->stray_because),
              LOG_I("partition", s->partitions[entry->slot].cursor.partition),
              LOG_I("seq", (int64_t)entry->seq));
    run->stray_because = NULL;
}

static int end_strays(struct chores *chores, struct err *err)
{
    const struct batch *batch = &chores->s->batch;
    const struct run *last = NULL;
    for (uint32_t i = 0; i < batch->record_count; i++) {
        const struct record *record = &batch->records[i];
        /* Not for the record of that very cancelling. */
        if (!record->run || !record->run->stray || record->run == last ||
            record->ledger.kind == LEDGER_COMMAND)
            continue;
        last = record->run;
        const struct entry *entry = &batch->entries[record->entry];
        tell_stray(chores->s, record->run, entry);
        if (add_end_of_stray(chores, &chores->s->partitions[entry->slot], slice_str(last->id),
                             err) != 0)
            return -1;
    }
    return 0;
}

static bool is_last_of_slot(const struct batch *batch, uint32_t i)
{
    return i + 1 == batch->entry_count || batch->entries[i + 1].slot != batch->entries[i].slot;
}

static int do_chores(struct chores *chores, struct err *err)
{
    struct supervisor *s = chores->s;
    const struct batch *batch = &s->batch;
    for (uint32_t i = 0; i < batch->record_count; i++) {
        if (add_record(chores, &batch->records[i].ledger, err) != 0)
            return -1;
    }
    if (flush_acks(chores, err) != 0 || end_strays(chores, err) != 0)
        return -1;
    for (uint32_t i = 0; i < batch->entry_count; i++) {
        if (is_last_of_slot(batch, i) && forget_final(chores, batch->entries[i].slot, err) != 0)
            return -1;
    }
    if (send_all(chores, err) != 0)
        return -1;
    for (uint32_t i = 0; i < batch->entry_count; i++) {
        if (is_last_of_slot(batch, i) &&
            add_trim(chores, &s->partitions[batch->entries[i].slot], err) != 0)
            return -1;
    }
    return send_all(chores, err);
}

static void drop_commands(struct chores *chores)
{
    for (uint32_t i = 0; i < chores->count; i++)
        command_free(&chores->commands[i]);
}

/* Runs that are over are not needed any more; strays are looked at anew when they speak again. */
static int drop_ended(struct supervisor *s, struct err *err)
{
    struct batch *batch = &s->batch;
    uint32_t count = 0;
    struct run **ended = arena_array(&batch->arena, batch->record_count + 1, sizeof(struct run *));
    if (!ended)
        return err_set(err, ERR_LIMIT, "no memory for ended runs");
    for (uint32_t i = 0; i < batch->record_count; i++) {
        struct run *run = batch->records[i].run;
        if (run && !run->dropped && (run->stray || run_status_final(run->status))) {
            run->dropped = true;
            ended[count++] = run;
        }
    }
    batch_clear_runs(s);
    for (uint32_t i = 0; i < count; i++)
        runs_remove(&s->runs, ended[i]);
    return 0;
}

int after_commit(struct supervisor *s, struct err *err)
{
    struct chores *chores = arena_zalloc(&s->batch.arena, sizeof *chores);
    if (!chores)
        return err_set(err, ERR_LIMIT, "no memory for what follows a commit");
    chores->s = s;
    int result = do_chores(chores, err);
    if (result != 0) {
        drop_commands(chores);
        for (uint32_t i = 0; i < s->owned; i++)
            s->partitions[i].open = false;
    }
    return drop_ended(s, result == 0 ? err : NULL) == 0 ? result : -1;
}

/* --- after taking over --- */

static bool ends_run(const struct ledger_record *record, struct slice *run)
{
    switch (record->kind) {
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
        *run = record->execution.run;
        break;
    case LEDGER_CONTINUATION:
        *run = record->continuation_run;
        break;
    case LEDGER_COMMAND:
        *run = record->command.run;
        break;
    case LEDGER_START:
    case LEDGER_DUPLICATE:
    case LEDGER_REJECTED:
    case LEDGER_TASK:
        return false;
    }
    return record->outcome.status != 'r';
}

static int repeat_entry(struct chores *chores, const struct partition *p, const struct entry *entry,
                        struct err *err)
{
    struct ledger_record record;
    struct slice run;
    size_t at = 0;
    int more;
    while ((more = ledger_next(entry->body, &at, &record, err)) > 0) {
        if (add_record(chores, &record, err) != 0 ||
            (ends_run(&record, &run) && add_forget(chores, p, &run, 1, err) != 0))
            return -1;
    }
    return more;
}

/* One page, oldest first, from the id in `from`, which becomes where the next page begins. */
static int repeat_page(struct chores *chores, struct partition *p, char from[ID_SIZE], bool *more,
                       struct err *err)
{
    char ledger[KEY_MAX], to[ID_SIZE], count[24];
    (void)key_ledger(ledger, p->cursor.partition);
    (void)snprintf(to, sizeof to, "%" PRId64 "-%" PRIu64, p->cursor.epoch, p->cursor.seq);
    (void)snprintf(count, sizeof count, "%d", PAGE_ENTRIES);
    redisReply *reply =
        redis_words(chores->s->redis, err, "XRANGE", ledger, from, to, "COUNT", count, NULL);
    if (!reply)
        return -1;
    int result = 0;
    *more = reply->elements == PAGE_ENTRIES;
    for (size_t i = 0; result == 0 && i < reply->elements; i++) {
        struct entry entry;
        int64_t epoch;
        if (entry_of_reply(reply->element[i], 0, &epoch, &entry) != 0) {
            result = err_set(err, ERR_INTERNAL,
                             "the ledger of partition %u has an entry that nobody of us wrote",
                             p->cursor.partition);
            break;
        }
        (void)snprintf(from, ID_SIZE, "(%" PRId64 "-%" PRIu64, epoch, entry.seq);
        result = repeat_entry(chores, p, &entry, err);
    }
    if (result == 0)
        result = flush_acks(chores, err);
    if (result == 0)
        result = send_all(chores, err); /* before what it names is freed */
    freeReplyObject(reply);
    return result;
}

int after_takeover(struct supervisor *s, struct partition *p, struct err *err)
{
    if (p->cursor.seq == 0)
        return 0;
    struct chores *chores = arena_zalloc(&s->batch.arena, sizeof *chores);
    if (!chores)
        return err_set(err, ERR_LIMIT, "no memory to take over a partition");
    chores->s = s;
    char from[ID_SIZE] = "-";
    bool more = true;
    int result = 0;
    while (result == 0 && more)
        result = repeat_page(chores, p, from, &more, err);
    if (result == 0)
        result = add_trim(chores, p, err);
    if (result == 0)
        result = send_all(chores, err);
    if (result != 0)
        drop_commands(chores);
    return result;
}
