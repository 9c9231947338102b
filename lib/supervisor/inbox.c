/* inbox: the stream of start requests, for whoever reads it. */
#include "base/log.h"
#include "protocol/keys.h"
#include "supervisor/state.h"
#include <string.h>

enum {
    LOOK_EVERY_MS = 500,
    DISMISS_EVERY_MS = 5000,
    DISMISS_IDLE_MS = 10000,
    DISMISS_MOST = 256,
};

static int run_command(struct supervisor *s, struct command *command, redisReply **reply,
                       struct err *err)
{
    int result = redis_pipeline(s->redis, command, 1, reply, err);
    command_free(command);
    return result;
}

/* Workers read it as a group, which must be there before they do. */
static int make_inbox(struct supervisor *s, struct err *err)
{
    struct command command;
    redisReply *reply;
    command_init(&command);
    command_begin(&command, "XGROUP");
    command_arg_str(&command, "CREATE");
    command_arg_str(&command, KEY_RUNS);
    command_arg_str(&command, KEY_GROUP);
    command_arg_str(&command, "0"); /* what is there already is not passed over */
    command_arg_str(&command, "MKSTREAM");
    int result = run_command(s, &command, &reply, err);
    if (result != 0)
        return -1;
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "BUSYGROUP", 9) != 0)
        result = err_set(err, ERR_UNREACHABLE, "Redis: %s", reply->str);
    freeReplyObject(reply);
    return result;
}

/* Somebody may have removed it: producers and operators can. A producer's first request makes the stream
 * without its group, so it is the group that is looked for. */
static int check_inbox(struct supervisor *s, struct err *err)
{
    struct command command;
    redisReply *reply;
    command_init(&command);
    command_begin(&command, "XPENDING");
    command_arg_str(&command, KEY_RUNS);
    command_arg_str(&command, KEY_GROUP);
    command_arg_str(&command, "-");
    command_arg_str(&command, "+");
    command_arg_int(&command, 1);
    if (run_command(s, &command, &reply, err) != 0)
        return -1;
    const bool there = reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    return there ? 0 : make_inbox(s, err);
}

/* A worker cannot leave the inbox by itself: what it started stays pending under its name until the
 * commit. */
static int dismiss_readers(struct supervisor *s, struct err *err)
{
    struct command command;
    redisReply *reply;
    command_init(&command);
    command_begin(&command, "EVAL");
    command_arg(&command, script_text(SCRIPT_DISMISS));
    command_arg_int(&command, 1);
    command_arg_str(&command, KEY_RUNS);
    command_arg_int(&command, DISMISS_IDLE_MS);
    command_arg_int(&command, DISMISS_MOST);
    if (run_command(s, &command, &reply, err) != 0)
        return -1;
    /* Nothing depends on it: a user without the permission has a longer list. */
    if (reply->type == REDIS_REPLY_ERROR)
        log_write(LOG_WARN, "readers of the inbox that are gone cannot be removed",
                  LOG_S("reason", reply->str));
    freeReplyObject(reply);
    return 0;
}

int inbox_pass(struct supervisor *s, struct err *err)
{
    if (!owns_first(s) || now_us(s) < s->inbox_due_us)
        return 0;
    s->inbox_due_us = now_us(s) + LOOK_EVERY_MS * INT64_C(1000);
    if (check_inbox(s, err) != 0)
        return -1;
    if (now_us(s) < s->dismiss_due_us)
        return 0;
    s->dismiss_due_us = now_us(s) + DISMISS_EVERY_MS * INT64_C(1000);
    return dismiss_readers(s, err);
}
