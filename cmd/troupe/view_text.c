/* view_text: runs as people read them. */
#include "base/clock.h"
#include "base/json.h"
#include "pretty.h"
#include "view.h"
#include <string.h>

/* How a run's status looks: as a node's of the same name. */
static enum lane_state run_state(enum run_status status)
{
    enum lane_state state = LANE_WAITING;
    (void)lane_state_find(run_status_name(status), &state);
    return state;
}

void view_write_outcome(struct buf *out, const struct store_run *run, const struct term *term)
{
    style_str(out, term->colour, lane_state_style(run_state(run->status)),
              run_status_name(run->status));
    if (run->started_us && run->ended_us) {
        buf_str(out, " in ");
        duration_write(out, run->ended_us - run->started_us);
    }
}

static void write_date(struct buf *out, int64_t wall_us)
{
    struct buf text;
    buf_init(&text, 64);
    clock_write_rfc3339(&text, wall_us);
    if (text.len > 19) {
        buf_append(out, text.data, 10);
        buf_char(out, ' ');
        buf_append(out, text.data + 11, 8);
        buf_str(out, " UTC");
    }
    buf_free(&text);
}

/* key=value of the labels' object. */
static void write_labels(struct buf *out, struct slice labels, struct arena *arena)
{
    struct json_doc doc;
    struct json_error error;
    if (!labels.ptr || json_read(arena, labels, NULL, &doc, &error) != 0)
        return;
    struct json_iter it = json_iter(json_root(&doc));
    while (json_next(&it)) {
        buf_str(out, "  ");
        text_plain(out, json_string(it.key, arena));
        buf_char(out, '=');
        text_plain(out, json_type(it.value) == JSON_STRING ? json_string(it.value, arena)
                                                           : json_text(it.value));
    }
}

static void write_header(struct buf *out, const struct view *view, struct arena *arena,
                         const struct term *term)
{
    const struct store_run *run = &view->run;
    struct buf line;
    buf_init(&line, 64u << 10);
    enum lane_state state = run_state(run->status);
    style_str(out, term->colour, lane_state_style(state), lane_state_sign(state, term->unicode));
    buf_char(out, ' ');
    style_begin(out, term->colour, STYLE_BOLD);
    (void)text_fit(out, run->workflow, term->width / 2, term->unicode);
    buf_printf(out, " v%lld", (long long)run->version);
    style_end(out, term->colour, STYLE_BOLD);
    buf_str(out, "  ");
    view_write_outcome(out, run, term);
    if (!run_status_final(run->status)) {
        buf_str(out, run->started_us ? " for " : " since ");
        duration_write(out, view->now_us - (run->started_us ? run->started_us : run->submitted_us));
    }
    buf_str(out, "\n  ");
    buf_slice_append(&line, run->run_id);
    buf_str(&line, run->started_us ? "  started " : "  submitted ");
    write_date(&line, run->started_us ? run->started_us : run->submitted_us);
    write_labels(&line, run->labels, arena);
    style_begin(out, term->colour, STYLE_DIM);
    (void)text_fit(out, buf_slice(&line), term->width - 3, term->unicode);
    style_end(out, term->colour, STYLE_DIM);
    buf_str(out, "\n\n");
    buf_free(&line);
}

/* The lanes to be seen when there is no room for all: those that ended first are left out first,
 * then those that wait longest. */
static void choose_lanes(const struct view *view, uint32_t most, uint32_t *first, uint32_t *count)
{
    *first = 0;
    *count = view->count;
    if (most == 0 || view->count <= most)
        return;
    uint32_t ended = 0;
    while (ended < view->count && view->nodes[ended].lane.state >= LANE_COMPLETED)
        ended++;
    /* A few that ended stay in sight, for context. */
    uint32_t context = most / 3;
    *first = ended > context ? ended - context : 0;
    if (*first > view->count - most)
        *first = view->count - most;
    *count = most;
}

static void write_left_out(struct buf *out, const struct term *term, uint32_t count,
                           const char *where)
{
    if (count == 0)
        return;
    style_begin(out, term->colour, STYLE_DIM);
    buf_printf(out, "  %s %u more %s", term->unicode ? "\u22ee" : ":", count, where);
    style_end(out, term->colour, STYLE_DIM);
    buf_char(out, '\n');
}

