/* calls: functions and operators. */
#include "base/regex.h"
#include "base/suggest.h"
#include "cel/check.h"
#include "cel/evaluator.h"
#include "cel/library.h"
#include "cel/syntax.h"
#include "cel/zone.h"
#include <stdio.h>

#define DYN cel_type_of_kind(CEL_TYPE_DYN)

/* The types of all arguments that are values, in the arena; NULL on error. */
static const struct cel_type **check_arguments(struct cel_checker *checker, struct cel_ast *node)
{
    const struct cel_type **types =
        arena_array(checker->arena, node->argument_count, sizeof(const struct cel_type *));
    if (!types)
        return cel_check_no_memory(checker);
    for (uint32_t i = 0; i < cel_argument_count(node); i++) {
        types[i] = cel_check_node(checker, node->arguments[node->first + i]);
        if (!types[i])
            return NULL;
    }
    return types;
}

/* --- messages --- */

#define NAME_SIZE 80

/* The function's name, with the namespace it is called by. Returns out. */
static const char *full_name(const struct cel_ast *node, char out[NAME_SIZE])
{
    struct slice space = node->first ? node->arguments[0]->name : SLICE("");
    (void)snprintf(out, NAME_SIZE, "%.*s%s%.*s", SLICE_ARG(space), node->first ? "." : "",
                   SLICE_ARG(node->name));
    return out;
}

static void *no_overload(struct cel_checker *checker, const struct cel_ast *node,
                         const struct cel_type *const *types)
{
    char text[160] = "";
    char function[NAME_SIZE];
    size_t length = 0;
    uint32_t count = cel_argument_count(node);
    bool method = cel_has_receiver(node);
    for (uint32_t i = 0; i < count && length < sizeof(text); i++) {
        char name[80];
        const struct cel_type *type = cel_infer_resolve(&checker->inference, types[i]);
        if (!type)
            return cel_check_no_memory(checker);
        const char *before = i == method ? "(" : i > method ? ", " : "";
        int added = snprintf(text + length, sizeof(text) - length, "%s%s", before,
                             cel_type_write(type, name, sizeof(name)));
        length += added > 0 ? (size_t)added : 0;
    }
    return cel_check_fail(checker, node, "no overload of '%s' for %s%s", full_name(node, function),
                          text, method && count == 1 ? "()" : ")");
}

/* Offers what a function or macro called like this may have been meant to be. */
static void offer_functions(struct suggest *suggest, struct slice name)
{
    const struct cel_library_row *row = NULL;
    for (size_t i = 0; (row = cel_library_at(i)) != NULL; i++) {
        const char *dot = strchr(row->name, '.');
        if (dot && slice_eq_str(name, dot + 1)) { /* only its namespace is missing */
            suggest->best = slice_str(row->name);
            return;
        }
        if (row->name[0] >= 'a' && row->name[0] <= 'z')
            suggest_offer(suggest, slice_str(row->name));
    }
    static const char *const macros[] = {
#define X(macro, text, ...) text,
        CEL_MACROS(X)
#undef X
            "has"};
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        suggest_offer(suggest, slice_str(macros[i]));
}

static void *unknown_function(struct cel_checker *checker, const struct cel_ast *node)
{
    char name[NAME_SIZE];
    struct suggest suggest;
    full_name(node, name);
    suggest_init(&suggest, slice_str(name));
    offer_functions(&suggest, slice_str(name));
    if (suggest.best.ptr)
        return cel_check_fail(checker, node, "unknown function '%s'; did you mean '%.*s'?", name,
                              SLICE_ARG(suggest.best));
    return cel_check_fail(checker, node, "unknown function '%s'", name);
}

/* A macro's name with the wrong number of arguments, or not on a value. */
static void *misused_macro(struct cel_checker *checker, const struct cel_ast *node,
                           enum cel_macro macro)
{
    static const char *const usages[] = {
#define X(macro, text, usage, ...) usage,
        CEL_MACROS(X)
#undef X
    };
    return cel_check_fail(checker, node, "'%.*s' is written as %s", SLICE_ARG(node->name),
                          usages[macro]);
}

