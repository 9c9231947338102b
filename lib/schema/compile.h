/* compile: what reading a schema and resolving its references share. Internal to lib/schema. */
#ifndef TROUPE_SCHEMA_COMPILE_H
#define TROUPE_SCHEMA_COMPILE_H

#include "schema/keywords.h"
#include "schema/report.h"

/* A $ref, to be resolved once every subschema is known. */
struct schema_pending {
    struct schema_node *node;
    struct json_ref value;
    const char *path; /* of the value, as it is shown */
    struct schema_pending *next;
};

struct schema_compiler {
    struct schema *schema;
    struct json_ref original; /* for positions: the copy has the same nodes in the same order */
    struct schema_report *report;
    struct arena scratch;
    struct schema_node **nodes; /* by tape index of the copy; NULL: no schema there */
    struct schema_pending *pending;
    uint32_t subschemas, patterns, problems;
    bool out_of_memory;
};

/* References to nodes; chains and cycles of nodes that look at the same value (refs.c). */
void schema_resolve(struct schema_compiler *c);

#endif
