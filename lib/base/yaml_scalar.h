/* yaml_scalar: what a YAML scalar is under the core schema, as JSON. Internal to lib/base. */
#ifndef TROUPE_BASE_YAML_SCALAR_H
#define TROUPE_BASE_YAML_SCALAR_H

#include "base/buf.h"
#include "base/json.h"

/* Without the "tag:yaml.org,2002:" before it. */
enum yaml_tag {
    YAML_TAG_NONE,
    YAML_TAG_NULL,
    YAML_TAG_BOOL,
    YAML_TAG_INT,
    YAML_TAG_FLOAT,
    YAML_TAG_STR,
    YAML_TAG_SEQ,
    YAML_TAG_MAP,
    YAML_TAG_UNKNOWN
};

/* NULL is NONE, "!" is STR for scalars (and nothing for the others). */
enum yaml_tag yaml_tag_of(const char *tag);

/* Appends the scalar as JSON. plain: it stands without quotes, so that what it is decides its type
 * unless a tag does. 0 and *type, or -1 and *message (static). */
int yaml_write_scalar(struct buf *json, struct slice text, enum yaml_tag tag, bool plain,
                      enum json_type *type, const char **message);

#endif
