/* A graph to try things on. Include it behind cmocka.h. */
#ifndef TROUPE_GRAPH_CASE_H
#define TROUPE_GRAPH_CASE_H

#include "graph/graph.h"

/* NULL when the definition, JSON, has findings, which it prints. */
static struct graph *graph_case_compile(const char *definition)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, 0);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(slice_str(definition), GRAPH_JSON, &findings);
    for (uint32_t i = 0; !graph && i < findings.count; i++)
        print_error("%s\n", findings.items[i].message);
    arena_free(&arena);
    return graph;
}

#endif
