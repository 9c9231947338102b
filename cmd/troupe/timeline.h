/* timeline: the nodes of a run as lines of text, with a bar for when each ran.
 *
 *   ✔ fetch     completed   312 ms      ━━━━━━━━━
 *   ✖ grade     failed       1.2 s  3×           ━━━━━━━━━━━━━━━━━━━━━
 *   ○ basic     skipped
 *   ◌ score     queued              nobody serves queue function:score, for 3 min 12 s
 *                                       0                        1.5 s
 *
 * Pure: from lanes and a window of time to text; no clock, no terminal, no connection.
 */
#ifndef TROUPE_TIMELINE_H
#define TROUPE_TIMELINE_H

#include "base/buf.h"
#include "base/slice.h"
#include "term.h"
#include <stdbool.h>
#include <stdint.h>

/* id, text, sign in Unicode, sign in ASCII, style */
#define LANE_STATES(X)                                                                             \
    X(WAITING, "waiting", "\u00b7", ".", STYLE_DIM)                                                \
    X(QUEUED, "queued", "\u25cc", "o", STYLE_BLUE)                                                 \
    X(RUNNING, "running", "\u25b6", ">", STYLE_CYAN)                                               \
    X(COMPLETED, "completed", "\u2714", "+", STYLE_GREEN)                                          \
    X(FAILED, "failed", "\u2716", "x", STYLE_RED)                                                  \
    X(SKIPPED, "skipped", "\u25cb", "-", STYLE_DIM)                                                \
    X(CANCELLED, "cancelled", "\u25a0", "!", STYLE_YELLOW)

enum lane_state {
#define X(id, text, sign, ascii, style) LANE_##id,
    LANE_STATES(X)
#undef X
};

const char *lane_state_name(enum lane_state state);
const char *lane_state_sign(enum lane_state state, bool unicode);
enum style lane_state_style(enum lane_state state);
/* False when there is none of that name. */
bool lane_state_find(const char *name, enum lane_state *state);

/* One execution, or one that is to come. */
struct lane {
    struct slice node_id, scope;
    enum lane_state state;
    uint32_t attempts;            /* 0: none */
    int64_t started_us, ended_us; /* wall clock; 0: not yet, or never */
    struct slice note;            /* why it is in that state; len 0: nothing to say */
    bool alarming;                /* the note */
};

struct timeline {
    const struct lane *lanes;
    uint32_t count;
    int64_t from_us, to_us; /* what the width of the bars stands for; running bars end at to_us */
    uint32_t width;         /* columns */
    bool colour, unicode;
    bool
        more_lines; /* for notes that have no room beside their lanes; else they are cut, or left out */
};

/* A line per lane, and one with the scale when there are bars. No line is wider than the width. */
void timeline_write(struct buf *out, const struct timeline *timeline);

#endif
