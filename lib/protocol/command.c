#include "protocol/command.h"
#include "base/digits.h"
#include "protocol/decimal.h"
#include "protocol/keys.h"

/* One bulk string of two parts. Room is made once: there are dozens of them per token. */
static void write_bulk(struct buf *out, struct slice first, struct slice second)
{
    const size_t len = first.len + second.len, digits = digits_count(len);
    if (!buf_reserve(out, len + digits + 5))
        return;
    char *at = out->data + out->len;
    *at++ = '$';
    at += digits;
    (void)digits_write(len, at);
    *at++ = '\r';
    *at++ = '\n';
    if (first.len > 0)
        memcpy(at, first.ptr, first.len);
    at += first.len;
    if (second.len > 0)
        memcpy(at, second.ptr, second.len);
    at += second.len;
    memcpy(at, "\r\n", 3);
    out->len += len + digits + 5;
}

void command_init(struct command *command)
{
    *command = (struct command){0};
    buf_init(&command->args, COMMAND_MAX_BYTES);
}

void command_free(struct command *command)
{
    buf_free(&command->args);
    command->argc = 0;
}

static void command_reset(struct command *command)
{
    buf_reset(&command->args);
    command->argc = 0;
    command->is_script = false;
}

void command_begin(struct command *command, const char *word)
{
    command_reset(command);
    command_arg_str(command, word);
}

void command_begin_script(struct command *command, enum script script, uint16_t partition)
{
    char key[KEY_MAX];
    command_reset(command);
    command->is_script = true;
    command->script = script;
    command_arg(command, SLICE("1"));
    command_arg(command, key_meta(key, partition));
}

void command_arg(struct command *command, struct slice arg)
{
    command_arg_parts(command, arg, SLICE_NONE);
}

void command_arg_parts(struct command *command, struct slice first, struct slice second)
{
    write_bulk(&command->args, first, second);
    command->argc++;
}

void command_arg_str(struct command *command, const char *arg)
{
    command_arg(command, slice_str(arg));
}

void command_arg_int(struct command *command, int64_t arg)
{
    char digits[DECIMAL_SIZE];
    command_arg(command, decimal_text(arg, digits));
}

bool command_ok(const struct command *command)
{
    return buf_ok(&command->args) && command->argc > 0;
}

void command_write_head(const struct command *command, bool with_body, struct buf *out)
{
    buf_char(out, '*');
    buf_uint(out, command->argc + (command->is_script ? 2u : 0u));
    buf_append(out, "\r\n", 2);
    if (command->is_script) {
        write_bulk(out, with_body ? SLICE("EVAL") : SLICE("EVALSHA"), SLICE_NONE);
        write_bulk(out, with_body ? script_text(command->script) : script_sha(command->script),
                   SLICE_NONE);
    }
}

void command_write(const struct command *command, bool with_body, struct buf *out)
{
    command_write_head(command, with_body, out);
    buf_slice_append(out, buf_slice(&command->args));
}
