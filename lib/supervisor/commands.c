/* commands: what users asked of runs, applied by scripts. The ledger tells that it took effect. */
#include "base/log.h"
#include "protocol/calls.h"
#include "supervisor/state.h"
#include <string.h>

/* Redis does not have the run. Either it was never started, or it was lost: all that it recorded is
 * archived by now, since a pass archives before it looks at commands. */
static int cancel_absent(struct supervisor *s, const struct archive_command *command,
                         struct err *err)
{
    struct buf error;
    buf_init(&error, 0);
    cancelled_error_write(&error, command->asked_by);
    int result = buf_ok(&error) ? archive_cancel_absent(s->store, command, buf_slice(&error),
                                                        redis_now_us(s), err)
                                : err_set(err, ERR_LIMIT, "no memory for a command");
    buf_free(&error);
    if (result == 0 && command->events > 0) {
        runs_clear(&s->runs);
        log_write(LOG_WARN, "a run that Redis has lost was cancelled in the record",
                  LOG_B("run_id", command->run));
    }
    return result;
}

static int cancel(struct supervisor *s, const struct archive_command *command,
                  const struct partition *p, struct err *err)
{
    const struct ledger_command record = {.run = command->run,
                                          .kind = SLICE("cancel"),
                                          .command_id = command->id,
                                          .by = command->asked_by};
    struct command call;
    enum cancel_result result;
    int64_t redis_us;
    command_init(&call);
    cancel_build(&call, command->partition, slice_str(p->epoch_text), &record);
    redisReply *reply = redis_call(s->redis, &call, err);
    command_free(&call);
    if (!reply)
        return -1;
    enum call_status status = call_status(reply, &redis_us, err);
    bool read = status == CALL_OK && cancel_read(reply, &result) == 0;
    freeReplyObject(reply);
    if (status == CALL_EPOCH || status == CALL_HOLD || status == CALL_SESSION)
        return 0; /* later */
    if (!read)
        return err->code != ERR_NONE ? -1 : err_set(err, ERR_INTERNAL, "cancel answered nonsense");
    note_redis_time(s, redis_us);
    s->stats.commands += result == CANCEL_DONE;
    /* CANCEL_ENDED: it is about to be archived as final, and the command then looked at again. */
    return result == CANCEL_GONE ? cancel_absent(s, command, err) : 0;
}

static int apply(struct supervisor *s, const struct archive_command *command, struct err *err)
{
    const struct partition *p = partition_find(s, command->partition);
    if (run_status_final(command->status))
        return archive_command_ended(s->store, command->id, err);
    if (!p || !p->open || p->more) /* what is in the ledger goes first */
        return 0;
    return cancel(s, command, p, err);
}

int commands_pass(struct supervisor *s, struct err *err)
{
    struct archive_command *commands;
    uint32_t count = 0;
    if (s->owned == 0 || now_us(s) < s->starts_due_us) /* due together with starts */
        return 0;
    if (archive_open_commands(s->store, s->owner, COMMANDS_MOST, &s->batch.arena, &commands, &count,
                              err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (apply(s, &commands[i], err) != 0)
            return -1;
    }
    return 0;
}
