/* graph: a definition, compiled.
 *
 *   file --json/yaml reader--> document --graph_compile--> findings, or a graph
 *
 * A graph is immutable once made, owns its memory and is shared by reference count. Nodes are named
 * by index, in file order, everywhere below this layer's users: in tokens, in Redis, in the ledger.
 * The canonical form is the minified definition; the SHA-256 of "troupe-graph 1\n" and it is the digest by which workers cache
 * graphs; compiling the same canonical form gives the same graph on every machine.
 *
 *              routes (file order)                edges (merged by target)
 *   node a ──  a→b if c1, a→b if c2, a→d    ──>   0: a→b (taken if c1 or c2)   1: a→d
 *
 * Edges between the same two nodes are one edge. Every edge knows its place among the incoming
 * edges of its target (`slot`), which is its mark in a join record.
 */
#ifndef TROUPE_GRAPH_GRAPH_H
#define TROUPE_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/strmap.h"
#include "graph/binding.h"
#include "graph/findings.h"
#include "graph/values.h"
#include <stdbool.h>
#include <stdint.h>

/* id, text, alias or NULL, built */
#define NODE_TYPES(X)                                                                              \
    X(FUNCTION, "function", "task", true)                                                          \
    X(HTTP, "http", NULL, true)                                                                    \
    X(EXEC, "exec", NULL, true)                                                                    \
    X(TRANSFORM, "transform", NULL, true)                                                          \
    X(FILTER, "filter", NULL, true)                                                                \
    X(AGGREGATE, "aggregate", NULL, true)                                                          \
    X(CONDITIONAL, "conditional", "condition", true)                                               \
    X(PARALLEL, "parallel", NULL, true)                                                            \
    X(JOIN, "join", NULL, true)                                                                    \
    X(NOOP, "noop", NULL, true)                                                                    \
    X(LOOP, "loop", NULL, true)                                                                    \
    X(MAP, "map", "foreach", false)                                                                \
    X(WORKFLOW, "workflow", NULL, false)                                                           \
    X(DELAY, "delay", NULL, true)                                                                  \
    X(SIGNAL, "signal", "wait", false)                                                             \
    X(HUMAN, "human", "human_gate", false)                                                         \
    X(AGENT, "agent", "agent_call", true)                                                          \
    X(TOOL, "tool", "tool_call", true)

enum node_type {
#define X(id, text, alias, built) NODE_##id,
    NODE_TYPES(X)
#undef X
};

const char *node_type_name(enum node_type type);

/* Built-in functions: id, name, built */
#define GRAPH_FUNCTIONS(X)                                                                         \
    X(ECHO, "echo", true)                                                                          \
    X(SLEEP, "sleep", true)                                                                        \
    X(FAIL, "fail", true)                                                                          \
    X(SHA256, "sha256", true)                                                                      \
    X(UUID, "uuid", true)                                                                          \
    X(NOW, "now", true)                                                                            \
    X(LOG, "log", true)

enum graph_function {
#define X(id, name, built) FUNCTION_##id,
    GRAPH_FUNCTIONS(X)
#undef X
        FUNCTION_NONE,
};

/* config.transformation: id, name */
#define GRAPH_TRANSFORMATIONS(X)                                                                   \
    X(UPPERCASE, "uppercase")                                                                      \
    X(LOWERCASE, "lowercase")                                                                      \
    X(TRIM, "trim")                                                                                \
    X(KEYS, "keys")                                                                                \
    X(VALUES, "values")                                                                            \
    X(LENGTH, "length")                                                                            \
    X(SORT, "sort")                                                                                \
    X(REVERSE, "reverse")                                                                          \
    X(UNIQUE, "unique")                                                                            \
    X(FLATTEN, "flatten")

enum graph_transformation {
#define X(id, name) TRANSFORMATION_##id,
    GRAPH_TRANSFORMATIONS(X)
#undef X
        TRANSFORMATION_NONE,
};
const char *transformation_name(enum graph_transformation transformation);

/* config.strategy of an aggregate: id, name */
#define GRAPH_STRATEGIES(X)                                                                        \
    X(MERGE, "merge")                                                                              \
    X(UNION, "union")                                                                              \
    X(CONCAT, "concat")                                                                            \
    X(SUM, "sum")                                                                                  \
    X(AVG, "avg")                                                                                  \
    X(MIN, "min")                                                                                  \
    X(MAX, "max")                                                                                  \
    X(COUNT, "count")                                                                              \
    X(FIRST, "first")                                                                              \
    X(LAST, "last")                                                                                \
    X(COLLECT, "collect")