void view_write_timeline(struct buf *out, const struct view *view, struct arena *arena,
                         const struct view_style *style)
{
    const struct term *term = &style->term;
    const struct store_run *run = &view->run;
    write_header(out, view, arena, term);
    uint32_t first, count;
    choose_lanes(view, style->lanes_most, &first, &count);
    struct lane *lanes = arena_array(arena, count, sizeof(*lanes));
    if (!lanes) {
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        lanes[i] = view->nodes[first + i].lane;
    struct timeline timeline = {
        .lanes = lanes,
        .count = count,
        .from_us = run->started_us,
        .to_us = run->ended_us ? run->ended_us : view->now_us,
        .width = term->width - 1,
        .colour = term->colour,
        .unicode = term->unicode,
        .more_lines = style->lanes_most == 0,
    };
    write_left_out(out, term, first, "above");
    timeline_write(out, &timeline);
    write_left_out(out, term, view->count - first - count, "below");
    if (view->missing) {
        style_begin(out, term->colour, STYLE_YELLOW);
        buf_str(out, "  What is queued or running is not known: ");
        (void)text_fit(out, slice_str(view->missing), term->width > 60 ? term->width - 45 : 20,
                       term->unicode);
        style_end(out, term->colour, STYLE_YELLOW);
        buf_char(out, '\n');
    }
}

void view_write_error(struct buf *out, struct slice error, struct arena *arena,
                      const struct term *term, bool with_node)
{
    struct json_doc doc;
    struct json_error fault;
    if (json_read(arena, error, NULL, &doc, &fault) != 0) {
        text_plain(out, error);
        return;
    }
    struct json_ref root = json_root(&doc);
    struct json_ref code = json_member(root, SLICE("code"));
    struct json_ref message = json_member(root, SLICE("message"));
    struct json_ref node = json_member(root, SLICE("node"));
    struct json_ref attempt = json_member(root, SLICE("attempt"));
    int64_t attempts = 0;
    if (json_present(code) && json_type(code) == JSON_STRING) {
        style_begin(out, term->colour, STYLE_RED);
        text_plain(out, json_string(code, arena));
        style_end(out, term->colour, STYLE_RED);
    }
    if (with_node && json_present(node) && json_type(node) == JSON_STRING) {
        buf_str(out, " at ");
        style_begin(out, term->colour, STYLE_BOLD);
        text_plain(out, json_string(node, arena));
        style_end(out, term->colour, STYLE_BOLD);
        if (json_present(attempt) && json_type(attempt) == JSON_NUMBER &&
            json_int(attempt, &attempts) && attempts > 1)
            buf_printf(out, " (attempt %lld)", (long long)attempts);
    }
    if (json_present(message) && json_type(message) == JSON_STRING) {
        buf_str(out, ": ");
        text_plain(out, json_string(message, arena));
    }
}

static bool write_value(struct buf *out, const char *label, struct slice json, struct arena *arena,
                        const struct term *term, uint32_t lines_most)
{
    style_str(out, term->colour, STYLE_DIM, label);
    struct pretty pretty = {.width = term->width - 8,
                            .lines_most = lines_most,
                            .colour = term->colour,
                            .unicode = term->unicode};
    bool whole = pretty_write(out, json, &pretty, arena);
    buf_char(out, '\n');
    return whole;
}

void view_write_values(struct buf *out, const struct view *view, struct arena *arena,
                       const struct term *term, uint32_t lines_most, bool with_input)
{
    const struct store_run *run = &view->run;
    bool whole = true;
    buf_char(out, '\n');
    if (run->error.ptr) {
        style_str(out, term->colour, STYLE_DIM, "error   ");
        view_write_error(out, run->error, arena, term, true);
        buf_char(out, '\n');
    }
    if (with_input && run->input.ptr)
        whole = write_value(out, "input   ", run->input, arena, term, lines_most);
    if (run->output.ptr)
        whole = write_value(out, "output  ", run->output, arena, term, lines_most) && whole;
    if (!whole) {
        style_begin(out, term->colour, STYLE_DIM);
        buf_printf(out, "(cut; all of it: troupe show %.*s -o json)", SLICE_ARG(run->run_id));
        style_end(out, term->colour, STYLE_DIM);
        buf_char(out, '\n');
    }
}
