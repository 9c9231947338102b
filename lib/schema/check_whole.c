/* check_whole: subschemas that look at the same value. */
#include "schema/check.h"

enum { REASONS_MOST = 2 }; /* messages within messages */

/* The first reason why an alternative does not fit, for one message about all of them. */
static void add_reason(struct schema_run *run, const struct schema_node *node,
                       struct json_ref value, const struct schema_place *place, uint32_t number,
                       struct schema_line *line)
{
    struct schema_report *report = run->report;
    struct schema_report own;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    schema_report_init(&own, &arena, 1);
    run->report = &own;
    run->reasons++;
    (void)run_apply(run, node, value, place);
    run->reasons--;
    run->report = report;
    if (own.count > 0) {
        struct schema_line here = {0};
        schema_line_place(&here, place);
        const char *path = own.items[0].path;
        const bool deeper = strcmp(path, here.bytes) != 0;
        schema_line_add(line, "%s(%u) %s%s%s", number > 1 ? "; " : "", number, deeper ? path : "",
                        deeper ? ": " : "", own.items[0].message);
    }
    arena_free(&arena);
}

static bool none_fits(struct schema_run *run, const struct schema_list *list, struct json_ref value,
                      const struct schema_place *place, const char *keyword)
{
    struct schema_line reasons = {0};
    if (!run->report)
        return false;
    if (run->reasons == REASONS_MOST)
        return run_differs(run, value, place, keyword, "fits none of %u alternatives", list->count);
    for (uint32_t i = 0; i < list->count && !run_stopped(run) && reasons.len < 300; i++)
        add_reason(run, list->items[i], value, place, i + 1, &reasons);
    if (list->count == 1)
        return run_differs(run, value, place, keyword, "%s", reasons.bytes + sizeof("(1) ") - 1);
    return run_differs(run, value, place, keyword, "fits none of %u alternatives: %s", list->count,
                       reasons.bytes);
}

static bool check_any(struct schema_run *run, const struct schema_list *list, struct json_ref value,
                      const struct schema_place *place)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (run_fits(run, list->items[i], value, place))
            return true;
        if (run_stopped(run))
            return false;
    }
    return none_fits(run, list, value, place, "anyOf");
}

static bool check_one(struct schema_run *run, const struct schema_list *list, struct json_ref value,
                      const struct schema_place *place)
{
    uint32_t first = 0; /* from 1 */
    for (uint32_t i = 0; i < list->count; i++) {
        const bool fits = run_fits(run, list->items[i], value, place);
        if (run_stopped(run))
            return false;
        if (fits && first > 0)
            return run_differs(run, value, place, "oneOf",
                               "fits alternatives %u and %u; expected to fit exactly one", first,
                               i + 1);
        if (fits)
            first = i + 1;
    }
    return first > 0 || none_fits(run, list, value, place, "oneOf");
}

static bool check_not(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                      const struct schema_place *place)
{
    const bool fits = run_fits(run, node, value, place);
    if (run_stopped(run))
        return false;
    return !fits || run_differs(run, value, place, "not", "is what must not stand here (not)");
}

static bool check_condition(struct schema_run *run, const struct schema_node *node,
                            struct json_ref value, const struct schema_place *place)
{
    const bool holds = run_fits(run, node->condition, value, place);
    if (run_stopped(run))
        return false;
    const struct schema_node *then = holds ? node->consequence : node->alternative;
    return !then || run_apply(run, then, value, place);
}

bool run_whole(struct schema_run *run, const struct schema_node *node, struct json_ref value,
               const struct schema_place *place)
{
    bool good = !node->reference || run_apply(run, node->reference, value, place);
    for (uint32_t i = 0; i < node->all.count && (good || !run_enough(run)); i++)
        good = run_apply(run, node->all.items[i], value, place) && good;
    if ((good || !run_enough(run)) && node->any.count > 0)
        good = check_any(run, &node->any, value, place) && good;
    if ((good || !run_enough(run)) && node->one.count > 0)
        good = check_one(run, &node->one, value, place) && good;
    if ((good || !run_enough(run)) && node->negated)
        good = check_not(run, node->negated, value, place) && good;
    if ((good || !run_enough(run)) && node->condition)
        good = check_condition(run, node, value, place) && good;
    return good;
}
