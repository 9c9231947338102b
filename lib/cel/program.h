/* program: what compilation leaves behind. Internal to lib/cel. Immutable once compiled. */
#ifndef TROUPE_CEL_PROGRAM_H
#define TROUPE_CEL_PROGRAM_H

#include "cel/ast.h"

/* A compiled pattern of a constant argument: the one thing that is not the arena's. */
struct cel_pattern {
    void *regex;
    struct cel_pattern *next;
};

struct cel_program {
    struct slice source;
    const struct cel_ast *root;
    struct cel_reference *references;
    uint32_t reference_count;
    uint32_t reference_size;
    uint32_t *slots; /* those that are read, each once */
    uint32_t slot_count;
    uint32_t slot_size;
    uint32_t local_count; /* variables of nested macros alive at once */
    struct cel_pattern *patterns;
    const char *type_text; /* of the root */
};

#endif
