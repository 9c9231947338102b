#include "cel/evaluator.h"
#include "cel/compare.h"
#include "cel/utf8.h"
#include <stdio.h>

#define DEFAULT_STEPS 1000000u

/* --- errors --- */

static struct cel_value fault_value(const struct cel_fault *fault)
{
    return (struct cel_value){.kind = CEL_ERROR, .fault = fault};
}

struct cel_value cel_fail_memory(struct cel_evaluator *evaluator)
{
    static const struct cel_fault fault = {CEL_ERROR_MEMORY, 0,
                                           "the expression needs more memory than it may use"};
    if (!evaluator->fatal)
        evaluator->fatal = &fault;
    return fault_value(evaluator->fatal);
}

struct cel_value cel_fail_cost(struct cel_evaluator *evaluator)
{
    static const struct cel_fault fault = {CEL_ERROR_COST, 0,
                                           "the expression takes more steps than it may"};
    if (!evaluator->fatal)
        evaluator->fatal = &fault;
    return fault_value(evaluator->fatal);
}

static struct cel_value make_fault(struct cel_evaluator *evaluator, uint32_t offset,
                                   struct slice message)
{
    struct cel_fault *fault = arena_alloc(evaluator->arena, sizeof(*fault));
    char *text = arena_strdup(evaluator->arena, message);
    if (!fault || !text)
        return cel_fail_memory(evaluator);
    *fault = (struct cel_fault){CEL_ERROR_EVALUATION, offset, text};
    return fault_value(fault);
}

struct cel_value cel_fail(struct cel_evaluator *evaluator, const struct cel_ast *node,
                          const char *format, ...)
{
    char message[sizeof(((struct cel_error *)NULL)->message)];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 0 : (size_t)length;
    struct slice text = slice_of(message, size < sizeof(message) ? size : sizeof(message) - 1);
    return make_fault(evaluator, node->offset, slice_of(text.ptr, cel_utf8_valid_prefix(text)));
}

struct cel_value cel_fail_overload(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                   const struct cel_value *arguments)
{
    char kinds[128] = "";
    size_t length = 0;
    bool method = cel_has_receiver(node);
    for (uint32_t i = method; i < cel_argument_count(node) && length < sizeof(kinds); i++) {
        int added = snprintf(kinds + length, sizeof(kinds) - length, "%s%s", i > method ? ", " : "",
                             cel_kind_name(&arguments[i]));
        length += added > 0 ? (size_t)added : 0;
    }
    struct slice space = node->first ? node->arguments[0]->name : SLICE("");
    return cel_fail(evaluator, node, "no overload of '%.*s%s%.*s' for %s(%s)", SLICE_ARG(space),
                    node->first ? "." : "", SLICE_ARG(node->name),
                    method ? cel_kind_name(&arguments[0]) : "", kinds);
}

/* --- leaves --- */

struct cel_value cel_run_literal(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    (void)evaluator;
    return node->literal;
}

struct cel_value cel_run_slot(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    const struct cel_activation *activation = evaluator->activation;
    if (node->index >= activation->slot_count || cel_is_absent(&activation->slots[node->index]))
        return cel_fail(evaluator, node, "'%.*s' has no value here", SLICE_ARG(node->name));
    return activation->slots[node->index];
}

struct cel_value cel_run_local(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    return evaluator->locals[node->index];
}

/* The value is kept: it is evaluated once, and not at all when nobody asks. */
struct cel_value cel_run_bound(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value *local = &evaluator->locals[node->index];
    if (cel_is_absent(local))
        *local = cel_evaluate(evaluator, node->cached);
    return *local;
}

static const struct cel_value *reference_value(const struct cel_evaluator *evaluator,
                                               const struct cel_ast *node)
{
    const struct cel_activation *activation = evaluator->activation;
    if (node->index >= activation->reference_count ||
        cel_is_absent(&activation->references[node->index]))
        return NULL;
    return &activation->references[node->index];
}

struct cel_value cel_run_reference(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    const struct cel_value *value = reference_value(evaluator, node);
    if (value)
        return *value;
    struct slice member = evaluator->program->references[node->index].member;
    return cel_fail(evaluator, node, "no such key: %.*s.%.*s", SLICE_ARG(node->arguments[0]->name),
                    SLICE_ARG(member));
}

struct cel_value cel_run_reference_exists(struct cel_evaluator *evaluator,
                                          const struct cel_ast *node)
{
    return cel_bool(reference_value(evaluator, node) != NULL);
}

struct cel_value cel_run_reference_optional(struct cel_evaluator *evaluator,
                                            const struct cel_ast *node)
{
    const struct cel_value *value = reference_value(evaluator, node);
    return value ? cel_some(evaluator, value) : cel_none();
}

struct cel_value cel_run_unknown_name(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    return cel_fail(evaluator, node, "unknown name '%.*s'", SLICE_ARG(node->name));
}

struct cel_value cel_run_unknown_function(struct cel_evaluator *evaluator,
                                          const struct cel_ast *node)
{
    return cel_fail(evaluator, node, "unknown function '%.*s'", SLICE_ARG(node->name));
}