enum graph_strategy {
#define X(id, name) STRATEGY_##id,
    GRAPH_STRATEGIES(X)
#undef X
        STRATEGY_NONE, /* an expression */
};
const char *aggregate_strategy_name(enum graph_strategy strategy);

/* config of an http node: id, name. Each part is a binding, evaluated for every attempt. */
#define GRAPH_HTTP_PARTS(X)                                                                        \
    X(METHOD, "method")                                                                            \
    X(URL, "url")                                                                                  \
    X(QUERY, "query")                                                                              \
    X(HEADERS, "headers")                                                                          \
    X(BODY, "body")                                                                                \
    X(BODY_TYPE, "body_type")                                                                      \
    X(EXPECT, "expect")                                                                            \
    X(RETRY_ON, "retry_on")                                                                        \
    X(MAX_RETRY_AFTER_MS, "max_retry_after_ms")                                                    \
    X(CONNECT_MS, "connect_ms")                                                                    \
    X(FIRST_BYTE_MS, "first_byte_ms")                                                              \
    X(MAX_REDIRECTS, "max_redirects")                                                              \
    X(RESPONSE, "response")                                                                        \
    X(SIGNATURE, "signature")

enum graph_http_part {
#define X(id, name) HTTP_PART_##id,
    GRAPH_HTTP_PARTS(X)
#undef X
        HTTP_PART_COUNT,
};
const char *http_part_name(enum graph_http_part part);

/* config of an exec node: the same. */
#define GRAPH_EXEC_PARTS(X)                                                                        \
    X(ARGV, "argv")                                                                                \
    X(STDIN, "stdin")                                                                              \
    X(OUTPUT, "output")                                                                            \
    X(ENV, "env")                                                                                  \
    X(CWD, "cwd")                                                                                  \
    X(EXIT_CODES, "exit_codes")

enum graph_exec_part {
#define X(id, name) EXEC_PART_##id,
    GRAPH_EXEC_PARTS(X)
#undef X
        EXEC_PART_COUNT,
};
const char *exec_part_name(enum graph_exec_part part);

/* A compiled expression and what it reads; or a condition in jq or a schema, which read the output
 * (`when`: the input) alone. */
struct graph_expr {
    const struct cel_program *program; /* NULL: jq or a schema */
    struct slice jq;                   /* the program, or ptr NULL */
    const struct schema *schema;       /* a condition that holds when the value fits, or NULL */
    bool of_input;                     /* jq and schemas: `when` */
    const uint32_t *reference_nodes;   /* parallel to cel_references(): node index of each ctx.N */
    const char *path;                  /* "edges[0].condition", for messages */
    bool of_secrets;                   /* names some: what it fails with does not show values */
    struct json_position position;     /* of its string in the source */
    const struct graph_expr *next;     /* of all that were compiled with the graph */
};

/* Its text, as written. */
struct slice graph_expr_source(const struct graph_expr *expr);
/* Evaluates with this layer's names; none in jq. 0, or -1 with code `expression`, `expression_cost` or `type`
 * and a message that begins with the path. */
MUSTCHECK int graph_expr_eval(const struct graph_expr *expr, struct graph_values *values,
                              struct arena *arena, struct cel_value *value,
                              struct graph_failure *failure);
/* The same, and appends the value as JSON; the arena keeps nothing of it. `too_large`: more than the buf
 * takes, or nested too deep. */
MUSTCHECK int graph_expr_write(const struct graph_expr *expr, struct graph_values *values,
                               struct arena *arena, struct buf *out, struct graph_failure *failure);
/* The same, for a condition: anything but a bool is `expression`. */
MUSTCHECK int graph_expr_holds(const struct graph_expr *expr, struct graph_values *values,
                               struct arena *arena, bool *holds, struct graph_failure *failure);

/* config.pages of an http node: a listing that is read page by page. `output` is the page. */
struct graph_http_pages {
    const struct graph_expr *items; /* a list; NULL: the body is one */
    const struct graph_expr *next;  /* the URL of the next page or null; NULL: the Link header's */
    uint32_t max;
};

/* What leads from one node to another, as written: an edge, or a field that implies one. */
enum route_kind {
    ROUTE_EDGE,      /* edges[] */
    ROUTE_RULE,      /* branch.rules[].next_nodes */
    ROUTE_DEFAULT,   /* branch.default */
    ROUTE_AVAILABLE, /* branch.available_next_nodes */
    ROUTE_BREAK,     /* loop.break_path */
    ROUTE_TIMEOUT,   /* loop.timeout_path */
    ROUTE_GOTO,      /* on_error.goto */
};

