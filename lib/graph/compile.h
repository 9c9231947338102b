/* compile: what the passes of the compiler share.
 *
 * Internal to lib/graph. The passes, in order, each in a file of its own:
 *
 *   definition  fields, kinds, names of fields        (fields.def)
 *   nodes       ids, types, what each type needs
 *   edges       references; merged edges, routes, predecessors, slots; probes (asking)
 *   cycle       closing edges, topological order
 *   loops       bodies, nesting, their rules
 *   each        regions behind each joins
 *   schemas     of inputs and outputs; what is certain by them (shapes)
 *   names       expressions and bindings, with who may name whom (reach)
 *   output      the one that the last token forms (schemas)
 *   frames      where outputs are kept
 *   warnings    what is legal and looks wrong
 *
 * A pass reports what it finds and goes on, so that everything is found at once; it returns -1 only
 * without memory. What stays is in the graph's arena, everything else in `scratch`.
 */
#ifndef TROUPE_GRAPH_COMPILE_H
#define TROUPE_GRAPH_COMPILE_H

#include "base/shape.h"
#include "base/strmap.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "graph/fields.h"
#include "graph/graph.h"
#include "graph/place.h"

#define NO_NODE UINT32_MAX

struct node_draft {
    struct json_ref ref; /* the node's object; absent when it is none */
    struct json_ref id;  /* its valid id */
    struct json_ref input, expression, template, jq, delay, items;
    struct json_ref http, exec; /* the whole config */
    struct json_ref config;     /* of a node that a remote worker executes */
    struct json_ref join, branch, on_error, when, retry, timeout; /* as far as they are right */
    struct json_ref probe;
    uint32_t probe_of;    /* a probe: whose, an index */
    struct json_ref loop; /* the object that has the loop's fields: `loop`, or config */
    bool type_known;
};

struct edge_draft {
    struct json_ref ref;
    enum route_kind kind;
    uint32_t rule, index;      /* implied ones: which rule, which element of the list */
    struct json_ref condition; /* its text; absent without one that is built */
    bool conditional;          /* a condition is written there */
    uint32_t from, to;         /* NO_NODE: unresolved */
    uint32_t edge;             /* among its source's merged edges */
    bool first;                /* of its merged edge */
};

struct reach;       /* reach.c */
struct node_shapes; /* shapes.c */

struct compiler {
    struct graph *graph;
    struct arena *arena; /* the graph's */
    struct arena scratch;
    struct findings *findings;
    const struct graph_checks *checks; /* or NULL */
    struct json_doc doc;
    struct places places;
    uint32_t errors_before;  /* of the findings, when this compilation began */
    uint32_t quiet;          /* inside what is refused as a whole: no finding per field of it */
    uint64_t suggest_budget; /* candidates left to compare: each costs, and nodes are many */

    struct json_ref metadata, node_list, edge_list, output; /* absent when they are not there */

    struct node_draft *nodes;
    struct edge_draft *edges;
    uint32_t edge_draft_count;
    bool edges_unclear;               /* a reference was not resolved, or a node was unreadable */
    struct graph_node *graph_nodes;   /* graph->nodes, while they may be written */
    struct graph_edge *graph_edges;   /* all, by source */
    uint32_t *edge_drafts;            /* per merged edge: its first draft */
    struct graph_route *graph_routes; /* all, by source */
    uint32_t *route_drafts;           /* per route: its draft */

    struct graph_loop *loops; /* graph->loops, while they may be written */
    uint64_t **kept_bits;     /* loops.c */
    bool cyclic;
    uint32_t *topological; /* node indices; valid without cycles */
    struct reach *reach;   /* made when first needed; settled too */
    struct reach *settled;

    uint32_t probe_count;            /* nodes that stand beside the graph */
    bool recorded;                   /* it was accepted once: graph_load */
    struct node_shapes *node_shapes; /* shapes.c; NULL: nothing is known */
    const struct shape *context_shape;

    /* Who is named, while one node's names are collected. */
    uint32_t *named_stamp; /* per node: == stamp when it need not be listed again */
    uint32_t stamp;
    uint32_t *named;
    uint32_t named_count;
    uint32_t *previous_stamp; /* the same for what is named of the previous iteration */
    uint32_t *previous;
    uint32_t previous_count;
};

/* --- reporting (report.c) --- */

void report(struct compiler *c, enum finding_severity severity, struct json_position position,
            const struct path *path, const char *format, ...) PRINTF(5, 6);
#define report_error(c, ref, path, ...)                                                            \
    report(c, FINDING_ERROR, places_position(&(c)->places, ref), path, __VA_ARGS__)
#define report_warning(c, ref, path, ...)                                                          \
    report(c, FINDING_WARNING, places_position(&(c)->places, ref), path, __VA_ARGS__)

/* What users wrote, in messages: not more than fits a line. */
static inline struct slice shown(struct slice text) { return utf8_cut(text, 80); }

/* ", did you mean 'x'?" or "". */
struct hint {
    char text[128];
};
struct hint hint_of(const struct suggest *suggest);
/* The nearest node id to a name that is none; nothing once the budget is spent. */
struct hint hint_node(struct compiler *c, struct slice name);

