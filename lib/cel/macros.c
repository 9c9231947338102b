/* macros: all, exists, map, filter and their like over lists and maps. */
#include "base/err.h"
#include "cel/evaluator.h"

/* The container being walked, and where its macro stands. */
struct walk {
    struct cel_evaluator *evaluator;
    const struct cel_ast *node;
    struct cel_value range;
    struct cel_iter iter;
    int64_t index;
    bool map;
};

/* Makes the next element the macro's variable: the key of a map; with two variables the index or key
 * the first, the element the second. */
static bool walk_next(struct walk *walk)
{
    struct cel_value *locals = &walk->evaluator->locals[walk->node->index];
    if (walk->evaluator->fatal || !cel_next(&walk->iter))
        return false;
    if (!walk->node->second.ptr) {
        locals[0] = walk->map ? walk->iter.key : walk->iter.value;
    } else {
        locals[0] = walk->map ? walk->iter.key : cel_int(walk->index++);
        locals[1] = walk->iter.value;
    }
    return true;
}

/* One evaluation of a condition: a bool, or an error value. */
static struct cel_value condition(struct walk *walk, const struct cel_ast *node)
{
    struct cel_value value = cel_evaluate(walk->evaluator, node);
    if (value.kind == CEL_BOOL || cel_failed(&value))
        return value;
    return cel_fail(walk->evaluator, node, "the condition is not a bool but %s",
                    cel_kind_name(&value));
}

/* all and exists: as a chain of && or ||, so that an element that decides hides errors of others. */
static struct cel_value walk_quantifier(struct walk *walk, bool decisive)
{
    struct cel_value result = cel_bool(!decisive);
    while (walk_next(walk)) {
        struct cel_value value = condition(walk, walk->node->arguments[1]);
        if (value.kind == CEL_BOOL && value.boolean == decisive)
            return value;
        if (cel_failed(&value) && !cel_failed(&result))
            result = value;
    }
    return result;
}

static struct cel_value walk_exists_one(struct walk *walk)
{
    uint32_t found = 0;
    while (walk_next(walk)) {
        struct cel_value value = condition(walk, walk->node->arguments[1]);
        if (cel_failed(&value))
            return value;
        found += value.boolean;
    }
    return cel_bool(found == 1);
}

/* map and filter: keeps `result` (NULL: the element itself) of each element for which `test` (NULL:
 * always) holds. */
static struct cel_value walk_collect(struct walk *walk, const struct cel_ast *test,
                                     const struct cel_ast *result)
{
    struct cel_evaluator *evaluator = walk->evaluator;
    struct cel_value *items =
        arena_array(evaluator->arena, cel_count(&walk->range), sizeof(struct cel_value));
    if (!items)
        return cel_fail_memory(evaluator);
    uint32_t count = 0;
    while (walk_next(walk)) {
        struct cel_value keep = test ? condition(walk, test) : cel_bool(true);
        if (cel_failed(&keep))
            return keep;
        if (!keep.boolean)
            continue;
        items[count] =
            result ? cel_evaluate(evaluator, result) : evaluator->locals[walk->node->index];
        if (cel_failed(&items[count]))
            return items[count];
        count++;
    }
    const struct cel_list *list = cel_list_make(evaluator->arena, items, count);
    return list ? (struct cel_value){.kind = CEL_LIST, .list = list} : cel_fail_memory(evaluator);
}

/* --- maps --- */

/* The entries of a map that is being made. */
struct entries {
    struct cel_entry *items;
    uint32_t count;
    uint32_t size;
};

/* Without memory, and without budget, false. */
static bool add_entry(struct cel_evaluator *evaluator, struct entries *entries,
                      struct cel_value key, struct cel_value value)
{
    if (entries->count == entries->size) {
        uint32_t size = entries->size ? entries->size * 2 : 8;
        struct cel_entry *items = arena_array(evaluator->arena, size, sizeof(*items));
        if (!items)
            return false;
        if (entries->count > 0)
            memcpy(items, entries->items, entries->count * sizeof(*items));
        entries->items = items;
        entries->size = size;
    }
    entries->items[entries->count++] = (struct cel_entry){key, value};
    return --evaluator->meter.left >= 0 &&
           cel_value_read(&entries->items[entries->count - 1].key, evaluator->arena);
}

static struct cel_value no_entry(struct cel_evaluator *evaluator)
{
    return evaluator->meter.left < 0 ? cel_fail_cost(evaluator) : cel_fail_memory(evaluator);
}