/* --- members --- */

static struct cel_value no_member(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  const struct cel_value *operand)
{
    return cel_fail(evaluator, node, "%s has no member '%.*s'", cel_kind_name(operand),
                    SLICE_ARG(node->name));
}

/* A member that need not be there, of a map or of what an optional holds. */
static struct cel_value select_optional(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                        struct cel_value operand)
{
    if (operand.kind == CEL_OPTIONAL && !operand.optional)
        return operand;
    if (operand.kind == CEL_OPTIONAL)
        operand = *operand.optional;
    if (!cel_is_map(&operand))
        return no_member(evaluator, node, &operand);
    struct cel_value key = cel_string(node->name);
    struct cel_value found;
    if (!cel_map_find(&operand, &key, &evaluator->meter, &found))
        return cel_none();
    return cel_some(evaluator, &found);
}

struct cel_value cel_run_select_optional(struct cel_evaluator *evaluator,
                                         const struct cel_ast *node)
{
    struct cel_value operand = cel_evaluate(evaluator, node->arguments[0]);
    return cel_failed(&operand) ? operand : select_optional(evaluator, node, operand);
}

struct cel_value cel_run_select(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value operand = cel_evaluate(evaluator, node->arguments[0]);
    if (cel_failed(&operand))
        return operand;
    if (operand.kind == CEL_OPTIONAL)
        return select_optional(evaluator, node, operand);
    if (!cel_is_map(&operand))
        return no_member(evaluator, node, &operand);
    struct cel_value key = cel_string(node->name);
    struct cel_value found;
    if (!cel_map_find(&operand, &key, &evaluator->meter, &found))
        return cel_fail(evaluator, node, "no such key: '%.*s'", SLICE_ARG(node->name));
    return found;
}

struct cel_value cel_run_has(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value operand = cel_evaluate(evaluator, node->arguments[0]);
    if (cel_failed(&operand))
        return operand;
    if (operand.kind == CEL_OPTIONAL && !operand.optional)
        return cel_bool(false);
    if (operand.kind == CEL_OPTIONAL)
        operand = *operand.optional;
    if (!cel_is_map(&operand))
        return cel_fail(evaluator, node, "%s has no members: has(….%.*s) needs a map",
                        cel_kind_name(&operand), SLICE_ARG(node->name));
    struct cel_value key = cel_string(node->name);
    struct cel_value found;
    return cel_bool(cel_map_find(&operand, &key, &evaluator->meter, &found));
}

/* --- calls --- */

struct cel_value cel_run_call(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value few[CEL_MAX_ARGUMENTS];
    struct cel_value *arguments = few;
    uint32_t count = cel_argument_count(node);
    if (count > ARRAY_LEN(few)) {
        arguments = arena_array(evaluator->arena, count, sizeof(*arguments));
        if (!arguments)
            return cel_fail_memory(evaluator);
    }
    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = cel_evaluate(evaluator, node->arguments[node->first + i]);
        if (cel_failed(&arguments[i]))
            return arguments[i];
        if (!node->reads_views && !cel_value_read(&arguments[i], evaluator->arena))
            return cel_fail_memory(evaluator);
    }
    return node->call(evaluator, node, arguments);
}

/* The first operand that equals `decisive` decides, whatever failed before it. */
static struct cel_value run_logic(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  bool decisive)
{
    struct cel_value failure = cel_bool(!decisive);
    for (uint32_t i = 0; i < node->argument_count; i++) {
        struct cel_value value = cel_evaluate(evaluator, node->arguments[i]);
        if (evaluator->fatal)
            return cel_fail_cost(evaluator);
        if (value.kind == CEL_BOOL && value.boolean == decisive)
            return value;
        if (value.kind == CEL_BOOL || cel_failed(&failure))
            continue;
        if (cel_failed(&value))
            failure = value;
        else
            failure = cel_fail(evaluator, node, "no overload of '%.*s' for %s: operands are bool",
                               SLICE_ARG(node->name), cel_kind_name(&value));
    }
    return failure;
}

struct cel_value cel_run_and(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    return run_logic(evaluator, node, false);
}

struct cel_value cel_run_or(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    return run_logic(evaluator, node, true);
}

struct cel_value cel_run_conditional(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value condition = cel_evaluate(evaluator, node->arguments[0]);
    if (cel_failed(&condition))
        return condition;
    if (condition.kind != CEL_BOOL)
        return cel_fail(evaluator, node, "the condition of '?:' is not a bool but %s",
                        cel_kind_name(&condition));
    return cel_evaluate(evaluator, node->arguments[condition.boolean ? 1 : 2]);
}

/* --- constructors --- */

/* What the optional of a '?' element holds, in its place, or an error; false when it holds nothing. */
static bool spread(struct cel_evaluator *evaluator, const struct cel_ast *node,
                   struct cel_value *value)
{
    if (value->kind != CEL_OPTIONAL)
        *value = cel_fail(evaluator, node, "an element with '?' must be an optional, not %s",
                          cel_kind_name(value));
    else if (!value->optional)
        return false;
    else
        *value = *value->optional;
    return true;
}

