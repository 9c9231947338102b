/* macros: all, exists, exists_one, map, filter over lists and the keys of maps. */
#include "base/err.h"
#include "cel/evaluator.h"

/* The container being walked, and where its macro stands. */
struct walk {
    struct cel_evaluator *evaluator;
    const struct cel_ast *node;
    struct cel_value range;
    struct cel_iter iter;
    bool keys;
};

/* Makes the next element the macro's variable. */
static bool walk_next(struct walk *walk)
{
    if (walk->evaluator->fatal || !cel_next(&walk->iter))
        return false;
    walk->evaluator->locals[walk->node->index] = walk->keys ? walk->iter.key : walk->iter.value;
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

static struct cel_value run_walk(struct walk *walk)
{
    struct cel_ast *const *arguments = walk->node->arguments;
    switch (walk->node->macro) {
    case CEL_MACRO_ALL:
        return walk_quantifier(walk, false);
    case CEL_MACRO_EXISTS:
        return walk_quantifier(walk, true);
    case CEL_MACRO_EXISTS_ONE:
        return walk_exists_one(walk);
    case CEL_MACRO_MAP:
        if (walk->node->argument_count == 3)
            return walk_collect(walk, arguments[1], arguments[2]);
        return walk_collect(walk, NULL, arguments[1]);
    case CEL_MACRO_FILTER:
        return walk_collect(walk, arguments[1], NULL);
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
    walk.keys = cel_is_map(&walk.range);
    if (!walk.keys && !cel_is_list(&walk.range))
        return cel_fail(evaluator, node, "a list or a map is needed to go through, not %s",
                        cel_kind_name(&walk.range));
    walk.iter = cel_iter(&walk.range);
    struct cel_value result = run_walk(&walk);
    return evaluator->fatal ? cel_fail_cost(evaluator) : result;
}
