/* operators: equality, order, membership, indexing, concatenation, size. */
#include "cel/compare.h"
#include "cel/evaluator.h"
#include "cel/library.h"
#include "cel/utf8.h"

struct cel_value cel_not(struct cel_evaluator *evaluator, const struct cel_ast *node,
                         const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_BOOL)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(!arguments[0].boolean);
}

/* --- order and equality --- */

static struct cel_value order(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments, enum cel_order wanted,
                              bool or_same)
{
    if (arguments[0].kind == CEL_STRING || arguments[0].kind == CEL_BYTES)
        cel_charge(evaluator, arguments[0].text.len / 64);
    enum cel_order found = cel_compare(&arguments[0], &arguments[1]);
    if (found == CEL_NOT_COMPARABLE)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(found == wanted || (or_same && found == CEL_SAME));
}

struct cel_value cel_less(struct cel_evaluator *evaluator, const struct cel_ast *node,
                          const struct cel_value *arguments)
{
    return order(evaluator, node, arguments, CEL_LESS, false);
}

struct cel_value cel_less_equal(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return order(evaluator, node, arguments, CEL_LESS, true);
}

struct cel_value cel_greater(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    return order(evaluator, node, arguments, CEL_GREATER, false);
}

struct cel_value cel_greater_equal(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                   const struct cel_value *arguments)
{
    return order(evaluator, node, arguments, CEL_GREATER, true);
}

struct cel_value cel_equals(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments)
{
    (void)node;
    return cel_bool(cel_same(&arguments[0], &arguments[1], &evaluator->meter));
}

struct cel_value cel_not_equals(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    (void)node;
    return cel_bool(!cel_same(&arguments[0], &arguments[1], &evaluator->meter));
}

/* --- containers --- */

struct cel_value cel_in(struct cel_evaluator *evaluator, const struct cel_ast *node,
                        const struct cel_value *arguments)
{
    const struct cel_value *container = &arguments[1];
    if (cel_is_map(container)) {
        struct cel_value found;
        return cel_bool(cel_map_find(container, &arguments[0], &evaluator->meter, &found));
    }
    if (!cel_is_list(container))
        return cel_fail_overload(evaluator, node, arguments);
    struct cel_iter iter = cel_iter(container);
    while (evaluator->meter.left >= 0 && cel_next(&iter))
        if (cel_same(&iter.value, &arguments[0], &evaluator->meter))
            return cel_bool(true);
    return cel_bool(false);
}

static struct cel_value no_such_key(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    struct cel_value key)
{
    if (!cel_value_read(&key, evaluator->arena))
        return cel_fail_memory(evaluator);
    if (key.kind == CEL_INT)
        return cel_fail(evaluator, node, "no such key: %lld", (long long)key.integer);
    if (key.kind != CEL_STRING)
        return cel_fail(evaluator, node, "no such key (a %s)", cel_kind_name(&key));
    struct slice text = cel_utf8_clip(key.text, 100);
    return cel_fail(evaluator, node, "no such key: '%.*s'", SLICE_ARG(text));
}

struct cel_value cel_index(struct cel_evaluator *evaluator, const struct cel_ast *node,
                           const struct cel_value *arguments)
{
    const struct cel_value *container = &arguments[0];
    struct cel_value index = arguments[1];
    if (cel_is_map(container)) {
        struct cel_value found;
        if (cel_map_find(container, &index, &evaluator->meter, &found))
            return found;
        return no_such_key(evaluator, node, index);
    }
    if (container->kind == CEL_OPTIONAL)
        return cel_index_optional(evaluator, node, arguments);
    if (!cel_is_list(container))
        return cel_fail_overload(evaluator, node, arguments);
    if (index.kind == CEL_DOUBLE && !cel_double_to_integer(index.real, &index))
        return cel_fail(evaluator, node, "the index of a list must be a whole number");
    if (index.kind != CEL_INT && index.kind != CEL_UINT)
        return cel_fail_overload(evaluator, node, arguments);
    uint32_t count = cel_count(container);
    bool inside = index.kind == CEL_INT ? index.integer >= 0 && index.integer < (int64_t)count
                                        : index.uinteger < count;
    if (!inside && index.kind == CEL_INT)
        return cel_fail(evaluator, node, "index %lld is out of range: the list has %u",
                        (long long)index.integer, count);
    if (!inside)
        return cel_fail(evaluator, node, "the index is out of range: the list has %u", count);
    uint32_t at = index.kind == CEL_INT ? (uint32_t)index.integer : (uint32_t)index.uinteger;
    return cel_list_at(container, at, &evaluator->meter);
}

struct cel_value cel_size(struct cel_evaluator *evaluator, const struct cel_ast *node,
                          const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    if (value->kind == CEL_STRING) {
        cel_charge(evaluator, value->text.len / 64);
        return cel_int((int64_t)cel_utf8_count(value->text));
    }
    if (value->kind == CEL_BYTES)
        return cel_int((int64_t)value->text.len);
    if (cel_is_list(value) || cel_is_map(value))
        return cel_int(cel_count(value));
    return cel_fail_overload(evaluator, node, arguments);
}

/* --- concatenation --- */

static struct cel_value join_text(struct cel_evaluator *evaluator, const struct cel_value *a,
                                  const struct cel_value *b)
{
    if (a->text.len == 0)
        return *b;
    if (b->text.len == 0)
        return *a;
    size_t length = a->text.len + b->text.len;
    cel_charge(evaluator, length / 64);
    char *text = arena_alloc(evaluator->arena, length);
    if (!text)
        return cel_fail_memory(evaluator);
    memcpy(text, a->text.ptr, a->text.len);
    memcpy(text + a->text.len, b->text.ptr, b->text.len);
    return (struct cel_value){.kind = a->kind, .text = slice_of(text, length)};
}

static struct cel_value join_lists(struct cel_evaluator *evaluator, const struct cel_value *a,
                                   const struct cel_value *b)
{
    if (cel_count(a) == 0)
        return *b;
    if (cel_count(b) == 0)
        return *a;
    uint64_t count = (uint64_t)cel_count(a) + cel_count(b);
    cel_charge(evaluator, count);
    if (count > UINT32_MAX || evaluator->meter.left < 0)
        return cel_fail_cost(evaluator);
    struct cel_value *items =
        arena_array(evaluator->arena, (size_t)count, sizeof(struct cel_value));
    if (!items)
        return cel_fail_memory(evaluator);
    uint32_t at = 0;
    for (int side = 0; side < 2; side++) {
        struct cel_iter iter = cel_iter(side == 0 ? a : b);
        while (cel_next(&iter))
            items[at++] = iter.value;
    }
    const struct cel_list *list = cel_list_make(evaluator->arena, items, at);
    return list ? (struct cel_value){.kind = CEL_LIST, .list = list} : cel_fail_memory(evaluator);
}

struct cel_value cel_concatenate(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    const struct cel_value *a = &arguments[0];
    const struct cel_value *b = &arguments[1];
    if (a->kind == b->kind && (a->kind == CEL_STRING || a->kind == CEL_BYTES))
        return join_text(evaluator, a, b);
    if (cel_is_list(a) && cel_is_list(b))
        return join_lists(evaluator, a, b);
    return cel_add_time(evaluator, node, arguments, false);
}
