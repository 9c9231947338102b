/* check_arrays: counts, elements, contains, uniqueness. */
#include "schema/check.h"

static const char *plural(uint64_t count) { return count == 1 ? "" : "s"; }

static bool check_size(struct schema_run *run, const struct schema_node *node,
                       struct json_ref value, const struct schema_place *place)
{
    const uint64_t count = json_count(value);
    if (count < node->min_items)
        return run_differs(run, value, place, "minItems",
                           "expected at least %llu element%s, not %llu",
                           (unsigned long long)node->min_items, plural(node->min_items),
                           (unsigned long long)count);
    if (count > node->max_items)
        return run_differs(run, value, place, "maxItems",
                           "expected at most %llu element%s, not %llu",
                           (unsigned long long)node->max_items, plural(node->max_items),
                           (unsigned long long)count);
    return true;
}

static bool check_elements(struct schema_run *run, const struct schema_node *node,
                           struct json_ref value, const struct schema_place *place)
{
    bool good = true;
    struct json_iter it = json_iter(value);
    for (uint32_t i = 0; json_next(&it); i++) {
        const struct schema_node *element =
            i < node->prefix.count ? node->prefix.items[i] : node->items;
        if (!element)
            break; /* there are no more prefix items, and no items */
        struct schema_place at = schema_place_index(place, i);
        if (element->never && element == node->items)
            good = run_differs(run, it.value, &at, "items", "expected at most %u element%s",
                               node->prefix.count, plural(node->prefix.count));
        else
            good = run_apply(run, element, it.value, &at) && good;
        if (!good && run_enough(run))
            return false;
    }
    return good;
}

static bool check_contains(struct schema_run *run, const struct schema_node *node,
                           struct json_ref value, const struct schema_place *place)
{
    uint64_t found = 0;
    struct json_iter it = json_iter(value);
    for (uint32_t i = 0; json_next(&it) && !run_stopped(run); i++) {
        struct schema_place at = schema_place_index(place, i);
        found += run_fits(run, node->contains, it.value, &at);
    }
    if (run_stopped(run))
        return false;
    if (found < node->min_contains)
        return run_differs(run, value, place, node->min_contains == 1 ? "contains" : "minContains",
                           "expected at least %llu element%s as contains says, found %llu",
                           (unsigned long long)node->min_contains, plural(node->min_contains),
                           (unsigned long long)found);
    if (found > node->max_contains)
        return run_differs(run, value, place, "maxContains",
                           "expected at most %llu element%s as contains says, found %llu",
                           (unsigned long long)node->max_contains, plural(node->max_contains),
                           (unsigned long long)found);
    return true;
}

static bool check_unique(struct schema_run *run, struct json_ref value,
                         const struct schema_place *place)
{
    uint32_t first = 0, second = 0;
    const int found = schema_find_twins(value, run->schema->seed, &run->meter, &first, &second);
    run->out_of_memory |= found < 0;
    if (found == 0)
        return true;
    struct schema_place at = schema_place_index(place, second);
    return run_differs(run, json_element(value, second), &at, "uniqueItems",
                       "equals element %u: none may stand there twice", first);
}

bool run_array(struct schema_run *run, const struct schema_node *node, struct json_ref value,
               const struct schema_place *place)
{
    bool good = check_size(run, node, value, place);
    if ((good || !run_enough(run)) && (node->items || node->prefix.count > 0))
        good = check_elements(run, node, value, place) && good;
    if ((good || !run_enough(run)) && node->contains)
        good = check_contains(run, node, value, place) && good;
    if ((good || !run_enough(run)) && node->unique)
        good = check_unique(run, value, place) && good;
    return good;
}
