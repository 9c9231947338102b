/* ext_optionals: values that may not be there. */
#include "cel/compare.h"
#include "cel/evaluator.h"
#include "cel/library.h"

/* Year 1, what a timestamp is when nobody has set it. */
#define ZERO_TIMESTAMP_SECONDS (-62135596800)

struct cel_value cel_some(struct cel_evaluator *evaluator, const struct cel_value *value)
{
    struct cel_value *copy = arena_alloc(evaluator->arena, sizeof(*copy));
    if (!copy)
        return cel_fail_memory(evaluator);
    *copy = *value;
    return (struct cel_value){.kind = CEL_OPTIONAL, .optional = copy};
}

/* --- making --- */

static struct cel_value optional_of(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    (void)node;
    return cel_some(evaluator, &arguments[0]);
}

static struct cel_value optional_none(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments)
{
    (void)evaluator;
    (void)node;
    (void)arguments;
    return cel_none();
}

/* Null, false, 0, and what is empty. */
static bool is_zero(const struct cel_value *value)
{
    switch (value->kind) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        return !value->boolean;
    case CEL_INT:
        return value->integer == 0;
    case CEL_UINT:
        return value->uinteger == 0;
    case CEL_DOUBLE:
        return value->real == 0;
    case CEL_STRING:
    case CEL_BYTES:
        return value->text.len == 0;
    case CEL_TIMESTAMP:
        return value->time.seconds == ZERO_TIMESTAMP_SECONDS && value->time.nanos == 0;
    case CEL_DURATION:
        return value->time.seconds == 0 && value->time.nanos == 0;
    case CEL_LIST:
    case CEL_MAP:
    case CEL_JSON:
        return cel_count(value) == 0;
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_IP:
    case CEL_CIDR:
    case CEL_ERROR:
        break;
    }
    return false;
}

static struct cel_value of_non_zero(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    (void)node;
    return is_zero(&arguments[0]) ? cel_none() : cel_some(evaluator, &arguments[0]);
}

/* --- asking --- */

static struct cel_value has_value(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_OPTIONAL)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(arguments[0].optional != NULL);
}

static struct cel_value value_of(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_OPTIONAL)
        return cel_fail_overload(evaluator, node, arguments);
    return arguments[0].optional ? *arguments[0].optional
                                 : cel_fail(evaluator, node, "the optional holds no value");
}

/* The values of those that hold one. */
static struct cel_value unwrap(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (!cel_is_list(&arguments[0]))
        return cel_fail_overload(evaluator, node, arguments);
    uint32_t count = 0;
    cel_charge(evaluator, cel_count(&arguments[0]));
    struct cel_value *items =
        arena_array(evaluator->arena, cel_count(&arguments[0]), sizeof(*items));
    if (!items)
        return cel_fail_memory(evaluator);
    struct cel_iter iter = cel_iter(&arguments[0]);
    while (cel_next(&iter)) {
        if (iter.value.kind != CEL_OPTIONAL)
            return cel_fail(evaluator, node, "the list has an element that is no optional but %s",
                            cel_kind_name(&iter.value));
        if (iter.value.optional)
            items[count++] = *iter.value.optional;
    }
    const struct cel_list *list = cel_list_make(evaluator->arena, items, count);
    return list ? (struct cel_value){.kind = CEL_LIST, .list = list} : cel_fail_memory(evaluator);
}

/* --- choosing --- */

/* The receiver, which must be an optional; or an error. */
static struct cel_value receiver(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value value = cel_evaluate(evaluator, node->arguments[0]);
    if (value.kind == CEL_OPTIONAL || cel_failed(&value))
        return value;
    return cel_fail(evaluator, node, "'%.*s' needs an optional, not %s", SLICE_ARG(node->name),
                    cel_kind_name(&value));
}

/* a.or(b): b is evaluated only when a holds nothing. */
static struct cel_value run_or(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value value = receiver(evaluator, node);
    if (cel_failed(&value) || value.optional)
        return value;
    value = cel_evaluate(evaluator, node->arguments[1]);
    if (value.kind == CEL_OPTIONAL || cel_failed(&value))
        return value;
    return cel_fail(evaluator, node, "'or' needs an optional, not %s", cel_kind_name(&value));
}

static struct cel_value run_or_value(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value value = receiver(evaluator, node);
    if (cel_failed(&value))
        return value;
    return value.optional ? *value.optional : cel_evaluate(evaluator, node->arguments[1]);
}

/* a.optMap(v, value), a.optFlatMap(v, optional) */
struct cel_value cel_run_opt_map(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    bool flat = node->macro == CEL_MACRO_OPT_FLAT_MAP;
    const char *name = flat ? "optFlatMap" : "optMap";
    struct cel_value value = cel_evaluate(evaluator, node->arguments[0]);
    if (cel_failed(&value))
        return value;
    if (value.kind != CEL_OPTIONAL)
        return cel_fail(evaluator, node, "'%s' needs an optional, not %s", name,
                        cel_kind_name(&value));
    if (!value.optional)
        return value;
    evaluator->locals[node->index] = *value.optional;
    value = cel_evaluate(evaluator, node->arguments[1]);
    if (cel_failed(&value) || (flat && value.kind == CEL_OPTIONAL))
        return value;
    return flat ? cel_fail(evaluator, node->arguments[1], "optFlatMap makes optionals, not %s",
                           cel_kind_name(&value))
                : cel_some(evaluator, &value);
}

/* --- indexing --- */

static bool is_outside(const struct cel_value *index, uint32_t count)
{
    struct cel_value whole = *index;
    if (whole.kind == CEL_DOUBLE && !cel_double_to_integer(whole.real, &whole))
        return false; /* another error */
    if (whole.kind == CEL_INT)
        return whole.integer < 0 || whole.integer >= (int64_t)count;
    return whole.kind == CEL_UINT && whole.uinteger >= count;
}

struct cel_value cel_index_optional(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    struct cel_value pair[2] = {arguments[0], arguments[1]};
    struct cel_value found;
    if (pair[0].kind == CEL_OPTIONAL && !pair[0].optional)
        return pair[0];
    if (pair[0].kind == CEL_OPTIONAL)
        pair[0] = *pair[0].optional;
    if (cel_is_map(&pair[0])) {
        if (!cel_map_find(&pair[0], &pair[1], &evaluator->meter, &found))
            return cel_none();
        return cel_some(evaluator, &found);
    }
    if (cel_is_list(&pair[0]) && is_outside(&pair[1], cel_count(&pair[0])))
        return cel_none();
    found = cel_index(evaluator, node, pair);
    return cel_failed(&found) ? found : cel_some(evaluator, &found);
}

static const struct cel_library_row rows[] = {
    {"[?]", "lAi:oA mABA:oB olAi:oA omABA:oB", cel_index_optional, true, NULL},
    {"hasValue", "oA.:b", has_value, true, NULL},
    {"optional.none", ":oA", optional_none, true, NULL},
    {"optional.of", "A:oA", optional_of, true, NULL},
    {"optional.ofNonZeroValue", "A:oA", of_non_zero, false, NULL},
    {"optional.unwrap", "loA:lA", unwrap, true, NULL},
    {"or", "oA.oA:oA", NULL, true, run_or},
    {"orValue", "oA.A:A", NULL, true, run_or_value},
    {"unwrapOpt", "loA.:lA", unwrap, true, NULL},
    {"value", "oA.:A", value_of, true, NULL},
};

const struct cel_library_table cel_ext_optionals = {rows, ARRAY_LEN(rows)};