/* What an element becomes: the value of its key, or a map whose entries are taken. */
static struct cel_value add_result(struct walk *walk, struct entries *entries,
                                   const struct cel_ast *body)
{
    struct cel_evaluator *evaluator = walk->evaluator;
    struct cel_value result = cel_evaluate(evaluator, body);
    if (cel_failed(&result))
        return result;
    if (walk->node->macro == CEL_MACRO_TRANSFORM_MAP)
        return add_entry(evaluator, entries, evaluator->locals[walk->node->index], result)
                   ? result
                   : no_entry(evaluator);
    if (!cel_is_map(&result))
        return cel_fail(evaluator, body, "transformMapEntry needs maps, not %s",
                        cel_kind_name(&result));
    struct cel_iter iter = cel_iter(&result);
    while (cel_next(&iter))
        if (!add_entry(evaluator, entries, iter.key, iter.value))
            return no_entry(evaluator);
    return result;
}

/* transformMap and transformMapEntry. */
static struct cel_value walk_map(struct walk *walk, const struct cel_ast *test,
                                 const struct cel_ast *body)
{
    struct cel_evaluator *evaluator = walk->evaluator;
    struct entries entries = {NULL, 0, 0};
    uint32_t repeated = 0;
    while (walk_next(walk)) {
        struct cel_value keep = test ? condition(walk, test) : cel_bool(true);
        if (!cel_failed(&keep) && !keep.boolean)
            continue;
        if (!cel_failed(&keep))
            keep = add_result(walk, &entries, body);
        if (cel_failed(&keep))
            return keep;
    }
    const struct cel_map *map =
        cel_map_make(evaluator->arena, entries.items, entries.count, &evaluator->meter, &repeated);
    if (!map)
        return cel_fail_memory(evaluator);
    if (repeated < entries.count)
        return cel_fail(evaluator, walk->node, "two elements give the same key");
    return (struct cel_value){.kind = CEL_MAP, .map = map};
}

static struct cel_value run_walk(struct walk *walk)
{
    bool tested = walk->node->argument_count == 3;
    struct cel_ast *const *arguments = walk->node->arguments;
    switch (walk->node->macro) {
    case CEL_MACRO_ALL:
        return walk_quantifier(walk, false);
    case CEL_MACRO_EXISTS:
        return walk_quantifier(walk, true);
    case CEL_MACRO_EXISTS_ONE:
    case CEL_MACRO_EXISTS_ONE_CAMEL:
        return walk_exists_one(walk);
    case CEL_MACRO_MAP:
    case CEL_MACRO_TRANSFORM_LIST:
        return walk_collect(walk, tested ? arguments[1] : NULL, arguments[tested ? 2 : 1]);
    case CEL_MACRO_TRANSFORM_MAP:
    case CEL_MACRO_TRANSFORM_MAP_ENTRY:
        return walk_map(walk, tested ? arguments[1] : NULL, arguments[tested ? 2 : 1]);
    case CEL_MACRO_FILTER:
        return walk_collect(walk, arguments[1], NULL);
    case CEL_MACRO_OPT_MAP:
    case CEL_MACRO_OPT_FLAT_MAP:
    case CEL_MACRO_BIND:
    case CEL_MACRO_BLOCK:
    case CEL_MACRO_COUNT:
        break;
    }
    panic("no such macro: %d", (int)walk->node->macro);
}

struct cel_value cel_run_macro(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct walk walk = {.evaluator = evaluator, .node = node};
    walk.range = cel_evaluate(evaluator, node->arguments[0]);
    if (cel_failed(&walk.range))
        return walk.range;
    walk.map = cel_is_map(&walk.range);
    if (!walk.map && !cel_is_list(&walk.range))
        return cel_fail(evaluator, node, "a list or a map is needed to go through, not %s",
                        cel_kind_name(&walk.range));
    walk.iter = cel_iter(&walk.range);
    struct cel_value result = run_walk(&walk);
    return evaluator->fatal ? cel_fail_cost(evaluator) : result;
}

/* --- names --- */

/* Each time that this is come by, what the names stand for is evaluated anew. */
struct cel_value cel_run_names(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    const uint32_t *places = node->cached;
    uint32_t count = node->argument_count - 1;
    for (uint32_t i = 0; i < count; i++)
        evaluator->locals[places[i]] = cel_absent();
    cel_charge(evaluator, count / 16);
    return cel_evaluate(evaluator, node->arguments[count]);
}
