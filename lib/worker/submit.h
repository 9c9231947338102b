/* submit: a token's result as the arguments that settle and start take. */
#ifndef TROUPE_WORKER_SUBMIT_H
#define TROUPE_WORKER_SUBMIT_H

#include "worker/token.h"

/* With its operations and steps. */
void submit_token(struct command *command, const struct token *token);
/* About how long they are. */
size_t submit_bytes(const struct token *token);
/* How much they are to do, operations and steps: a call has a budget, and holds up all others. */
uint32_t submit_operations(const struct token *token);

#endif
