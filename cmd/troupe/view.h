/* view: one run as it is shown: the record, and for a live run what Redis adds to it. */
#ifndef TROUPE_VIEW_H
#define TROUPE_VIEW_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "graph/graph.h"
#include "protocol/redis.h"
#include "store/store.h"
#include "timeline.h"

/* Where views come from; the graph is kept from one reading to the next. */
struct view_source {
    struct store *store;
    struct redis *redis; /* NULL: the record alone */
    struct graph *graph; /* of the run last read, or NULL */
};

struct view_node {
    struct lane lane;
    struct slice type;
    struct slice output, error, worker; /* ptr NULL: none */
    const struct store_task *task; /* NULL: it is none, or the record does not know of it yet */
};

struct view {
    struct store_run run;
    /* Executions in order of their start; for a live run then what runs, what is queued, and what
     * waits for others. */
    struct view_node *nodes;
    uint32_t count;
    int64_t now_us;      /* Redis' clock, or ours */
    const char *missing; /* why the live part is missing, or NULL */
};

/* Text is the arena's. Redis being away is no failure: `missing` says so. */
MUSTCHECK int view_read(struct view_source *source, struct slice run_id, struct arena *arena,
                        struct view *view, struct err *err);
void view_source_free(struct view_source *source); /* the graph only */

/* The document of DESIGN 6, without its closing brace when `open`. */
void view_write_run(struct buf *out, const struct store_run *run, bool open);
/* The same without input, output and error, for lists. */
void view_write_run_head(struct buf *out, const struct store_run *run);
/* "nodes":[…] */
void view_write_nodes(struct buf *out, const struct view *view);
void view_write_node(struct buf *out, const struct view_node *node);
/* [{node_id, scope, taken, dead, reason}] */
void view_write_decisions(struct buf *out, const struct store_decision *items, uint32_t count);

/* --- for people --- */

struct view_style {
    struct term term;
    uint32_t lanes_most; /* 0: all */
};
/* Name, status, times and the timeline. */
void view_write_timeline(struct buf *out, const struct view *view, struct arena *arena,
                         const struct view_style *style);
/* Error, input, output, as far as there are any. lines_most: of each value; 0: all. */
void view_write_values(struct buf *out, const struct view *view, struct arena *arena,
                       const struct term *term, uint32_t lines_most, bool with_input);
/* "http at fetch (attempt 3): message" of an error's JSON. */
void view_write_error(struct buf *out, struct slice error, struct arena *arena,
                      const struct term *term, bool with_node);
/* "completed in 1.24 s". */
void view_write_outcome(struct buf *out, const struct store_run *run, const struct term *term);

#endif
