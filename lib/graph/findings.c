#include "graph/findings.h"
#include "base/utf8.h"
#include <stdio.h>

enum { MESSAGE_BYTES = 1000 };

void findings_init(struct findings *findings, struct arena *arena)
{
    *findings = (struct findings){.arena = arena};
}

/* Findings are printed one a line: what users wrote must not break lines or drive terminals. */
static void tidy(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = ' ';
}

static bool grow(struct findings *findings)
{
    if (findings->count < findings->capacity)
        return true;
    uint32_t capacity = findings->capacity ? findings->capacity * 2 : 8;
    struct finding *items = arena_array(findings->arena, capacity, sizeof(*items));
    if (!items)
        return false;
    if (findings->count > 0)
        memcpy(items, findings->items, findings->count * sizeof(*items));
    findings->items = items;
    findings->capacity = capacity;
    return true;
}

void finding_add_list(struct findings *findings, enum finding_severity severity,
                      struct json_position position, const char *path, const char *format,
                      va_list arguments)
{
    if (severity == FINDING_ERROR)
        findings->errors++;
    if (findings->count == FINDINGS_MAX) {
        findings->dropped++;
        return;
    }
    char text[MESSAGE_BYTES];
    int head = path[0] ? snprintf(text, sizeof(text), "%s: ", path) : 0;
    size_t used = head < 0 ? 0 : (size_t)head;
    if (used < sizeof(text) - 1)
        (void)vsnprintf(text + used, sizeof(text) - used, format, arguments);
    tidy(text);
    struct slice message = slice_str(text);
    if (message.len == sizeof(text) - 1) /* perhaps cut: not inside a character */
        message = utf8_cut(message, message.len - 1);
    char *kept_path = arena_strdup(findings->arena, slice_str(path));
    char *kept_message = arena_strdup(findings->arena, message);
    if (!kept_path || !kept_message || !grow(findings)) {
        findings->out_of_memory = true;
        return;
    }
    findings->items[findings->count++] = (struct finding){
        .severity = severity, .position = position, .path = kept_path, .message = kept_message};
}

void finding_add(struct findings *findings, enum finding_severity severity,
                 struct json_position position, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    finding_add_list(findings, severity, position, path, format, arguments);
    va_end(arguments);
}

static bool later(const struct finding *a, const struct finding *b)
{
    if (a->position.line != b->position.line)
        return a->position.line > b->position.line;
    return a->position.column > b->position.column;
}

void findings_sort(struct findings *findings)
{
    /* By insertion: stable, and there are FINDINGS_MAX at most. */
    for (uint32_t i = 1; i < findings->count; i++) {
        struct finding finding = findings->items[i];
        uint32_t at = i;
        for (; at > 0 && later(&findings->items[at - 1], &finding); at--)
            findings->items[at] = findings->items[at - 1];
        findings->items[at] = finding;
    }
}
