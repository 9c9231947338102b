/* shape: what is certain of a JSON value before there is one.
 *
 * A schema makes shapes (schema/outline.h), a checker of expressions reads them (cel/cel.h). A shape
 * never says more than is certain: whatever it leaves open, the value may be. NULL is the shape of
 * which nothing is known. Shapes may lead back to themselves, as lists of lists of … do.
 */
#ifndef TROUPE_BASE_SHAPE_H
#define TROUPE_BASE_SHAPE_H

#include "base/json.h"

#define SHAPE_OF(type) (1u << (type))                  /* one of enum json_type */
#define SHAPE_ANYTHING (SHAPE_OF(JSON_OBJECT + 1) - 1) /* all of them */

struct shape;

struct shape_member {
    struct slice name;
    const struct shape *shape; /* as far as the member is there; or NULL */
};

struct shape {
    unsigned types;                     /* SHAPE_OF each that it may be; never 0 */
    const struct shape *element;        /* of an array: what each is, or NULL */
    const struct shape_member *members; /* of an object: those that are known, sorted, each once */
    uint32_t member_count;
    bool closed;              /* there are no others */
    const struct shape *rest; /* what the others are, or NULL */
};

/* Order of members, for qsort. */
int shape_by_name(const void *a, const void *b);
/* NULL when none of that name is known. */
const struct shape_member *shape_find(const struct shape *object, struct slice name);

#endif