/* NO_NODE when there is none of that id. */
uint32_t compiler_find(const struct compiler *c, struct slice id);

/* Where an edge or what implies it stands: `edges[3]`, `nodes[1].branch.rules[0].next_nodes[2]`. */
struct edge_place {
    struct path parts[8];
};
const struct path *edge_place(const struct compiler *c, uint32_t draft, struct edge_place *place);

/* --- passes --- */

/* Checks an object against a context's rows; fills *fields with what has the right kind. */
MUSTCHECK int definition_object(struct compiler *c, enum field_context context, struct json_ref ref,
                                const struct path *path, struct fields *fields);

struct node_fields {
    struct fields node;
    struct json_ref config;
    struct fields config_fields; /* by the context of the type */
    bool type_known;
    enum node_type type;
    enum graph_function function;
};
/* A node's object and its config. */
MUSTCHECK int definition_node(struct compiler *c, struct json_ref ref, const struct path *path,
                              struct node_fields *fields);

MUSTCHECK int nodes_pass(struct compiler *c);
/* Whether a remote worker executes it, and from which queue (remote.c). */
MUSTCHECK int remote_read(struct compiler *c, struct graph_node *node,
                          const struct node_fields *fields, const struct path *path);
/* The members of an object in `config` that go to the remote worker. */
bool remote_function_takes(struct json_ref key);
bool remote_work_takes(struct json_ref key); /* of an agent or a tool */
MUSTCHECK int edges_pass(struct compiler *c);
/* For edges_pass: a reference to a node, NO_NODE when there is none of that id (reported). */
MUSTCHECK int edge_resolve(struct compiler *c, struct json_ref ref, const struct path *path,
                           uint32_t *node);
/* Counts, then appends, the edges that fields of nodes imply (implied.c). */
uint32_t implied_count(const struct compiler *c);
MUSTCHECK int implied_edges(struct compiler *c);
/* Probes, and whose (asking.c). */
MUSTCHECK int asking_pass(struct compiler *c);
/* What the fields say of joins, routing and errors, once predecessors are known. */
MUSTCHECK int behaviour_pass(struct compiler *c);
MUSTCHECK int cycle_pass(struct compiler *c);
MUSTCHECK int each_pass(struct compiler *c);
MUSTCHECK int schemas_pass(struct compiler *c);
MUSTCHECK int names_pass(struct compiler *c);
MUSTCHECK int output_pass(struct compiler *c);
MUSTCHECK int frames_pass(struct compiler *c);
MUSTCHECK int warnings_pass(struct compiler *c);

/* A schema of the definition, compiled and kept with the graph. NULL when there is none, or it is wrong,
 * which is reported. -1 without memory. */
MUSTCHECK int schema_keep(struct compiler *c, struct json_ref ref, const struct path *path,
                          const struct schema **out);

/* True when there is a path from one node to the other; only without cycles. -1 without memory. */
MUSTCHECK int reach_has(struct compiler *c, uint32_t from, uint32_t to, bool *has);
/* Whether the node has certainly run or been skipped when the reader runs. */
MUSTCHECK int reach_settled(struct compiler *c, uint32_t node, uint32_t reader, bool *settled);

/* --- names (names.c) --- */

/* Where an expression or a binding stands decides what it may name. */
enum site { SITE_CONFIG, SITE_CONDITION, SITE_OUTPUT };

/* What `input` is there. */
enum site_input {
    INPUT_CHECKED, /* the node's, behind its input_schema */
    INPUT_GIVEN,   /* before that: in `when` */
    INPUT_NATURAL, /* what it would be without config.input: in there */
    INPUT_ASKED,   /* of a probe: what it is asked about its node */
};

struct scope {
    struct compiler *c;
    enum site site;
    enum site_input input;
    uint32_t node;                /* whose config or condition; NO_NODE: of none */
    bool of_page;                 /* `output` is a page of an http node's answer */
    bool of_filter, of_aggregate; /* the names value and index, or inputs, exist */
    bool of_secrets;              /* secrets may be named: what is made is not stored */
    bool names_input, names_context, names_run;
};

/* Resolves the node that is named at byte `offset` of a string, as "$NAME" or "ctx.NAME" (`sigil` is
 * what stands before it), and notes that it is read. NO_NODE when it may not be named (reported). -1
 * without memory. */
MUSTCHECK int scope_node(struct scope *scope, struct slice name, const char *sigil,
                         struct json_ref string, size_t offset, const struct path *path,
                         uint32_t *node);

/* Compiles the CEL text that stands at byte `offset` of a string. *expr is NULL when it does not
 * compile (reported). -1 without memory. */
MUSTCHECK int expr_compile(struct scope *scope, struct json_ref string, size_t offset,
                           struct slice text, const struct path *path,
                           const struct graph_expr **expr);
/* A template; *binding is NULL when a reference in it is wrong (reported). */
MUSTCHECK int binding_compile(struct scope *scope, struct json_ref template,
                              const struct path *path, const struct binding **binding);
/* Of an object the members for which `takes` holds; NULL when there are none. */
MUSTCHECK int binding_compile_members(struct scope *scope, struct json_ref object,
                                      bool (*takes)(struct json_ref key), const struct path *path,
                                      const struct binding **binding);

#endif