/* What the signatures of a row have in common with the call: its numbers of arguments, its form. */
struct arity {
    bool count_fits;
    bool form_fits;       /* with that count */
    uint32_t least, most; /* without the receiver, of the call's form; most 0 and least 1: none */
};

/* Parameters of the signature, whose ':' *at gets. */
static uint32_t count_parameters(const char **at, bool *method, bool *repeats)
{
    uint32_t parameters = 0;
    *method = false;
    *repeats = false;
    for (; **at != ':'; ++*at) {
        if (**at == '.')
            *method = true;
        else if (**at == '+')
            *repeats = true;
        else if (**at == 'm')
            parameters--; /* map(X, Y) is two letters behind the m */
        else if (!strchr("lTo~!", **at))
            parameters++;
    }
    return parameters;
}

static struct arity arity_of(const char *signatures, bool method, uint32_t count)
{
    struct arity arity = {.least = UINT32_MAX};
    for (const char *at = signatures; *at;) {
        bool is_method = false;
        bool repeats = false;
        uint32_t parameters = count_parameters(&at, &is_method, &repeats);
        at += strcspn(at, " ");
        at += strspn(at, " ");
        if (is_method != method)
            continue;
        arity.form_fits = true;
        arity.count_fits |= repeats ? count >= parameters : count == parameters;
        uint32_t visible = parameters - is_method;
        if (visible < arity.least)
            arity.least = visible;
        if (repeats || visible > arity.most)
            arity.most = repeats ? UINT32_MAX : visible;
    }
    return arity;
}

/* False after an error about the form or the number of arguments. */
static bool check_arity(struct cel_checker *checker, const struct cel_ast *node,
                        const struct cel_library_row *row)
{
    bool method = cel_has_receiver(node);
    uint32_t count = cel_argument_count(node);
    struct arity arity = arity_of(row->signatures, method, count);
    if (arity.count_fits)
        return true;
    if (!arity.form_fits) {
        cel_check_fail(checker, node, "'%s' is called as %s", row->name,
                       method ? "a function, with the value as its argument: f(value)"
                              : "a method of a value: value.f(…)");
        return false;
    }
    char wanted[32];
    if (arity.least == arity.most)
        (void)snprintf(wanted, sizeof(wanted), "%u", arity.least);
    else if (arity.most == UINT32_MAX)
        (void)snprintf(wanted, sizeof(wanted), "%u or more", arity.least);
    else
        (void)snprintf(wanted, sizeof(wanted), "%u to %u", arity.least, arity.most);
    cel_check_fail(checker, node, "wrong number of arguments for '%s': takes %s, got %u", row->name,
                   wanted, count - method);
    return false;
}

/* --- what can be done once --- */

static bool cache_pattern(struct cel_checker *checker, struct cel_ast *node, struct slice pattern)
{
    struct cel_pattern *entry = arena_alloc(checker->arena, sizeof(*entry));
    void *regex = NULL;
    char message[160];
    if (!entry)
        return cel_check_no_memory(checker) != NULL;
    switch (regex_compile(pattern.ptr, pattern.len, &regex, message, sizeof(message))) {
    case REGEX_NO_MEMORY:
        return cel_check_no_memory(checker) != NULL;
    case REGEX_INVALID:
        if (checker->env->disable_check)
            return true; /* fails when evaluated */
        return cel_check_fail(checker, node->arguments[1], "invalid regular expression: %s",
                              message) != NULL;
    case REGEX_OK:
        break;
    }
    *entry = (struct cel_pattern){regex, checker->program->patterns};
    checker->program->patterns = entry;
    node->cached = regex;
    return true;
}

static bool cache_zone(struct cel_checker *checker, struct cel_ast *node, struct slice name)
{
    const struct cel_zone *zone = NULL;
    switch (cel_zone_load(checker->arena, name, &zone)) {
    case CEL_ZONE_NO_MEMORY:
        return cel_check_no_memory(checker) != NULL;
    case CEL_ZONE_UNKNOWN: /* here; the machine that evaluates may know it */
        return true;
    case CEL_ZONE_OK:
        break;
    }
    node->cached = zone;
    return true;
}

