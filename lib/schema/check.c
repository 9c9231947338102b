#include "schema/check.h"
#include <stdarg.h>
#include <stdio.h>

static const struct schema_limits default_limits = {.cost = 20000000, .depth = 1000};

bool run_differs(struct schema_run *run, struct json_ref value, const struct schema_place *place,
                 const char *keyword, const char *format, ...)
{
    struct schema_line line = {0};
    char message[sizeof(line.bytes)];
    va_list arguments;
    /* What stopped has looked at nothing. */
    if (!run->report || run_stopped(run) || schema_report_full(run->report))
        return false;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    schema_line_add(&line, "%s", message);
    const struct json_position nowhere = {0};
    schema_report_add(run->report, run->reasons > 0 ? nowhere : json_position(value), place,
                      keyword, line.bytes);
    run->out_of_memory |= run->report->out_of_memory;
    return false;
}

const char *run_type_text(struct json_ref value)
{
    static const char *const texts[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object"};
    return texts[json_type(value)];
}

static bool apply_groups(struct schema_run *run, const struct schema_node *node,
                         struct json_ref value, const struct schema_place *place)
{
    static bool (*const of_type[])(struct schema_run *, const struct schema_node *, struct json_ref,
                                   const struct schema_place *) = {[JSON_NUMBER] = run_number,
                                                                   [JSON_STRING] = run_string,
                                                                   [JSON_ARRAY] = run_array,
                                                                   [JSON_OBJECT] = run_object};
    static const unsigned groups[] = {[JSON_NUMBER] = GROUP_NUMBERS,
                                      [JSON_STRING] = GROUP_STRINGS,
                                      [JSON_ARRAY] = GROUP_ARRAYS,
                                      [JSON_OBJECT] = GROUP_OBJECTS};
    const enum json_type type = json_type(value);
    bool good = true;
    /* What is of the wrong type altogether needs no further words. */
    if (node->groups & GROUP_ANY && !run_any(run, node, value, place))
        return false;
    if (node->groups & groups[type])
        good = of_type[type](run, node, value, place);
    if (!good && run_enough(run))
        return false;
    if (node->groups & GROUP_WHOLE)
        good = run_whole(run, node, value, place) && good;
    return good;
}

bool run_apply(struct schema_run *run, const struct schema_node *node, struct json_ref value,
               const struct schema_place *place)
{
    if (run->depth == run->depth_most)
        run->too_deep = true;
    if (run_stopped(run) || !schema_spend(&run->meter, 1))
        return false;
    if (node->never)
        return run_differs(run, value, place, "", "nothing may stand here");
    run->depth++;
    const bool good = apply_groups(run, node, value, place);
    run->depth--;
    return good && !run_stopped(run);
}

bool run_fits(struct schema_run *run, const struct schema_node *node, struct json_ref value,
              const struct schema_place *place)
{
    struct schema_report *report = run->report;
    run->report = NULL;
    const bool fits = run_apply(run, node, value, place);
    run->report = report;
    return fits;
}

static struct schema_run begin(const struct schema *schema, const struct schema_limits *limits)
{
    const struct schema_limits *l = limits ? limits : &default_limits;
    return (struct schema_run){
        .schema = schema,
        .meter.left = l->cost ? l->cost : default_limits.cost,
        .depth_most = l->depth ? l->depth : default_limits.depth,
    };
}

static void report_limit(const struct schema_run *run, struct json_ref value,
                         struct schema_report *report)
{
    if (schema_report_full(report))
        return;
    schema_report_add(report, json_position(value), NULL, "",
                      run->too_deep ? "undecided: the schema nests too deep"
                                    : "undecided: checking this against the schema costs too much");
}

/* Once more, with words. That it differs is known already: a limit only cuts what is said of it. */
static enum schema_verdict collect(const struct schema *schema, struct json_ref value,
                                   const struct schema_limits *limits, struct schema_report *report)
{
    struct schema_run run = begin(schema, limits);
    run.report = report;
    (void)run_apply(&run, schema->root, value, NULL);
    report->out_of_memory |= run.out_of_memory;
    if (report->out_of_memory)
        return SCHEMA_MEMORY;
    report->more |= run_stopped(&run);
    if (report->count == 0)
        schema_report_add(report, json_position(value), NULL, "", "does not fit the schema");
    return report->out_of_memory ? SCHEMA_MEMORY : SCHEMA_DIFFERS;
}

enum schema_verdict schema_validate(const struct schema *schema, struct json_ref value,
                                    const struct schema_limits *limits,
                                    struct schema_report *report)
{
    struct schema_run run = begin(schema, limits);
    const bool fits = run_apply(&run, schema->root, value, NULL);
    report->count = 0;
    report->more = false;
    if (run.out_of_memory) {
        report->out_of_memory = true;
        return SCHEMA_MEMORY;
    }
    if (run_stopped(&run)) {
        report_limit(&run, value, report);
        return report->out_of_memory ? SCHEMA_MEMORY : SCHEMA_LIMIT;
    }
    if (fits)
        return SCHEMA_FITS;
    if (report->limit == 0)
        return SCHEMA_DIFFERS;
    return collect(schema, value, limits, report);
}
