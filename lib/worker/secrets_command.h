/* secrets_command: secrets that a command prints, {"NAME": "value", …}. Internal to secrets.c. */
#ifndef TROUPE_WORKER_SECRETS_COMMAND_H
#define TROUPE_WORKER_SECRETS_COMMAND_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct secrets_command;

/* Runs it and waits; then again every ttl_ms. ERR_USAGE when it fails now. */
MUSTCHECK struct secrets_command *secrets_command_new(struct event_base *base, const char *command,
                                                      int64_t ttl_ms, struct err *err);
/* Ends it, if it runs. NULL is fine. */
void secrets_command_free(struct secrets_command *command);
/* Now, unless it runs already. */
void secrets_command_run(struct secrets_command *command);
/* Borrowed until the next turn of the loop, or the arena's. */
bool secrets_command_find(const struct secrets_command *command, struct slice name,
                          struct arena *arena, struct slice *value);

#endif