static bool cache_constants(struct cel_checker *checker, struct cel_ast *node)
{
    if (node->first || node->argument_count != 2 || node->arguments[1]->kind != CEL_AST_LITERAL ||
        node->arguments[1]->literal.kind != CEL_STRING)
        return true;
    struct slice text = node->arguments[1]->literal.text;
    if (slice_eq_str(node->name, "matches"))
        return cache_pattern(checker, node, text);
    if (node->form == CEL_FORM_METHOD && node->name.len > 3 &&
        memcmp(node->name.ptr, "get", 3) == 0)
        return cache_zone(checker, node, text);
    return true;
}

/* --- declared functions (checked only) --- */

static const struct cel_type *instantiate(struct cel_checker *checker, const struct cel_type *type,
                                          const struct cel_type **variables)
{
    if (type->kind == CEL_TYPE_VARIABLE)
        return variables[type->id];
    const struct cel_type *parameters[CEL_MAX_TYPE_PARAMETERS] = {NULL};
    for (uint32_t i = 0; i < type->count; i++)
        parameters[i] = instantiate(checker, type->parameters[i], variables);
    return type->count > 0 ? cel_type_with(checker->arena, type, parameters) : type;
}

static const struct cel_type *try_declared(struct cel_checker *checker,
                                           const struct cel_declared_function *function,
                                           const struct cel_type *const *types)
{
    const struct cel_type *variables[CEL_MAX_TYPE_PARAMETERS] = {NULL};
    for (uint32_t i = 0; i < function->variables; i++) {
        variables[i] = cel_infer_fresh(&checker->inference);
        if (!variables[i])
            return NULL;
    }
    for (uint32_t i = 0; i < function->count; i++) {
        const struct cel_type *parameter = instantiate(checker, function->parameters[i], variables);
        if (!parameter || !cel_infer_assignable(&checker->inference, types[i], parameter))
            return NULL;
    }
    const struct cel_type *result = instantiate(checker, function->result, variables);
    return result ? cel_infer_resolve(&checker->inference, result) : NULL;
}

static const struct cel_type *check_declared(struct cel_checker *checker, struct cel_ast *node,
                                             bool *known)
{
    const struct cel_declarations *declarations = checker->declarations;
    const struct cel_type **types = NULL;
    *known = false;
    for (uint32_t i = 0; i < declarations->function_count; i++) {
        const struct cel_declared_function *function = &declarations->functions[i];
        if (!slice_eq(function->name, node->name))
            continue;
        *known = true;
        if (!types)
            types = check_arguments(checker, node);
        if (!types)
            return NULL;
        if (function->count != node->argument_count ||
            function->method != (node->form == CEL_FORM_METHOD))
            continue;
        uint32_t mark = cel_infer_mark(&checker->inference);
        const struct cel_type *result = try_declared(checker, function, types);
        if (result) {
            node->run = cel_run_unknown_function;
            return result;
        }
        cel_infer_undo(&checker->inference, mark);
    }
    return *known ? no_overload(checker, node, types) : NULL;
}

/* --- signatures --- */

/* What the call gives, by the signatures; NULL on error. */
static const struct cel_type *infer(struct cel_checker *checker, const struct cel_ast *node,
                                    const char *signatures, const struct cel_type **types)
{
    const uint32_t count = cel_argument_count(node);
    const bool method = cel_has_receiver(node);
    struct cel_inference *inference = &checker->inference;
    const struct cel_type *type = cel_infer_call(inference, signatures, method, types, count);
    const struct cel_type *loose[] = {NULL, NULL, NULL, NULL};
    if (!type && !inference->failed && count <= ARRAY_LEN(loose)) {
        for (uint32_t i = 0; i < count; i++)
            loose[i] = types[i];
        if (cel_check_loosen(checker, node, loose))
            type = cel_infer_call(inference, signatures, method, loose, count);
    }
    if (type)
        return type;
    return inference->failed ? cel_check_no_memory(checker) : no_overload(checker, node, types);
}

/* --- logic --- */

