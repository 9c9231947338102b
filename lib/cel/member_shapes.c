/* member_shapes: what shapes say of members, elements and calls. */
#include "base/suggest.h"
#include "cel/check.h"

#define DYN cel_type_of_kind(CEL_TYPE_DYN)

const struct cel_type *cel_check_shape(struct cel_checker *checker, struct cel_ast *node,
                                       const struct cel_type *type, const struct shape *shape)
{
    if (!shape || checker->env->disable_check)
        return type;
    const struct cel_type *shaped = cel_type_of_shape(checker->arena, shape);
    if (shaped && type->kind == CEL_TYPE_OPTIONAL)
        shaped = cel_type_optional(checker->arena, shaped);
    node->shape = shape;
    node->shaped = true;
    return shaped ? shaped : cel_check_no_memory(checker);
}

/* --- members --- */

enum { OFFERED_MOST = 200 }; /* each costs, and expressions are many */

static bool unknown_member(struct cel_checker *checker, const struct cel_ast *node,
                           const struct shape *object, struct slice name)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (uint32_t i = 0; i < object->member_count && i < OFFERED_MOST; i++)
        suggest_offer(&suggest, object->members[i].name);
    if (suggest.best.ptr)
        cel_check_fail(checker, node, "there is no member '%.*s' here; did you mean '%.*s'?",
                       SLICE_ARG(name), SLICE_ARG(suggest.best));
    else
        cel_check_fail(checker, node, "there is no member '%.*s' here", SLICE_ARG(name));
    return false;
}

bool cel_check_member(struct cel_checker *checker, const struct cel_ast *node,
                      const struct cel_ast *operand, struct slice name, const struct shape **shape)
{
    const struct shape *object = operand->shape;
    *shape = NULL;
    if (!object || checker->env->disable_check)
        return true;
    const struct shape_member *member = shape_find(object, name);
    if (member) {
        *shape = member->shape;
        return true;
    }
    *shape = object->rest;
    return !object->closed || unknown_member(checker, node, object, name);
}

/* --- elements --- */

const struct shape *cel_shape_element(const struct shape *list)
{
    return list && !(list->types & SHAPE_OF(JSON_OBJECT)) ? list->element : NULL;
}

const struct cel_type *cel_check_index(struct cel_checker *checker, struct cel_ast *node,
                                       const struct cel_type *type)
{
    const struct cel_ast *operand = node->arguments[0], *index = node->arguments[1];
    const struct shape *shape = NULL;
    if (!operand->shape)
        return type;
    if (index->kind != CEL_AST_LITERAL || index->literal.kind != CEL_STRING)
        shape = cel_shape_element(operand->shape);
    else if (!cel_check_member(checker, index, operand, index->literal.text, &shape))
        return NULL;
    return cel_check_shape(checker, node, type, shape);
}

/* --- calls --- */

static bool is_null(struct cel_checker *checker, const struct cel_type *type)
{
    const struct cel_type *resolved = cel_infer_resolve(&checker->inference, type);
    return resolved && resolved->kind == CEL_TYPE_NULL;
}

/* Is the type of this argument of no matter, as far as the call can be evaluated? */
static bool may_be_any(struct cel_checker *checker, const struct cel_ast *node, uint32_t argument,
                       const struct cel_type *const *types)
{
    if (node->form == CEL_FORM_CONDITIONAL)
        return argument > 0;
    return node->form == CEL_FORM_BINARY &&
           (slice_eq_str(node->name, "==") || slice_eq_str(node->name, "!=")) &&
           (is_null(checker, types[0]) || is_null(checker, types[1]));
}

bool cel_check_loosen(struct cel_checker *checker, const struct cel_ast *node,
                      const struct cel_type **types)
{
    bool loosened = false;
    for (uint32_t i = 0; i < cel_argument_count(node) && !checker->inference.failed; i++) {
        if (!node->arguments[node->first + i]->shaped)
            continue;
        const struct cel_type *type = cel_infer_resolve(&checker->inference, types[i]);
        if (!type)
            return false;
        if (may_be_any(checker, node, i, types))
            types[i] = DYN;
        else if (type->kind == CEL_TYPE_LIST || type->kind == CEL_TYPE_MAP ||
                 type->kind == CEL_TYPE_OPTIONAL)
            types[i] = cel_type_of_kind(type->kind);
        else
            continue;
        loosened = true;
    }
    return loosened;
}