/* In the order of DESIGN 3.2: edges in file order, then implied ones in node order. */
struct graph_route {
    uint32_t edge; /* index into the node's edges */
    enum route_kind kind;
    uint32_t rule;                      /* RULE: which */
    const struct graph_expr *condition; /* EDGE: NULL for none */
};

struct graph_edge {
    uint32_t from, to;
    uint32_t slot; /* among the target's predecessors */
};

enum graph_routing {
    ROUTING_EACH,      /* every route decided by itself */
    ROUTING_EXCLUSIVE, /* conditional: the first that holds, else all without a condition */
    ROUTING_RULES,     /* branch: all targets of the first rule that holds, else the default */
    ROUTING_AGENT,     /* branch agent_driven: what output.next_nodes lists */
    ROUTING_LOOP,      /* back to the head, or its break_path, or its timeout_path */
};

/* What a failure of the node's last attempt does. */
enum graph_on_error {
    ON_ERROR_FAIL,     /* ends the run */
    ON_ERROR_CONTINUE, /* routed as if it had completed, with {"error": …} */
    ON_ERROR_GOTO,     /* only the goto edges are taken, with that output */
};

#define GRAPH_NO_LOOP UINT32_MAX
#define GRAPH_MAX_LOOP_DEPTH 16

/* The head runs again while the loop node's condition holds and iterations are left. */
struct graph_loop {
    uint32_t node, head;
    uint32_t parent; /* the loop around it, an index into graph->loops, or GRAPH_NO_LOOP */
    uint32_t depth;  /* from 1 */
    const struct graph_expr *condition;
    int64_t max_iterations;
    const uint32_t *body; /* all nodes of it, inner loops' too */
    uint32_t body_count;
    const uint32_t *kept; /* whose outputs the next iteration still sees as the previous one's */
    uint32_t kept_count;
    const uint32_t *kept_guards; /* as read_guards of a node */
    bool overlaps;               /* its iterations keep their outputs to themselves (frames.c) */
};

/* max_attempts 1: none. */
struct graph_retry {
    uint32_t max_attempts;
    int64_t backoff_ms, max_backoff_ms;
    double multiplier, jitter; /* jitter: of the pause, 0 to 1 */
};

enum graph_join {
    JOIN_ALL,
    JOIN_ANY,   /* need 1 */
    JOIN_COUNT, /* need n */
    JOIN_EACH,  /* once per taken edge, what follows too */
};

struct graph_node {
    struct slice id;
    uint32_t index;
    enum node_type type;
    enum graph_routing routing;
    enum graph_join join;  /* matters with two predecessors or more */
    uint32_t need;         /* ANY: 1, COUNT: n, ALL: pred_count */
    bool entry;            /* no predecessors */
    bool terminal;         /* no outgoing edges but those of a goto */
    bool goto_target;      /* the name `error` exists here */
    uint32_t loop;         /* the innermost that it is in, an index into graph->loops */
    uint32_t each_depth;   /* how many each joins it stands behind, itself counted */
    uint32_t frame_depth;  /* these, and the overlapping loops around it */
    uint32_t export_depth; /* outermost frame in which its output is read; frame_depth: its own */
    uint32_t head_of;      /* the loop that begins with it */
    uint32_t loops;        /* the loop whose node it is. All three: or GRAPH_NO_LOOP */

    const uint32_t *preds; /* node indices, in edge order */
    uint32_t pred_count;
    const struct graph_edge *edges;
    uint32_t edge_count;
    const struct graph_route *routes;
    uint32_t route_count;

    /* Nodes other than predecessors whose outputs its expressions and bindings name. */
    const uint32_t *reads;
    uint32_t read_count;
    const uint32_t
        *read_guards; /* per read: a loop that must have ended, or GRAPH_NO_LOOP; NULL: none */
    const uint32_t *reads_previous; /* of the previous iteration */
    uint32_t read_previous_count;
    bool reads_context; /* names `context` */
    bool reads_run;     /* names `run` */

    const struct graph_expr *when;         /* NULL: always */
    const struct graph_expr *const *rules; /* of ROUTING_RULES, in order */
    uint32_t rule_count;
    enum graph_on_error on_error;
    struct graph_retry retry;
    int64_t timeout_ms; /* of an attempt; 0: none */

    const struct graph_node *probe; /* finds out what became of an attempt; or NULL */
    bool is_probe;                  /* is one: neither entry nor terminal, no token names it */

    const struct binding *input; /* config.input, or NULL */

