#include "schema/report.h"
#include <stdarg.h>
#include <stdio.h>

void schema_report_init(struct schema_report *report, struct arena *arena, uint32_t limit)
{
    *report = (struct schema_report){.arena = arena, .limit = limit};
}

void schema_line_add(struct schema_line *line, const char *format, ...)
{
    static const char ellipsis[] = "…";
    const size_t room = sizeof(line->bytes) - line->len;
    va_list arguments;
    if (line->cut)
        return;
    va_start(arguments, format);
    const int wanted = vsnprintf(line->bytes + line->len, room, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    if ((size_t)wanted < room) {
        line->len += (size_t)wanted;
        return;
    }
    line->cut = true;
    line->len = utf8_cut(slice_of(line->bytes, sizeof(line->bytes) - 1),
                         sizeof(line->bytes) - sizeof(ellipsis))
                    .len;
    memcpy(line->bytes + line->len, ellipsis, sizeof(ellipsis));
    line->len += sizeof(ellipsis) - 1;
}

static bool plain_name(struct slice raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        const char c = raw.ptr[i];
        const bool letter =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '$';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-')))
            return false;
    }
    return raw.len > 0;
}

void schema_line_place(struct schema_line *line, const struct schema_place *place)
{
    if (!place)
        return;
    schema_line_place(line, place->parent);
    if (!json_present(place->key)) {
        schema_line_add(line, "[%u]", place->index);
        return;
    }
    struct slice quoted = json_text(place->key);
    struct slice raw = slice_of(quoted.ptr + 1, quoted.len - 2);
    if (plain_name(raw))
        schema_line_add(line, "%s%.*s", line->len > 0 ? "." : "", SLICE_ARG(raw));
    else
        schema_line_add(line, "[%.*s]", SLICE_ARG(quoted));
}

static const char *keep(struct schema_report *report, const char *text)
{
    const char *copy = arena_strdup(report->arena, slice_str(text));
    report->out_of_memory |= !copy;
    return copy;
}

void schema_report_add(struct schema_report *report, struct json_position position,
                       const struct schema_place *place, const char *keyword, const char *message)
{
    if (schema_report_full(report))
        return;
    if (!report->items) {
        report->items = arena_array(report->arena, report->limit, sizeof(*report->items));
        report->out_of_memory |= !report->items;
    }
    struct schema_line path = {0};
    schema_line_place(&path, place);
    struct schema_problem problem = {.position = position, .keyword = keyword};
    if (report->out_of_memory || !(problem.path = keep(report, path.bytes)) ||
        !(problem.message = keep(report, message)))
        return;
    report->items[report->count++] = problem;
}
