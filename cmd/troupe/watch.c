/* watch: a run as it happens. */
#include "base/clock.h"
#include "base/json.h"
#include "base/strmap.h"
#include "follow.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FRAME_MS = 100, /* at most ten a second */
    EVENTS_MS = 50,
    FRAME_BYTES_MOST = 4 << 20,
    LINES_BESIDE_LANES = 7, /* header, scale, what is left out, the cursor's */
    LANES_LEAST = 3,
};

/* What is remembered from one look to the next, per node and scope. */
struct seen {
    enum lane_state state;
    uint32_t attempts;
    int64_t started_us;
    bool unserved; /* told */
};

struct watch {
    struct follow *follow;
    struct strmap seen; /* "node\0scope" -> struct seen, owned */
    struct buf frame;
    uint32_t lines;  /* on the screen, of the last frame */
    bool hidden;     /* the cursor is */
    int64_t last_us; /* of the last event that had a time */
    bool failed;     /* no memory */
};

static struct seen *seen_of(struct watch *watch, const struct lane *lane)
{
    struct buf key;
    buf_init(&key, 64u << 10);
    buf_slice_append(&key, lane->node_id);
    buf_char(&key, '\0');
    buf_slice_append(&key, lane->scope);
    struct seen *seen = strmap_get(&watch->seen, buf_slice(&key));
    if (!seen) {
        seen = calloc(1, sizeof(*seen));
        if (!seen || !buf_ok(&key) || strmap_put(&watch->seen, buf_slice(&key), seen) != 0) {
            free(seen);
            seen = NULL;
            watch->failed = true;
        }
    }
    buf_free(&key);
    return seen;
}

/* A node that has run and is not in the record yet is in neither Redis nor Postgres for a moment:
 * it does not go back to waiting. */
static void keep_started(struct lane *lane, const struct seen *seen)
{
    if (seen->state == LANE_RUNNING && lane->state < LANE_RUNNING &&
        lane->attempts <= seen->attempts) {
        lane->state = LANE_RUNNING;
        lane->started_us = seen->started_us;
        lane->attempts = seen->attempts;
    }
}

/* --- a line per event --- */

static void write_event(struct watch *watch, const struct view_node *node, int64_t now_us,
                        struct arena *arena)
{
    struct buf *out = &watch->frame;
    const struct lane *lane = &node->lane;
    int64_t at_us = lane->ended_us ? lane->ended_us : lane->started_us;
    if (at_us == 0) /* skipped: together with what was decided before it */
        at_us = watch->last_us ? watch->last_us : now_us;
    watch->last_us = at_us;
    time_of_day_write(out, at_us, true);
    buf_printf(out, "  %.*s%s%.*s  %s", SLICE_ARG(lane->node_id), lane->scope.len ? " " : "",
               SLICE_ARG(lane->scope),
               lane->state == LANE_RUNNING ? "started" : lane_state_name(lane->state));
    if (lane->started_us && lane->ended_us) {
        buf_str(out, " in ");
        duration_write(out, lane->ended_us - lane->started_us);
    }
    if (lane->attempts > 1)
        buf_printf(out, "  attempt %u", lane->attempts);
    if (node->error.ptr) {
        buf_str(out, "  ");
        view_write_error(out, node->error, arena, &watch->follow->cli->out, false);
    }
    buf_char(out, '\n');
}

static void write_event_json(struct buf *out, struct slice run_id, const struct view_node *node)
{
    buf_str(out, "{\"event\":\"node\",\"run_id\":");
    json_write_string(out, run_id);
    buf_str(out, ",\"node\":");
    view_write_node(out, node);
    buf_str(out, "}\n");
}

/* Once, as long as it lasts. */
static void write_unserved(struct watch *watch, const struct view *view,
                           const struct view_node *node, struct seen *seen)
{
    const struct lane *lane = &node->lane;
    if (lane->alarming && !seen->unserved && watch->follow->cli->json) {
        write_event_json(&watch->frame, view->run.run_id, node);
    } else if (lane->alarming && !seen->unserved) {
        time_of_day_write(&watch->frame, view->now_us, true);
        buf_printf(&watch->frame, "  %.*s%s%.*s  waits: %.*s\n", SLICE_ARG(lane->node_id),
                   lane->scope.len ? " " : "", SLICE_ARG(lane->scope), SLICE_ARG(lane->note));
    }
    seen->unserved = lane->alarming;
}

static void write_events(struct watch *watch, struct view *view, struct arena *arena)
{
    for (uint32_t i = 0; i < view->count; i++) {
        struct view_node *node = &view->nodes[i];
        struct seen *seen = seen_of(watch, &node->lane);
        if (!seen)
            return;
        write_unserved(watch, view, node, seen);
        keep_started(&node->lane, seen);
        bool news = node->lane.state != seen->state || node->lane.attempts != seen->attempts;
        *seen = (struct seen){node->lane.state, node->lane.attempts, node->lane.started_us,
                              seen->unserved};
        if (!news || node->lane.state < LANE_RUNNING)
            continue;
        if (watch->follow->cli->json)
            write_event_json(&watch->frame, view->run.run_id, node);
        else
            write_event(watch, node, view->now_us, arena);
    }
}