struct cel_value cel_run_list(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    struct cel_value *items =
        arena_array(evaluator->arena, node->argument_count, sizeof(struct cel_value));
    if (!items)
        return cel_fail_memory(evaluator);
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->argument_count; i++) {
        struct cel_value *item = &items[count];
        *item = cel_evaluate(evaluator, node->arguments[i]);
        if (node->arguments[i]->spread && !cel_failed(item) &&
            !spread(evaluator, node->arguments[i], item))
            continue;
        if (cel_failed(item))
            return *item;
        count++;
    }
    const struct cel_list *list = cel_list_make(evaluator->arena, items, count);
    return list ? (struct cel_value){.kind = CEL_LIST, .list = list} : cel_fail_memory(evaluator);
}

static bool can_be_key(const struct cel_value *value)
{
    return value->kind == CEL_STRING || value->kind == CEL_INT || value->kind == CEL_UINT ||
           value->kind == CEL_BOOL;
}

struct cel_value cel_run_map(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    uint32_t count = 0;
    struct cel_entry *entries =
        arena_array(evaluator->arena, node->argument_count / 2, sizeof(*entries));
    if (!entries)
        return cel_fail_memory(evaluator);
    for (uint32_t i = 0; i < node->argument_count; i += 2) {
        const struct cel_ast *key_node = node->arguments[i];
        struct cel_value *key = &entries[count].key;
        struct cel_value *value = &entries[count].value;
        *key = cel_evaluate(evaluator, key_node);
        if (cel_failed(key))
            return *key;
        if (!cel_value_read(key, evaluator->arena))
            return cel_fail_memory(evaluator);
        if (!can_be_key(key))
            return cel_fail(evaluator, key_node, "a %s cannot be the key of a map",
                            cel_kind_name(key));
        *value = cel_evaluate(evaluator, node->arguments[i + 1]);
        if (key_node->spread && !cel_failed(value) &&
            !spread(evaluator, node->arguments[i + 1], value))
            continue;
        if (cel_failed(value))
            return *value;
        count++;
    }
    uint32_t repeated = 0;
    const struct cel_map *map =
        cel_map_make(evaluator->arena, entries, count, &evaluator->meter, &repeated);
    if (!map)
        return cel_fail_memory(evaluator);
    if (repeated < count)
        return cel_fail(evaluator,
                        count == node->argument_count / 2 ? node->arguments[2 * repeated] : node,
                        "the key is in the map already");
    return (struct cel_value){.kind = CEL_MAP, .map = map};
}

/* --- entry --- */

static int fail_with(const struct cel_evaluator *evaluator, const struct cel_fault *fault,
                     struct cel_error *error)
{
    cel_error_set(error, evaluator->program->source, fault->code, fault->offset, "%s",
                  fault->message);
    return -1;
}

static int evaluate(const struct cel_program *program, const struct cel_activation *activation,
                    struct arena *arena, struct cel_value *value, struct cel_error *error)
{
    uint64_t steps = activation->budget.max_steps ? activation->budget.max_steps : DEFAULT_STEPS;
    struct cel_evaluator evaluator = {
        .program = program,
        .activation = activation,
        .arena = arena,
        .meter = {steps > INT64_MAX ? INT64_MAX : (int64_t)steps},
    };
    if (program->local_count > 0) {
        evaluator.locals = arena_array(arena, program->local_count, sizeof(struct cel_value));
        if (!evaluator.locals)
            cel_fail_memory(&evaluator);
    }
    *value = cel_absent();
    if (!evaluator.fatal)
        *value = cel_evaluate(&evaluator, program->root);
    if (!evaluator.fatal && !cel_failed(value) && !cel_value_read(value, arena))
        cel_fail_memory(&evaluator);
    if (evaluator.meter.left < 0)
        cel_fail_cost(&evaluator); /* comparisons may have used it up and given any answer */
    if (evaluator.fatal)
        return fail_with(&evaluator, evaluator.fatal, error);
    return cel_failed(value) ? fail_with(&evaluator, value->fault, error) : 0;
}

int cel_eval(const struct cel_program *program, const struct cel_activation *activation,
             struct arena *arena, struct cel_value *value, struct cel_error *error)
{
    const uint64_t most = activation->budget.max_bytes;
    const size_t cap = arena->cap_bytes;
    const struct arena_mark mark = arena_mark(arena);
    /* The budget is a lower cap, for as long as it takes. */
    if (most > 0 && (cap == 0 || most < cap - mark.used_bytes))
        arena->cap_bytes = mark.used_bytes + (size_t)most;
    const int rc = evaluate(program, activation, arena, value, error);
    arena->cap_bytes = cap;
    if (rc != 0 || value->kind == CEL_BOOL) /* what needs none of it */
        arena_rewind(arena, mark);
    if (rc != 0)
        *value = cel_absent();
    return rc;
}
