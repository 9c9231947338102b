#include "graph/compile.h"
#include <stdio.h>

void report(struct compiler *c, enum finding_severity severity, struct json_position position,
            const struct path *path, const char *format, ...)
{
    char text[PATH_TEXT_BYTES];
    path_write(path, text);
    va_list arguments;
    va_start(arguments, format);
    finding_add_list(c->findings, severity, position, text, format, arguments);
    va_end(arguments);
}

struct hint hint_of(const struct suggest *suggest)
{
    struct hint hint = {""};
    if (suggest->best.ptr)
        (void)snprintf(hint.text, sizeof(hint.text), ", did you mean '%.*s'?",
                       SLICE_ARG(shown(suggest->best)));
    return hint;
}

struct hint hint_node(struct compiler *c, struct slice name)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (uint32_t i = 0; i < c->graph->node_count && c->suggest_budget > 0; i++) {
        c->suggest_budget--;
        if (c->graph->nodes[i].id.ptr)
            suggest_offer(&suggest, c->graph->nodes[i].id);
    }
    return hint_of(&suggest);
}

uint32_t compiler_find(const struct compiler *c, struct slice id)
{
    const struct graph_node *node = strmap_get(&c->graph->ids, id);
    return node ? node->index : NO_NODE;
}
