/* check_objects: members, by name and by pattern. */
#include "base/regex.h"
#include "base/suggest.h"
#include "schema/check.h"

static bool check_size(struct schema_run *run, const struct schema_node *node,
                       struct json_ref value, const struct schema_place *place)
{
    const uint64_t count = json_count(value);
    if (count < node->min_members)
        return run_differs(run, value, place, "minProperties",
                           "expected at least %llu member%s, not %llu",
                           (unsigned long long)node->min_members, node->min_members == 1 ? "" : "s",
                           (unsigned long long)count);
    if (count > node->max_members)
        return run_differs(run, value, place, "maxProperties",
                           "expected at most %llu member%s, not %llu",
                           (unsigned long long)node->max_members, node->max_members == 1 ? "" : "s",
                           (unsigned long long)count);
    return true;
}

static bool check_required(struct schema_run *run, const struct schema_node *node,
                           struct json_ref value, const struct schema_place *place)
{
    bool good = true;
    for (uint32_t i = 0; i < node->required.count; i++) {
        const struct slice name = node->required.items[i];
        if (!schema_spend(&run->meter, 1 + json_count(value) / 8))
            return false;
        if (!json_present(json_member(value, name)))
            good = run_differs(run, value, place, "required", "'%.*s' is missing",
                               SLICE_ARG(schema_shown(name)));
        if (!good && run_enough(run))
            return false;
    }
    return good;
}

static int compare(struct slice a, struct slice b)
{
    const int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

const struct schema_node *schema_find_property(const struct schema_properties *properties,
                                               struct slice name)
{
    uint32_t low = 0, high = properties->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare(name, properties->items[middle].name);
        if (order == 0)
            return properties->items[middle].node;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool unknown_member(struct schema_run *run, const struct schema_node *node,
                           struct json_ref key, struct slice name, const struct schema_place *place)
{
    struct suggest suggest;
    struct schema_line known = {0};
    if (!run->report)
        return false;
    suggest_init(&suggest, name);
    for (uint32_t i = 0; i < node->properties.count && schema_spend(&run->meter, 1); i++) {
        const struct slice property = node->properties.items[i].name;
        if (node->properties.items[i].node && node->properties.items[i].node->never)
            continue;
        suggest_offer(&suggest, property);
        if (known.len < 200)
            schema_line_add(&known, "%s%.*s", known.len > 0 ? ", " : "",
                            SLICE_ARG(schema_shown(property)));
        else if (!known.cut) {
            schema_line_add(&known, ", …");
            known.cut = true;
        }
    }
    if (suggest.best.ptr)
        return run_differs(run, key, place, "additionalProperties",
                           "unknown member, did you mean '%.*s'?", SLICE_ARG(suggest.best));
    return run_differs(run, key, place, "additionalProperties", "unknown member; known are: %s",
                       known.len > 0 ? known.bytes : "none");
}

/* Whom the name belongs to; every one of them has a word in it. */
static bool check_member(struct schema_run *run, const struct schema_node *node,
                         const struct json_iter *it, struct slice name,
                         const struct schema_place *place)
{
    const struct schema_node *property = schema_find_property(&node->properties, name);
    bool good = true, known = property != NULL;
    if (property)
        good = run_apply(run, property, it->value, place);
    for (uint32_t i = 0; i < node->patterns.count; i++) {
        const struct schema_pattern_property *pattern = &node->patterns.items[i];
        if ((!good && run_enough(run)) || !schema_spend(&run->meter, 1 + name.len / 16))
            return false;
        const int found = regex_search(pattern->pattern.regex, name.ptr, name.len);
        run->out_of_memory |= found < 0;
        if (found != 1)
            continue;
        known = true;
        good = run_apply(run, pattern->node, it->value, place) && good;
    }
    if (known || !node->additional)
        return good;
    if (node->additional->never)
        return unknown_member(run, node, it->key, name, place);
    return run_apply(run, node->additional, it->value, place);
}

static bool check_members(struct schema_run *run, const struct schema_node *node,
                          struct json_ref value, const struct schema_place *place)
{
    bool good = true;
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        struct schema_place at = schema_place_key(place, it.key);
        struct schema_text name;
        if (!schema_spend(&run->meter, 1 + json_text(it.key).len / 16))
            return false;
        schema_text_open(&name, it.key);
        run->out_of_memory |= !name.bytes.ptr;
        if (name.bytes.ptr)
            good = check_member(run, node, &it, name.bytes, &at) && good;
        schema_text_close(&name);
        if (run_stopped(run) || (!good && run_enough(run)))
            return false;
    }
    return good;
}

bool run_object(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                const struct schema_place *place)
{
    bool good = check_size(run, node, value, place);
    if (good || !run_enough(run))
        good = check_required(run, node, value, place) && good;
    if ((good || !run_enough(run)) &&
        (node->properties.count > 0 || node->patterns.count > 0 || node->additional))
        good = check_members(run, node, value, place) && good;
    return good;
}
