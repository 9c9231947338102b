/* items: JSON values as lists, and when two of them are the same. Internal to lib/exec. */
#ifndef TROUPE_EXEC_ITEMS_H
#define TROUPE_EXEC_ITEMS_H

#include "base/json.h"
#include "base/strmap.h"
#include "exec/exec.h"

/* config.items, or else `otherwise`, which must be a list: `type` says what `what` is instead. */
MUSTCHECK int items_read(struct exec_task *task, struct graph_text *otherwise, const char *what,
                         struct json_ref *list);

/* Writes the element unless the set has it; the set remembers it. -1 without memory. */
MUSTCHECK int items_write_new(struct exec_task *task, struct strmap *set, struct json_ref element,
                              bool *first);

#endif
