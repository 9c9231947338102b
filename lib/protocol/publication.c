#include "protocol/publication.h"
#include "protocol/command.h"
#include "protocol/keys.h"
#include <stdio.h>

enum { GRAPH_KEPT_S = 86400 };

static int send(struct redis *redis, struct command *command, struct err *err)
{
    redisReply *reply = NULL;
    if (command_ok(command))
        reply = redis_call(redis, command, err);
    else
        err_set(err, ERR_LIMIT, "no memory to publish a definition");
    command_free(command);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

int publish_canonical(struct redis *redis, struct slice digest, struct slice canonical,
                      struct err *err)
{
    char key[KEY_MAX];
    struct command command;
    command_init(&command);
    command_begin(&command, "SET");
    command_arg(&command, key_graph(key, digest));
    command_arg(&command, canonical);
    command_arg_str(&command, "EX");
    command_arg_int(&command, GRAPH_KEPT_S);
    return send(redis, &command, err);
}

static void add_name(struct command *command, const struct publication *item)
{
    struct buf text;
    buf_init(&text, 0);
    buf_slice_append(&text, item->name);
    buf_char(&text, '@');
    buf_int(&text, item->version);
    command_arg(command, buf_slice(&text));
    command_arg(command, item->digest);
    if (item->latest) {
        command_arg(command, item->name);
        buf_reset(&text);
        buf_int(&text, item->version);
        buf_char(&text, ' ');
        buf_slice_append(&text, item->digest);
        command_arg(command, buf_slice(&text));
    }
    if (!buf_ok(&text))
        command->args.failed = true;
    buf_free(&text);
}

int publish_names(struct redis *redis, const struct publication *items, uint32_t count,
                  struct err *err)
{
    struct command command;
    if (count == 0)
        return 0;
    command_init(&command);
    command_begin(&command, "HSET");
    command_arg_str(&command, KEY_WORKFLOWS);
    for (uint32_t i = 0; i < count; i++)
        add_name(&command, &items[i]);
    return send(redis, &command, err);
}

int publish_script(struct redis *redis, enum script script, struct err *err)
{
    char key[KEY_MAX];
    struct command command;
    (void)snprintf(key, sizeof key, KEY_SCRIPT "%s", script_name(script));
    command_init(&command);
    command_begin(&command, "SET");
    command_arg_str(&command, key);
    command_arg(&command, script_text(script));
    return send(redis, &command, err);
}
