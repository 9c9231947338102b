/* macro_types: the checking of macros, and the names they bring. */
#include "cel/check.h"
#include "cel/evaluator.h"
#include "cel/macro_calls.h"
#include <stdio.h>

#define DYN cel_type_of_kind(CEL_TYPE_DYN)

static bool is_open(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_VARIABLE;
}

/* The types of a macro's variables. */
struct variables {
    const struct cel_type *first;
    const struct cel_type *second; /* NULL: there is one only */
};

/* Of a macro that goes through a range of that type. One variable takes elements of lists and keys of
 * maps; two take the index or key, and the element. */
static bool element_types(struct cel_checker *checker, const struct cel_ast *node,
                          const struct cel_type *range, struct variables *types)
{
    bool two = node->second.ptr != NULL;
    char name[80];
    if (!(range = cel_check_resolve(checker, range)))
        return false;
    if (range->kind == CEL_TYPE_LIST) {
        types->first = two ? cel_type_of_kind(CEL_TYPE_INT) : range->parameters[0];
        types->second = two ? range->parameters[0] : NULL;
    } else if (range->kind == CEL_TYPE_MAP) {
        types->first = range->parameters[0];
        types->second = two ? range->parameters[1] : NULL;
    } else if (is_open(range)) {
        types->first = DYN;
        types->second = two ? DYN : NULL;
    } else {
        return cel_check_fail(checker, node, "a list or a map is needed to go through, not %s",
                              cel_type_write(range, name, sizeof(name))) != NULL;
    }
    return true;
}

/* Of optMap and optFlatMap: what the optional holds. */
static bool optional_types(struct cel_checker *checker, const struct cel_ast *node,
                           const struct cel_type *optional, struct variables *types)
{
    char name[80];
    types->second = NULL;
    if (!(optional = cel_check_resolve(checker, optional)))
        return false;
    if (is_open(optional)) {
        types->first = DYN;
        return true;
    }
    if (optional->kind != CEL_TYPE_OPTIONAL)
        return cel_check_fail(checker, node, "'%s' needs an optional, not %s",
                              node->macro == CEL_MACRO_OPT_MAP ? "optMap" : "optFlatMap",
                              cel_type_write(optional, name, sizeof(name))) != NULL;
    types->first = optional->parameters[0];
    return true;
}

static bool check_condition(struct cel_checker *checker, const struct cel_ast *node)
{
    if (checker->env->disable_check ||
        cel_infer_assignable(&checker->inference, node->type, cel_type_of_kind(CEL_TYPE_BOOL)))
        return true;
    char name[80];
    const struct cel_type *type = cel_check_resolve(checker, node->type);
    if (type)
        cel_check_fail(checker, node, "the condition is not a bool but %s",
                       cel_type_write(type, name, sizeof(name)));
    return false;
}

/* The body's type, which must be of that kind when it is known. */
static const struct cel_type *body_of_kind(struct cel_checker *checker, const struct cel_ast *body,
                                           enum cel_type_kind kind)
{
    const struct cel_type *type = cel_check_resolve(checker, body->type);
    if (!type || is_open(type))
        return type ? cel_type_of_kind(kind) : NULL;
    if (type->kind == kind)
        return type;
    char name[80];
    return cel_check_fail(checker, body, "%s is needed here, not %s",
                          kind == CEL_TYPE_MAP ? "a map" : "an optional",
                          cel_type_write(type, name, sizeof(name)));
}

/* What the macro makes; its arguments are checked. */
static const struct cel_type *result_type(struct cel_checker *checker, const struct cel_ast *node,
                                          const struct variables *types)
{
    const struct cel_ast *body = node->arguments[node->argument_count - 1];
    const struct cel_type *result = NULL;
    switch (node->macro) {
    case CEL_MACRO_ALL:
    case CEL_MACRO_EXISTS:
    case CEL_MACRO_EXISTS_ONE:
    case CEL_MACRO_EXISTS_ONE_CAMEL:
        return cel_type_of_kind(CEL_TYPE_BOOL);
    case CEL_MACRO_FILTER:
        result = cel_type_list(checker->arena, types->first);
        break;
    case CEL_MACRO_MAP:
    case CEL_MACRO_TRANSFORM_LIST:
        result = cel_type_list(checker->arena, body->type);
        break;
    case CEL_MACRO_TRANSFORM_MAP:
        result = cel_type_map(checker->arena, types->first, body->type);
        break;
    case CEL_MACRO_TRANSFORM_MAP_ENTRY:
        return body_of_kind(checker, body, CEL_TYPE_MAP);
    case CEL_MACRO_OPT_MAP:
        result = cel_type_optional(checker->arena, body->type);
        break;
    case CEL_MACRO_OPT_FLAT_MAP:
        return body_of_kind(checker, body, CEL_TYPE_OPTIONAL);
    case CEL_MACRO_BIND:
    case CEL_MACRO_BLOCK:
    case CEL_MACRO_COUNT:
        return body->type;
    }
    return result ? result : cel_check_no_memory(checker);
}

