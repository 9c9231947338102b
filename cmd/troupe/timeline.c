/* timeline: columns and bars. */
#include "timeline.h"
#include "base/attr.h"
#include <string.h>

enum {
    EIGHTHS = 8,
    NAME_COLUMNS_LEAST = 8,
    STATE_COLUMNS = 9,
    DURATION_COLUMNS = 8,
    ATTEMPT_COLUMNS = 5,
    BAR_COLUMNS_LEAST = 10,
    INDENT = 2,
};

static const struct {
    const char *name, *sign, *ascii;
    enum style style;
} states[] = {
#define X(id, text, sign, ascii, style) {text, sign, ascii, style},
    LANE_STATES(X)
#undef X
};

const char *lane_state_name(enum lane_state state) { return states[state].name; }

const char *lane_state_sign(enum lane_state state, bool unicode)
{
    return unicode ? states[state].sign : states[state].ascii;
}

enum style lane_state_style(enum lane_state state) { return states[state].style; }

bool lane_state_find(const char *name, enum lane_state *state)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].name, name) == 0) {
            *state = (enum lane_state)i;
            return true;
        }
    }
    return false;
}

/* How wide each column is; bar 0: no bars. */
struct columns {
    uint32_t name, attempts, bar;
    uint32_t room; /* where the bars are, or would be */
};

static uint32_t name_width(const struct lane *lane)
{
    return text_width(lane->node_id) + (lane->scope.len ? 1 + text_width(lane->scope) : 0);
}

static struct columns lay_out(const struct timeline *timeline)
{
    struct columns columns = {.name = NAME_COLUMNS_LEAST};
    bool any_started = false;
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct lane *lane = &timeline->lanes[i];
        uint32_t name = name_width(lane);
        columns.name = name > columns.name ? name : columns.name;
        columns.attempts = lane->attempts > 1 ? ATTEMPT_COLUMNS : columns.attempts;
        any_started = any_started || lane->started_us > 0;
    }
    uint32_t most = timeline->width / 3;
    columns.name = columns.name > most ? most : columns.name;
    uint32_t taken =
        INDENT + 2 + columns.name + 2 + STATE_COLUMNS + 1 + DURATION_COLUMNS + columns.attempts + 2;
    columns.room = timeline->width > taken ? timeline->width - taken : 0;
    if (any_started && timeline->to_us > timeline->from_us &&
        timeline->width >= taken + BAR_COLUMNS_LEAST)
        columns.bar = timeline->width - taken;
    return columns;
}

static uint32_t eighths_at(const struct timeline *timeline, int64_t at_us, uint32_t columns)
{
    int64_t span = timeline->to_us - timeline->from_us;
    int64_t into = at_us - timeline->from_us;
    into = into < 0 ? 0 : into > span ? span : into;
    return (uint32_t)((double)into / (double)span * (double)(columns * EIGHTHS));
}

/* Where a lane's bar lies, in eighths of a column: its length is at least one. */
struct bar {
    uint32_t begin, end;
};

static struct bar bar_of(const struct timeline *timeline, const struct lane *lane, uint32_t columns)
{
    struct bar bar = {
        .begin = eighths_at(timeline, lane->started_us, columns),
        .end = eighths_at(timeline, lane->ended_us ? lane->ended_us : timeline->to_us, columns),
    };
    if (bar.begin >= columns * EIGHTHS)
        bar.begin = columns * EIGHTHS - 1;
    if (bar.end <= bar.begin)
        bar.end = bar.begin + 1;
    return bar;
}

/* A full column is a block; the first may begin in its right half, the last may end anywhere. */
static void write_bar(struct buf *out, const struct timeline *timeline, const struct lane *lane,
                      uint32_t columns)
{
    static const char *const lefts[] = {"",       "\u258f", "\u258e", "\u258d",
                                        "\u258c", "\u258b", "\u258a", "\u2589"};
    struct bar bar = bar_of(timeline, lane, columns);
    enum style style = lane_state_style(lane->state);
    uint32_t first = bar.begin / EIGHTHS, last = bar.end / EIGHTHS, rest = bar.end % EIGHTHS;
    text_pad(out, first);
    style_begin(out, timeline->colour, style);
    if (!timeline->unicode) {
        for (uint32_t i = first; i < last + (rest > 0); i++)
            buf_char(out, lane->ended_us ? '=' : '-');
    } else {
        bool late_begin = bar.begin % EIGHTHS >= EIGHTHS / 2 && last > first;
        if (late_begin)
            buf_str(out, "\u2590");
        for (uint32_t i = first + late_begin; i < last; i++)
            buf_str(out, lane->ended_us ? "\u2588" : "\u2593");
        buf_str(out, lefts[rest]);
    }
    style_end(out, timeline->colour, style);
}

