/* values: what the names of expressions and bindings mean for one execution.
 *
 * Values arrive as JSON text and are parsed when an expression first looks into them, once. A
 * graph_values is filled by the worker per execution; everything in it lives in that execution's
 * arena or longer.
 */
#ifndef TROUPE_GRAPH_VALUES_H
#define TROUPE_GRAPH_VALUES_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include "base/redact.h"
#include "base/slice.h"
#include "cel/cel.h"
#include <stdbool.h>
#include <stdint.h>

/* JSON text, and its document once somebody looked. text.ptr NULL: absent. */
struct graph_text {
    struct slice text;
    struct json_doc doc;
    bool parsed;
    bool out_of_memory; /* why it could not be read */
};

/* The finished execution of another node, as `ctx.N` shows it. */
struct graph_output {
    uint32_t node;
    bool failed; /* status "failed" (handled by on_error), else "completed" */
    uint32_t attempt;
    int64_t started_us; /* wall clock */
    int64_t ended_us;
    struct graph_text output;
};

struct graph_failure;

/* How programs in jq are run, by those above this layer: on a JSON text, to one value, whose text is
 * put into the arena. -1 with failure, whose message begins with the path. */
struct graph_jq {
    int (*run)(void *context, const char *path, struct slice program, struct slice input,
               struct arena *arena, struct slice *value, struct graph_failure *failure);
    void *context;
};

/* Where secrets come from, for those above this layer: the value goes into the arena. False: there is
 * none of that name. */
struct graph_secrets {
    bool (*find)(void *context, struct slice name, struct arena *arena, struct slice *value);
    void *context;
};

struct graph_values {
    struct graph_text input;
    struct graph_text context;    /* the run's input */
    struct graph_text output;     /* of the node just executed: in conditions only, else absent */
    struct graph_text run;        /* {id, workflow, version, started_at, labels} */
    struct graph_text error;      /* in targets of a goto: the failure that led here, or null */
    struct graph_output *outputs; /* what was fetched; a node that is not there is absent */
    uint32_t output_count;
    struct graph_text inputs; /* of an aggregate: a list */
    struct cel_value value;   /* of a filter: the item at hand */
    int64_t index;
    int64_t iteration;                   /* of the innermost loop; 0 outside loops */
    struct cel_budget budget;            /* of each evaluation */
    const struct graph_jq *jq;           /* NULL: conditions in jq fail with `internal` */
    const struct graph_secrets *secrets; /* NULL: there are none */
    struct redact resolved; /* those that were named: whoever shows a text takes them out of it */
};

/* A parsed view; reads the text at the first call. -1 when the text is no JSON (an error of ours:
 * Redis holds only valid JSON), or is absent, or there is no memory (text->out_of_memory). */
MUSTCHECK int graph_text_ref(struct graph_text *text, struct arena *arena, struct json_ref *ref);

#endif