/* Which of the arguments is a condition; 0: none. */
static uint32_t condition_of(const struct cel_ast *node)
{
    bool quantifier = node->macro == CEL_MACRO_ALL || node->macro == CEL_MACRO_EXISTS ||
                      node->macro == CEL_MACRO_EXISTS_ONE ||
                      node->macro == CEL_MACRO_EXISTS_ONE_CAMEL;
    return quantifier || node->macro == CEL_MACRO_FILTER || node->argument_count == 3 ? 1 : 0;
}

static uint32_t note_local(struct cel_checker *checker, uint32_t index)
{
    if (index >= checker->program->local_count)
        checker->program->local_count = index + 1;
    return index;
}

/* The elements' variable has the shape of the range's elements, that of an optional its own. */
static bool give_shapes(struct cel_checker *checker, const struct cel_ast *node,
                        struct cel_scope *variable)
{
    bool optional = node->macro == CEL_MACRO_OPT_MAP || node->macro == CEL_MACRO_OPT_FLAT_MAP;
    const struct shape *of = node->arguments[0]->shape;
    variable->shape = optional ? of : cel_shape_element(of);
    if (variable->shape)
        variable->type = cel_type_of_shape(checker->arena, variable->shape);
    return variable->type || cel_check_no_memory(checker);
}

static const struct cel_type *check_walk(struct cel_checker *checker, struct cel_ast *node)
{
    bool optional = node->macro == CEL_MACRO_OPT_MAP || node->macro == CEL_MACRO_OPT_FLAT_MAP;
    struct variables types = {NULL, NULL};
    const struct cel_type *range = cel_check_node(checker, node->arguments[0]);
    if (!range || !(optional ? optional_types(checker, node, range, &types)
                             : element_types(checker, node, range, &types)))
        return NULL;
    const struct cel_scope *outer = checker->scope;
    struct cel_scope first = {.name = node->name,
                              .type = types.first,
                              .shaped = node->arguments[0]->shaped,
                              .index = note_local(checker, outer ? outer->index + 1 : 0),
                              .outer = outer};
    struct cel_scope second = {.name = node->second,
                               .type = types.second,
                               .shaped = first.shaped,
                               .index = first.index + 1,
                               .outer = &first};
    if (!give_shapes(checker, node, types.second ? &second : &first))
        return NULL;
    node->index = first.index;
    node->run = optional ? cel_run_opt_map : cel_run_macro;
    checker->scope = &first;
    if (types.second) {
        note_local(checker, second.index);
        checker->scope = &second;
    }
    bool good = true;
    for (uint32_t i = 1; good && i < node->argument_count; i++)
        good = cel_check_node(checker, node->arguments[i]) != NULL;
    checker->scope = outer;
    uint32_t condition = condition_of(node);
    if (!good || (condition > 0 && !check_condition(checker, node->arguments[condition])))
        return NULL;
    if (node->macro == CEL_MACRO_FILTER && first.shape)
        node->shape = node->arguments[0]->shape;
    return result_type(checker, node, &types);
}

/* Names that stand for an expression. It is evaluated wherever one of them is used first, among other
 * variables than where it is written: so that its own and theirs never share a place, theirs come
 * behind all that there are so far. */
static const struct cel_type *check_names(struct cel_checker *checker, struct cel_ast *node)
{
    bool block = node->macro == CEL_MACRO_BLOCK;
    uint32_t count = node->argument_count - 1;
    const struct cel_scope *outer = checker->scope;
    struct cel_scope *scopes = arena_array(checker->arena, count, sizeof(*scopes));
    char *names = arena_array(checker->arena, count, CEL_MADE_NAME_SIZE);
    uint32_t *places = arena_array(checker->arena, count, sizeof(*places));
    if (!scopes || !names || !places)
        return cel_check_no_memory(checker);
    const struct cel_type *type = NULL;
    for (uint32_t i = 0; i < count; i++) {
        char *name = names + (size_t)i * CEL_MADE_NAME_SIZE;
        if (!(type = cel_check_node(checker, node->arguments[i])))
            break;
        (void)snprintf(name, CEL_MADE_NAME_SIZE, CEL_INDEX_NAME, i);
        places[i] = note_local(checker, checker->program->local_count);
        scopes[i] = (struct cel_scope){.name = block ? slice_str(name) : node->name,
                                       .type = type,
                                       .shape = node->arguments[i]->shape,
                                       .shaped = node->arguments[i]->shaped,
                                       .index = places[i],
                                       .bound = node->arguments[i],
                                       .outer = checker->scope};
        checker->scope = &scopes[i];
    }
    if (type || count == 0)
        type = cel_check_node(checker, node->arguments[count]);
    checker->scope = outer;
    node->shape = node->arguments[count]->shape;
    node->cached = places;
    node->run = cel_run_names;
    return type;
}

const struct cel_type *cel_check_macro(struct cel_checker *checker, struct cel_ast *node)
{
    bool names = node->macro == CEL_MACRO_BIND || node->macro == CEL_MACRO_BLOCK;
    return names ? check_names(checker, node) : check_walk(checker, node);
}
