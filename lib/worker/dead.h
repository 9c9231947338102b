/* dead: tokens that Redis will not settle.
 *
 * When a call fails as a whole, its tokens are submitted one by one; the one that fails alone, or
 * that is answered `bad`, is failed with `internal` in place of its result. If that does not work
 * either, it is logged with everything known, and given up: it stays pending under our name.
 */
#ifndef TROUPE_WORKER_DEAD_H
#define TROUPE_WORKER_DEAD_H

#include "base/err.h"

struct channel;
struct token;

/* The call with channel->sent failed as a whole; what is still wanted goes back to results. */
void dead_call(struct channel *channel, const struct err *err);
/* Takes the token, which is in no list. */
void dead_token(struct channel *channel, struct token *token, const char *why);

#endif
