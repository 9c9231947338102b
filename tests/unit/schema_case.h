/* schema_case: what the tests of lib/schema share. JSON stands in them with ' for ". */
#ifndef TROUPE_TESTS_SCHEMA_CASE_H
#define TROUPE_TESTS_SCHEMA_CASE_H

#include "base/buf.h"
#include "schema/schema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the five above */
#include <cmocka.h>

struct text {
    struct arena arena;
    struct json_doc doc;
};

static inline struct json_ref read_raw(struct text *text, struct slice source)
{
    struct json_error error;
    const struct json_limits limits = {.max_number_bytes = 1024, .max_depth = 200};
    arena_init(&text->arena, 0);
    struct slice copy = arena_copy(&text->arena, source);
    assert_non_null(copy.ptr);
    if (json_read(&text->arena, copy, &limits, &text->doc, &error) != 0)
        fail_msg("%.*s: %s", SLICE_ARG(source), error.message);
    return json_root(&text->doc);
}

static inline struct json_ref read_json(struct text *text, const char *quoted)
{
    char *copy = strdup(quoted);
    assert_non_null(copy);
    for (char *at = copy; *at; at++)
        if (*at == '\'')
            *at = '"';
    struct json_ref root = read_raw(text, slice_str(copy));
    free(copy);
    return root;
}

/* "path: message; path: message" */
static inline char *all_of(const struct schema_report *report, struct arena *arena)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (uint32_t i = 0; i < report->count; i++)
        buf_printf(&buf, "%s%s: %s", i ? "; " : "", report->items[i].path,
                   report->items[i].message);
    char *copy = arena_strdup(arena, buf_slice(&buf));
    buf_free(&buf);
    assert_non_null(copy);
    return copy;
}

static inline struct schema *compile(const char *quoted)
{
    struct text text;
    struct arena arena;
    struct schema_report report;
    arena_init(&arena, 0);
    schema_report_init(&report, &arena, 10);
    struct schema *schema = schema_compile(read_json(&text, quoted), &report);
    if (!schema)
        fail_msg("%s: %s", quoted, all_of(&report, &arena));
    assert_int_equal(report.count, 0);
    arena_free(&text.arena); /* the schema has its own copy */
    arena_free(&arena);
    return schema;
}

#endif