static void write_name(struct buf *out, const struct timeline *timeline, const struct lane *lane,
                       uint32_t columns)
{
    bool faint = lane->state == LANE_SKIPPED || lane->state == LANE_WAITING;
    style_begin(out, timeline->colour, faint ? STYLE_DIM : STYLE_PLAIN);
    uint32_t used = text_fit(out, lane->node_id, columns, timeline->unicode);
    style_end(out, timeline->colour, faint ? STYLE_DIM : STYLE_PLAIN);
    if (lane->scope.len && used + 2 <= columns) {
        buf_char(out, ' ');
        style_begin(out, timeline->colour, STYLE_DIM);
        used += 1 + text_fit(out, lane->scope, columns - used - 1, timeline->unicode);
        style_end(out, timeline->colour, STYLE_DIM);
    }
    text_pad(out, columns - used);
}

static void write_duration(struct buf *out, const struct timeline *timeline,
                           const struct lane *lane)
{
    struct buf text;
    buf_init(&text, 64);
    if (lane->started_us > 0)
        duration_write(&text,
                       (lane->ended_us ? lane->ended_us : timeline->to_us) - lane->started_us);
    text_pad(out, text.len < DURATION_COLUMNS ? DURATION_COLUMNS - (uint32_t)text.len : 0);
    buf_slice_append(out, buf_slice(&text));
    buf_free(&text);
}

static void write_attempts(struct buf *out, const struct timeline *timeline, uint32_t attempts,
                           uint32_t columns)
{
    if (columns == 0)
        return;
    struct buf text;
    buf_init(&text, 64);
    if (attempts > 1)
        buf_printf(&text, "%u%s", attempts, timeline->unicode ? "\u00d7" : "x");
    uint32_t width = text_width(buf_slice(&text));
    text_pad(out, width < columns ? columns - width : 0);
    style_begin(out, timeline->colour, STYLE_YELLOW);
    buf_slice_append(out, buf_slice(&text));
    style_end(out, timeline->colour, STYLE_YELLOW);
    buf_free(&text);
}

static bool has_bar(const struct lane *lane, const struct columns *columns)
{
    return columns->bar > 0 && lane->started_us > 0;
}

static void write_note(struct buf *out, const struct timeline *timeline, const struct lane *lane,
                       uint32_t columns)
{
    const enum style style = lane->alarming ? STYLE_YELLOW : STYLE_DIM;
    style_begin(out, timeline->colour, style);
    (void)text_fit(out, lane->note, columns, timeline->unicode);
    style_end(out, timeline->colour, style);
}

/* Behind the lane's other columns, in place of a bar, or on a line of its own. */
static bool note_fits(const struct timeline *timeline, const struct lane *lane,
                      const struct columns *columns)
{
    return !has_bar(lane, columns) &&
           (!timeline->more_lines || text_width(lane->note) <= columns->room);
}

static void write_note_below(struct buf *out, const struct timeline *timeline,
                             const struct lane *lane)
{
    text_pad(out, INDENT + 2);
    style_str(out, timeline->colour, STYLE_DIM, timeline->unicode ? "\u2514 " : "` ");
    write_note(out, timeline, lane, timeline->width - INDENT - 4);
    buf_char(out, '\n');
}

static void trim_right(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

static void write_lane(struct buf *out, const struct timeline *timeline, const struct lane *lane,
                       const struct columns *columns)
{
    enum style style = lane_state_style(lane->state);
    text_pad(out, INDENT);
    style_str(out, timeline->colour, style, lane_state_sign(lane->state, timeline->unicode));
    buf_char(out, ' ');
    write_name(out, timeline, lane, columns->name);
    text_pad(out, 2);
    const char *name = lane_state_name(lane->state);
    style_str(out, timeline->colour, style, name);
    text_pad(out, STATE_COLUMNS - (uint32_t)strlen(name) + 1);
    write_duration(out, timeline, lane);
    write_attempts(out, timeline, lane->attempts, columns->attempts);
    text_pad(out, 2);
    if (has_bar(lane, columns))
        write_bar(out, timeline, lane, columns->bar);
    const bool beside = lane->note.len > 0 && note_fits(timeline, lane, columns);
    if (beside)
        write_note(out, timeline, lane, columns->room);
    trim_right(out);
    buf_char(out, '\n');
    if (lane->note.len > 0 && !beside && timeline->more_lines)
        write_note_below(out, timeline, lane);
}

static void write_scale(struct buf *out, const struct timeline *timeline,
                        const struct columns *columns)
{
    struct buf total;
    buf_init(&total, 64);
    duration_write(&total, timeline->to_us - timeline->from_us);
    text_pad(out, timeline->width - columns->bar);
    style_begin(out, timeline->colour, STYLE_DIM);
    buf_char(out, '0');
    if (columns->bar > total.len + 1)
        text_pad(out, columns->bar - 1 - (uint32_t)total.len);
    buf_slice_append(out, buf_slice(&total));
    style_end(out, timeline->colour, STYLE_DIM);
    buf_char(out, '\n');
    buf_free(&total);
}

void timeline_write(struct buf *out, const struct timeline *timeline)
{
    struct columns columns = lay_out(timeline);
    for (uint32_t i = 0; i < timeline->count; i++)
        write_lane(out, timeline, &timeline->lanes[i], &columns);
    if (columns.bar > 0)
        write_scale(out, timeline, &columns);
}
