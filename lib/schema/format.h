/* format: texts of a known form. Internal to lib/schema. */
#ifndef TROUPE_SCHEMA_FORMAT_H
#define TROUPE_SCHEMA_FORMAT_H

#include "base/slice.h"
#include "base/suggest.h"
#include <stdbool.h>

struct schema_format {
    const char *name;
    const char *wanted; /* "a UUID" */
    bool (*fits)(struct slice text);
};

/* NULL when there is none of that name; then all names were offered. */
const struct schema_format *schema_format_find(struct slice name, struct suggest *suggest);

#endif