/* --- a frame on a terminal --- */

/* Up to the first line of the last frame, each line written over, what is left below erased. */
static void write_frame(struct watch *watch, struct view *view, struct arena *arena)
{
    struct cli *cli = watch->follow->cli;
    term_resize(&cli->out, STDOUT_FILENO);
    for (uint32_t i = 0; i < view->count; i++) {
        struct lane *lane = &view->nodes[i].lane;
        struct seen *seen = seen_of(watch, lane);
        if (!seen)
            return;
        if (lane->note.len == 0) /* else what the lane says is known */
            keep_started(lane, seen);
        *seen = (struct seen){lane->state, lane->attempts, lane->started_us, false};
    }
    struct view_style style = {.term = cli->out, .lanes_most = LANES_LEAST};
    if (cli->out.height > LINES_BESIDE_LANES + LANES_LEAST)
        style.lanes_most = cli->out.height - LINES_BESIDE_LANES;
    struct buf text;
    buf_init(&text, FRAME_BYTES_MOST);
    view_write_timeline(&text, view, arena, &style);
    buf_str(&watch->frame, watch->hidden ? "" : "\033[?25l");
    watch->hidden = true;
    buf_char(&watch->frame, '\r');
    if (watch->lines > 0)
        buf_printf(&watch->frame, "\033[%uA", watch->lines);
    watch->lines = 0;
    for (size_t at = 0; at < text.len; watch->lines++) {
        size_t line = strcspn(text.data + at, "\n");
        buf_append(&watch->frame, text.data + at, line);
        buf_str(&watch->frame, "\033[K\n");
        at += line + 1;
    }
    buf_str(&watch->frame, "\033[J");
    if (!buf_ok(&text))
        watch->frame.failed = true;
    buf_free(&text);
}

static int flush(struct watch *watch, struct err *err)
{
    bool whole = buf_ok(&watch->frame) && !watch->failed;
    struct slice text = buf_slice(&watch->frame);
    bool written = fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
    buf_reset(&watch->frame);
    if (!whole)
        return err_set(err, ERR_LIMIT, "not enough memory to show the run");
    if (!written)
        return err_set(err, ERR_IO, "cannot write to stdout: %s", strerror(errno));
    return 0;
}

static int look(struct watch *watch, struct arena *arena, struct view *view, struct err *err)
{
    struct follow *follow = watch->follow;
    arena_reset(arena);
    *err = ERR_INIT;
    if (view_read(follow->source, follow->run_id, arena, view, err) != 0)
        return -1;
    follow->away_since_us = 0;
    if (follow->cli->out.tty && !follow->cli->json)
        write_frame(watch, view, arena);
    else
        write_events(watch, view, arena);
    return flush(watch, err);
}

static enum follow_end watch_until_end(struct watch *watch, struct arena *arena, struct view *view,
                                       struct err *err)
{
    struct follow *follow = watch->follow;
    const int64_t every_ms = follow->cli->out.tty && !follow->cli->json ? FRAME_MS : EVENTS_MS;
    enum follow_end end = FOLLOW_FAILED;
    for (;;) {
        int64_t begun_us = clock_mono_us(&clock_system);
        if (look(watch, arena, view, err) == 0) {
            if (run_status_final(view->run.status))
                return FOLLOW_FINAL;
            /* A note would be painted over: the frame moves below it. */
            bool hinted = follow->hinted;
            follow_hint(follow, &view->run);
            if (follow->hinted != hinted)
                watch->lines = 0;
        } else if (!follow_outlasts(follow, err))
            return err->code == ERR_UNREACHABLE && !follow_pause(follow, 0, &end, err)
                       ? end
                       : FOLLOW_FAILED;
        /* News may come at once, but not more often than this. */
        int64_t left_ms;
        while ((left_ms = every_ms - (clock_mono_us(&clock_system) - begun_us) / 1000) > 0) {
            if (!follow_pause(follow, left_ms, &end, err))
                return end;
        }
    }
}

enum follow_end follow_watch(struct follow *follow, struct arena *arena, struct view *view,
                             struct err *err)
{
    struct watch watch = {.follow = follow};
    strmap_init(&watch.seen);
    buf_init(&watch.frame, FRAME_BYTES_MOST);
    enum follow_end end = watch_until_end(&watch, arena, view, err);
    if (watch.hidden) {
        (void)fputs("\033[?25h", stdout);
        (void)fflush(stdout);
    }
    size_t at = 0;
    struct slice key;
    void *seen;
    while (strmap_each(&watch.seen, &at, &key, &seen))
        free(seen);
    strmap_free(&watch.seen);
    buf_free(&watch.frame);
    return end;
}