    enum graph_function function;        /* FUNCTION, LOOP */
    const struct graph_expr *expression; /* TRANSFORM: this or template; FILTER, AGGREGATE */
    const struct binding *template;
    struct slice jq;             /* TRANSFORM, LOOP: a program, NUL-terminated; ptr NULL: none */
    const char *jq_path;         /* "nodes[0].config.jq", for messages */
    const struct binding *delay; /* DELAY: config.ms, or config.until */
    bool delay_until;
    enum graph_transformation transformation; /* TRANSFORM */
    enum graph_strategy strategy;             /* AGGREGATE */
    const struct binding *items;              /* FILTER, AGGREGATE: config.items, or NULL */
    const struct binding *const
        *http; /* HTTP: by enum graph_http_part, NULL where absent; or NULL */
    const struct graph_http_pages *pages; /* HTTP: or NULL */
    const struct binding *const *exec;    /* EXEC: by enum graph_exec_part, as http; or NULL */
    struct slice queue;                   /* "default" */
    struct slice remote;     /* what a remote worker is to execute, also of a LOOP; ptr NULL: it
                              * executes here */
    struct slice task_queue; /* REMOTE: where its tasks wait */
    const struct binding *config; /* REMOTE: the further fields of config; NULL: none */
    const struct schema *input_schema, *output_schema; /* or NULL */
};

/* What is to be given back with the graph. */
struct graph_schemas {
    struct schema *schema;
    const struct graph_schemas *next;
};

struct graph {
    uint32_t references; /* atomic */
    struct arena arena;
    char digest[SHA256_HEX_LEN + 1];
    struct slice canonical;   /* minified definition */
    struct slice name;        /* metadata.name; len 0: none */
    struct slice description; /* metadata.description */
    const struct graph_node *nodes;
    uint32_t node_count;
    struct strmap ids; /* id to node; see graph_find */
    const struct graph_loop *loops;
    uint32_t loop_count;
    uint32_t edge_count; /* merged edges of all nodes */
    const uint32_t *entries;
    uint32_t entry_count;
    const struct binding *output; /* the mapping, or NULL */
    const uint32_t *output_reads; /* nodes that the mapping names */
    uint32_t output_read_count;
    bool
        forms_output; /* no mapping, but a schema: the last token forms the output of the ends, which
                          are the reads */
    bool output_reads_context; /* names `context` or `input` */
    bool output_reads_run;
    const struct schema *input_schema, *output_schema; /* of the run, or NULL */
    const struct graph_expr *expressions; /* all, by `next`: what is to be given back */
    const struct graph_schemas *schemas;  /* the same */
};

/* Limits of a definition's source. */
#define GRAPH_SOURCE_MAX_BYTES (16u << 20)
#define GRAPH_MAX_NODES 10000u
#define GRAPH_MAX_EDGES 50000u
#define GRAPH_ARENA_BYTES (512u << 20)

enum graph_format { GRAPH_JSON, GRAPH_YAML };

/* By the file name: .yaml and .yml are YAML, everything else is JSON. */
enum graph_format graph_format_of(const char *file_name);

/* What this layer cannot know and those above it can: whether a program in jq compiles. A source that
 * somebody writes is checked when it is compiled; a canonical form has been. */
struct graph_problem {
    size_t offset; /* of the byte of the program where it shows */
    char message[600];
};
struct graph_checks {
    /* False with *problem when there is something wrong. */
    bool (*jq)(void *context, struct slice program, struct graph_problem *problem);
    void *context;
};

/* Compiles a source. Returns the graph with one reference, or NULL with at least one error finding
 * (or findings->out_of_memory). Warnings are found either way. Syntax errors are findings too. The
 * findings' arena must be the caller's. */
MUSTCHECK struct graph *graph_compile(struct slice source, enum graph_format format,
                                      struct findings *findings);
/* The same, with what the checks find; checks NULL: none. */
MUSTCHECK struct graph *graph_compile_checked(struct slice source, enum graph_format format,
                                              const struct graph_checks *checks,
                                              struct findings *findings);

/* Compiles a canonical form that came from the record; a finding there is ERR_INVALID, and ERR_LIMIT
 * that there is no memory to tell. */
MUSTCHECK struct graph *graph_load(struct slice canonical, struct err *err);

void graph_retain(struct graph *graph);
void graph_release(struct graph *graph); /* NULL is fine */

/* NULL when there is none of that id. */
const struct graph_node *graph_find(const struct graph *graph, struct slice id);

