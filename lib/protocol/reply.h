/* reply: what an error reply of Redis means for the caller; internal to lib/protocol. */
#ifndef TROUPE_PROTOCOL_REPLY_H
#define TROUPE_PROTOCOL_REPLY_H

#include "base/err.h"
#include <hiredis/hiredis.h>
#include <stdbool.h>

/* By the first word: UNREACHABLE for what passes (LOADING, BUSY, MASTERDOWN, TRYAGAIN, …), REFUSED for
 * credentials, permissions and memory, INTERNAL for everything else. Returns -1. */
int reply_error(const redisReply *reply, struct err *err);
bool reply_is_error(const redisReply *reply, const char *word);

#endif
