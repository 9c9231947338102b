/* secrets: what definitions name as secrets.NAME, from where the operator keeps it.
 *
 *   environment   PREFIX + NAME, as it is or in capitals with '_' for '-' and '.'
 *   directory     DIR/NAME, a file, as Docker and Kubernetes mount them
 *   command       prints {"NAME": "value", …}; all of them at once
 *
 * The first that has it, in this order. Files are read when they are needed and once their value is
 * older than `ttl`; the command is run at the start, and again every `ttl` while the worker works; both
 * at secrets_refresh. A command that fails is logged and what it said before stays. Line ends at the end
 * of a value do not belong to it; an empty value, one above 64 KiB and one that is no UTF-8 are none.
 */
#ifndef TROUPE_WORKER_SECRETS_H
#define TROUPE_WORKER_SECRETS_H

#include "base/attr.h"
#include "base/err.h"
#include "graph/values.h"
#include <event2/event.h>

struct secrets;

struct secrets_options {
    const char *env_prefix; /* NULL or "": not from the environment */
    const char *directory;  /* NULL: none */
    const char *command;    /* for /bin/sh; NULL: none */
    int64_t ttl_ms;         /* 0: 60 s */
};

/* Texts are copied. Waits for the command (10 s at most), which has to succeed this first time:
 * ERR_USAGE. No other events may be in the base yet. */
MUSTCHECK struct secrets *secrets_new(struct event_base *base,
                                      const struct secrets_options *options, struct err *err);
void secrets_free(struct secrets *secrets);

/* Everything is read anew. */
void secrets_refresh(struct secrets *secrets);

/* For values.secrets; lives as long as the secrets. */
const struct graph_secrets *secrets_source(const struct secrets *secrets);

#endif
