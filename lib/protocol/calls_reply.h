/* calls_reply: the parts of a script's reply; internal to lib/protocol's calls_*.c. */
#ifndef TROUPE_PROTOCOL_CALLS_REPLY_H
#define TROUPE_PROTOCOL_CALLS_REPLY_H

#include "base/slice.h"
#include "protocol/calls.h"
#include <hiredis/hiredis.h>
#include <stdbool.h>

/* Element `index` behind `ok` and the time; NULL when the reply is no `ok` or shorter. */
const redisReply *reply_part(const redisReply *reply, size_t index);
/* The same as a string; ptr NULL when it is none. */
struct slice reply_part_text(const redisReply *reply, size_t index);
/* The same as an array of arrays. */
bool reply_part_claims(const redisReply *reply, size_t index, struct claims *claims);

void command_queues(struct command *command, struct call_queues queues);
/* An argument that a buf holds; what the buf could not take, the command could not either. */
void command_arg_pair(struct command *command, struct slice a, uint32_t b); /* `a,b` */
void command_arg_buf(struct command *command, const struct buf *buf);

#endif
