/* registry: which callback executes nodes of which kind and name. */
#ifndef TROUPE_LIBTROUPE_REGISTRY_H
#define TROUPE_LIBTROUPE_REGISTRY_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "libtroupe/troupe.h"

#define REGISTRY_NAME_BYTES 128

struct handler {
    enum troupe_kind kind;
    char *name, *queue; /* queue: `function:NAME`, or the one it was given */
    troupe_run_fn *run;
    void *context;
};

struct registry {
    struct handler **handlers; /* each stays where it is */
    uint32_t count;
};

/* ERR_USAGE says what is wrong with it. */
MUSTCHECK int registry_add(struct registry *registry, const struct troupe_handler *handler,
                           struct err *err);
/* NULL: there is none. */
const struct handler *registry_find(const struct registry *registry, enum troupe_kind kind,
                                    struct slice name);
void registry_free(struct registry *registry);

/* "function", "agent", "tool" */
const char *kind_name(enum troupe_kind kind);
bool kind_read(struct slice text, enum troupe_kind *kind);

#endif
