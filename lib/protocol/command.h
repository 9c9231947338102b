/* command: one Redis command or script call, encoded as it is built.
 *
 * Arguments are appended straight in their wire form; a script call can be sent as EVALSHA and, after
 * NOSCRIPT, again as EVAL, without building it twice. Reusable: command_reset keeps the memory.
 */
#ifndef TROUPE_PROTOCOL_COMMAND_H
#define TROUPE_PROTOCOL_COMMAND_H

#include "base/buf.h"
#include "base/slice.h"
#include "protocol/scripts.h"
#include <stdbool.h>
#include <stdint.h>

#define COMMAND_MAX_BYTES (64u << 20)

struct command {
    struct buf args; /* RESP bulk strings */
    uint32_t argc;   /* of args */
    bool is_script;
    enum script script; /* when is_script: args begin behind the script (with "1", meta key) */
};

void command_init(struct command *command);
void command_free(struct command *command);
/* An ordinary command: first word. */
void command_begin(struct command *command, const char *word);
/* A script call on a partition; adds the meta key and nothing else. */
void command_begin_script(struct command *command, enum script script, uint16_t partition);
void command_arg(struct command *command, struct slice arg);
/* One argument: both, one behind the other. */
void command_arg_parts(struct command *command, struct slice first, struct slice second);
void command_arg_str(struct command *command, const char *arg);
void command_arg_int(struct command *command, int64_t arg);
/* False when it outgrew its cap or memory. */
bool command_ok(const struct command *command);
/* Appends the wire form; with_body: EVAL and the script's text in place of EVALSHA. */
void command_write(const struct command *command, bool with_body, struct buf *out);
/* The same without `args`, which follow as they are. */
void command_write_head(const struct command *command, bool with_body, struct buf *out);

#endif
