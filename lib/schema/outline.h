/* outline: what a schema says that a value certainly is, for whoever reads expressions over values
 * that are still to come.
 *
 * Types, members, elements; $ref and allOf are followed. What depends on the value (anyOf, oneOf, not,
 * if, patternProperties) is left open: every value that fits the schema is as the outline says, and
 * others may be too.
 */
#ifndef TROUPE_SCHEMA_OUTLINE_H
#define TROUPE_SCHEMA_OUTLINE_H

#include "base/shape.h"
#include "schema/schema.h"

/* Into the arena; names are the schema's, which must live as long. NULL without memory. */
MUSTCHECK const struct shape *schema_outline(const struct schema *schema, struct arena *arena);

#endif
