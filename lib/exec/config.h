/* config: the parts of a node's config that are bindings, evaluated for one attempt. Internal to lib/exec.
 */
#ifndef TROUPE_EXEC_CONFIG_H
#define TROUPE_EXEC_CONFIG_H

#include "exec/executors.h"

struct exec_config {
    const char *what;                   /* "http", for messages */
    const struct binding *const *parts; /* NULL: none; each may be */
    const char *(*name)(unsigned part);
    unsigned count;
};

/* All parts as one object, so that they are read once; `text` holds it and must outlive what is read
 * from *object. Uses task->output, which is empty behind it. -1 with the task's failure. */
MUSTCHECK int exec_config_read(struct exec_task *task, const struct exec_config *config,
                               struct graph_text *text, struct json_ref *object);

#endif
