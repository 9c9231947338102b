/* findings: everything that is wrong with a definition, reported at once.
 *
 * A finding has the place (line, column), the path (`edges[0].condition`), the reason and, where
 * there is one, what would be right. Its message begins with its path. Findings live in the arena of
 * the list; the list keeps the first FINDINGS_MAX and counts the rest.
 */
#ifndef TROUPE_GRAPH_FINDINGS_H
#define TROUPE_GRAPH_FINDINGS_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define FINDINGS_MAX 200

enum finding_severity { FINDING_ERROR, FINDING_WARNING };

struct finding {
    enum finding_severity severity;
    struct json_position position;
    const char *path;    /* "" for the document itself */
    const char *message; /* "edges[0].condition: expected an operand after '>='" */
};

struct findings {
    struct arena *arena;
    struct finding *items; /* in order of position once sorted */
    uint32_t count;
    uint32_t capacity;
    uint32_t dropped; /* beyond FINDINGS_MAX */
    uint32_t errors;  /* all, dropped ones too */
    bool out_of_memory;
};

void findings_init(struct findings *findings, struct arena *arena);
void finding_add(struct findings *findings, enum finding_severity severity,
                 struct json_position position, const char *path, const char *format, ...)
    PRINTF(5, 6);
void finding_add_list(struct findings *findings, enum finding_severity severity,
                      struct json_position position, const char *path, const char *format,
                      va_list arguments) PRINTF(5, 0);
/* By line and column; equal ones keep their order. */
void findings_sort(struct findings *findings);

#endif