/* --- dead paths ---
 *
 * What a dead edge decides: a target with one predecessor is skipped, and so are its edges in turn;
 * a target with several gets a dead arrival, and what happens then is decided by its join record.
 * The walk is depth first, in edge order, the same everywhere: workers plan by it, join tables are
 * made from it, the supervisor expands the record by it.
 */
struct graph_dead_walk {
    void (*skipped)(void *context, uint32_t node);                /* or NULL */
    void (*arrival)(void *context, uint32_t node, uint32_t slot); /* or NULL */
    void *context;
};
/* Walks from one dead edge. -1 without memory (explicit stack in the arena). */
MUSTCHECK int graph_dead_edge(const struct graph *graph, const struct graph_edge *edge,
                              struct arena *arena, const struct graph_dead_walk *walk);
/* Walks from all outgoing edges of a skipped node (the node itself is not reported). */
MUSTCHECK int graph_dead_node(const struct graph *graph, uint32_t node, struct arena *arena,
                              const struct graph_dead_walk *walk);

/* --- scopes ---
 *
 * Where a token stands: "L#i/M#j", outermost first, loop nodes by index with the iteration ("L~i" of a
 * loop that overlaps); behind an each join "J@P", the join and the predecessor that fired it.
 * Outputs are stored by frame: the scope without its "L#i", so that iterations overwrite one another.
 * A join of the body of a loop that was never entered stands in the scope around it: so a scope is
 * fitted to a node by cutting it where it names a loop that is not around that node.
 */

/* The loop around the node; of a head, the one around its own loop: there its joins stand. */
uint32_t graph_outer_loop(const struct graph *graph, uint32_t node);
/* A leading part of the scope. */
struct slice graph_scope_fit(const struct graph *graph, struct slice scope, uint32_t loop);
/* The scope in which a node runs that an edge of `from` out of `scope` leads to: a head begins iteration
 * 1, an each join a scope of its own. from UINT32_MAX: an entry. */
void graph_scope_enter(const struct graph *graph, struct slice scope, uint32_t from, uint32_t node,
                       struct buf *out);
/* Behind each joins: a number that grows with the edges that fired them; -1 elsewhere. */
int64_t graph_scope_order(const struct graph *graph, struct slice scope);
/* Of the innermost loop; 0 outside. */
int64_t graph_scope_iteration(struct slice scope);
/* The same scope in the innermost loop's next iteration. */
void graph_scope_next(struct slice scope, struct buf *out);
/* Appends the frame of a scope. */
void graph_scope_frame(struct slice scope, struct buf *out);
/* How deep the frame is in which `reader` finds the output of `node`: what they have in common. *loop:
 * the innermost loop around both, or GRAPH_NO_LOOP. */
uint32_t graph_shared_frame(const struct graph *graph, const struct graph_node *reader,
                            uint32_t node, uint32_t *loop);
/* What remote workers are told of a remote node: its type's name; of a loop `function`. */
const char *graph_task_type(const struct graph_node *node);

/* With node ids, as it is shown. */
void graph_scope_show(const struct graph *graph, struct slice scope, struct buf *out);

/* --- schemas --- */

/* Whether a value fits a schema of the graph; `what` ("nodes[2].output_schema") begins the message. -1
 * with code `type` and the paths that do not fit, or `expression_cost` when deciding costs too much. */
MUSTCHECK int graph_schema_check(const struct schema *schema, struct graph_text *value,
                                 const char *what, struct arena *arena,
                                 struct graph_failure *failure);
/* The same for a condition: a misfit is no failure. */
MUSTCHECK int graph_schema_fits(const struct schema *schema, struct graph_text *value,
                                const char *what, struct arena *arena, bool *fits,
                                struct graph_failure *failure);
/* Whether the run has a last token that makes its output. */
static inline bool graph_makes_output(const struct graph *graph)
{
    return graph->output || graph->forms_output;
}

/* --- pictures --- */

/* Graphviz source: node shapes by type, conditions as edge labels. */
void graph_write_dot(const struct graph *graph, struct buf *out);
/* A Mermaid flowchart. */
void graph_write_mermaid(const struct graph *graph, struct buf *out);
/* {"name", "digest", "nodes": [{id, type, entry, terminal, join, probe?}], "edges": [{from, to, conditions}]} */
void graph_write_json(const struct graph *graph, struct buf *out);

/* --- the language --- */

/* A JSON Schema (2020-12) of definitions, made of the tables that they are read by: what is built is in
 * it, and nothing else. Every definition that compiles without errors holds to it; what holds to it may
 * still have errors that no schema can tell (references, cycles, expressions). */
void graph_write_schema(struct buf *out);

#endif