static const struct cel_type *check_logic(struct cel_checker *checker, struct cel_ast *node)
{
    const struct cel_type **types = check_arguments(checker, node);
    if (!types)
        return NULL;
    const struct cel_type *boolean = cel_type_of_kind(CEL_TYPE_BOOL);
    node->run = slice_eq_str(node->name, "&&") ? cel_run_and : cel_run_or;
    for (uint32_t i = 0; i < node->argument_count && !checker->env->disable_check; i++) {
        char name[80];
        if (cel_infer_assignable(&checker->inference, types[i], boolean))
            continue;
        const struct cel_type *type = cel_infer_resolve(&checker->inference, types[i]);
        if (!type)
            return cel_check_no_memory(checker);
        return cel_check_fail(checker, node->arguments[i],
                              "no overload of '%.*s' for %s: operands are bool",
                              SLICE_ARG(node->name), cel_type_write(type, name, sizeof(name)));
    }
    return boolean;
}

static const struct cel_type *check_conditional(struct cel_checker *checker, struct cel_ast *node)
{
    const struct cel_type **types = check_arguments(checker, node);
    if (!types)
        return NULL;
    node->run = cel_run_conditional;
    if (checker->env->disable_check)
        return DYN;
    const struct cel_type *result = infer(checker, node, "bAA:A", types);
    if (result && node->arguments[1]->shape == node->arguments[2]->shape &&
        result->kind != CEL_TYPE_DYN)
        node->shape = node->arguments[1]->shape;
    return result;
}

/* --- entry --- */

static bool is_operator(const struct cel_ast *node)
{
    return node->form != CEL_FORM_FUNCTION && node->form != CEL_FORM_METHOD;
}

/* The row of the function; node->first is set when it is one of a namespace. A variable of a macro
 * hides the namespace of its name. */
static const struct cel_library_row *find_row(const struct cel_checker *checker,
                                              struct cel_ast *node)
{
    const struct cel_ast *space = node->form == CEL_FORM_METHOD ? node->arguments[0] : NULL;
    if (!space || space->kind != CEL_AST_NAME || cel_check_is_local(checker, space) ||
        !cel_library_has_space(space->name))
        return cel_library_find(node->name);
    const struct cel_library_row *row = cel_library_find_in(space->name, node->name);
    if (!row && cel_check_is_variable(checker, space))
        return cel_library_find(node->name);
    node->first = 1;
    return row;
}

static const struct cel_type *check_unknown(struct cel_checker *checker, struct cel_ast *node)
{
    if (checker->env->disable_check) {
        /* The arguments are resolved, so that the tree is whole, but never evaluated. */
        node->run = cel_run_unknown_function;
        return check_arguments(checker, node) ? DYN : NULL;
    }
    enum cel_macro macro = cel_macro_of_call(node);
    return macro != CEL_MACRO_COUNT ? misused_macro(checker, node, macro)
                                    : unknown_function(checker, node);
}

const struct cel_type *cel_check_call(struct cel_checker *checker, struct cel_ast *node)
{
    bool done = false;
    const struct cel_type *type = cel_check_namespace_operator(checker, node, &done);
    if (done)
        return type;
    if (node->form == CEL_FORM_LOGIC)
        return check_logic(checker, node);
    if (node->form == CEL_FORM_CONDITIONAL)
        return check_conditional(checker, node);
    type = check_declared(checker, node, &done);
    if (done)
        return type;
    const struct cel_library_row *row = find_row(checker, node);
    if (!row)
        return check_unknown(checker, node);
    bool unchecked = checker->env->disable_check;
    if (!is_operator(node) && !check_arity(checker, node, row))
        return NULL;
    const struct cel_type **types = check_arguments(checker, node);
    if (!types || !cache_constants(checker, node))
        return NULL;
    node->run = row->run ? row->run : cel_run_call;
    node->call = row->call;
    node->reads_views = row->reads_views;
    if (unchecked)
        return DYN;
    type = infer(checker, node, row->signatures, types);
    return type && node->form == CEL_FORM_INDEX ? cel_check_index(checker, node, type) : type;
}
