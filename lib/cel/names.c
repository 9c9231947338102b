/* names: variables, qualified names, types as names, members of namespaces. */
#include "base/suggest.h"
#include "cel/check.h"
#include "cel/evaluator.h"

/* --- what there is --- */

static const struct cel_scope *find_local(const struct cel_checker *checker, struct slice name)
{
    for (const struct cel_scope *scope = checker->scope; scope; scope = scope->outer)
        if (slice_eq(scope->name, name))
            return scope;
    return NULL;
}

bool cel_check_is_local(const struct cel_checker *checker, const struct cel_ast *node)
{
    return node->kind == CEL_AST_NAME && !node->rooted && find_local(checker, node->name);
}

static const struct cel_declared_variable *find_variable(const struct cel_checker *checker,
                                                         struct slice name)
{
    const struct cel_declarations *declarations = checker->declarations;
    for (uint32_t i = 0; i < declarations->variable_count; i++)
        if (slice_eq(declarations->variables[i].name, name))
            return &declarations->variables[i];
    return NULL;
}

bool cel_check_is_variable(const struct cel_checker *checker, const struct cel_ast *node)
{
    return node->kind == CEL_AST_NAME && find_variable(checker, node->name);
}

static const struct cel_namespace *find_namespace(const struct cel_checker *checker,
                                                  const struct cel_ast *node)
{
    if (node->kind != CEL_AST_NAME || cel_check_is_local(checker, node))
        return NULL;
    for (uint32_t i = 0; i < checker->env->namespace_count; i++)
        if (slice_eq_str(node->name, checker->env->namespaces[i].name))
            return &checker->env->namespaces[i];
    return NULL;
}

/* --- unknown names --- */

static void *unknown_name(struct cel_checker *checker, const struct cel_ast *node)
{
    const struct cel_env *env = checker->env;
    for (uint32_t i = 0; i < env->hint_count; i++)
        if (slice_eq_str(node->name, env->hints[i].name))
            return cel_check_fail(checker, node, "%s", env->hints[i].why);
    struct suggest suggest;
    suggest_init(&suggest, node->name);
    for (const struct cel_scope *scope = checker->scope; scope; scope = scope->outer)
        if (*scope->name.ptr != '@') /* nobody can write that */
            suggest_offer(&suggest, scope->name);
    for (uint32_t i = 0; i < checker->declarations->variable_count; i++)
        suggest_offer(&suggest, checker->declarations->variables[i].name);
    for (uint32_t i = 0; i < env->namespace_count; i++)
        suggest_offer(&suggest, slice_str(env->namespaces[i].name));
    if (suggest.best.ptr)
        return cel_check_fail(checker, node, "unknown name '%.*s'; did you mean '%.*s'?",
                              SLICE_ARG(node->name), SLICE_ARG(suggest.best));
    return cel_check_fail(checker, node, "unknown name '%.*s'", SLICE_ARG(node->name));
}

/* --- variables --- */

static bool note_slot(struct cel_checker *checker, uint32_t slot)
{
    struct cel_program *program = checker->program;
    for (uint32_t i = 0; i < program->slot_count; i++)
        if (program->slots[i] == slot)
            return true;
    if (program->slot_count == program->slot_size) {
        uint32_t size = program->slot_size ? program->slot_size * 2 : 8;
        uint32_t *slots = arena_array(checker->arena, size, sizeof(*slots));
        if (!slots)
            return cel_check_no_memory(checker) != NULL;
        if (program->slot_count > 0)
            memcpy(slots, program->slots, program->slot_count * sizeof(*slots));
        program->slots = slots;
        program->slot_size = size;
    }
    program->slots[program->slot_count++] = slot;
    return true;
}

static const struct cel_type *use_variable(struct cel_checker *checker, struct cel_ast *node,
                                           const struct cel_declared_variable *variable)
{
    if (!note_slot(checker, variable->slot))
        return NULL;
    node->run = cel_run_slot;
    node->index = variable->slot;
    node->shape = checker->env->disable_check ? NULL : variable->shape;
    node->shaped = node->shape != NULL;
    return variable->type;
}

static const struct cel_type *use_type(struct cel_checker *checker, struct cel_ast *node,
                                       const struct cel_type *type)
{
    node->run = cel_run_literal;
    node->literal = (struct cel_value){.kind = CEL_TYPE, .type = type};
    const struct cel_type *of = cel_type_type(checker->arena, type);
    return of ? of : cel_check_no_memory(checker);
}

/* A variable or type of that full name, looked for in the container and those around it, innermost
 * first, unless the name is rooted. NULL without an error when there is none: *failed tells. */
static const struct cel_type *use_full_name(struct cel_checker *checker, struct cel_ast *node,
                                            struct slice name, bool rooted, bool *found)
{
    struct slice container = slice_str(checker->env->container);
    size_t prefix = rooted || !container.ptr ? 0 : container.len;
    *found = true;
    for (;;) {
        struct slice candidate = name;
        if (prefix > 0) {
            char *text = arena_alloc(checker->arena, prefix + 1 + name.len);
            if (!text)
                return cel_check_no_memory(checker);
            memcpy(text, container.ptr, prefix);
            text[prefix] = '.';
            memcpy(text + prefix + 1, name.ptr, name.len);
            candidate = slice_of(text, prefix + 1 + name.len);
        }
        const struct cel_declared_variable *variable = find_variable(checker, candidate);
        if (variable)
            return use_variable(checker, node, variable);
        const struct cel_type *type = cel_type_by_name(candidate);
        if (type)
            return use_type(checker, node, type);
        if (prefix == 0)
            break;
        while (prefix > 0 && container.ptr[--prefix] != '.')
            ;
    }
    *found = false;
    return NULL;
}

const struct cel_type *cel_check_name(struct cel_checker *checker, struct cel_ast *node)
{
    const struct cel_scope *local = node->rooted ? NULL : find_local(checker, node->name);
    if (local) {
        node->run = local->bound ? cel_run_bound : cel_run_local;
        node->index = local->index;
        node->cached = local->bound;
        if (local->bound)
            node->depth = local->bound->depth + 1;
        node->shape = local->shape;
        node->shaped = local->shaped;
        return local->type;
    }
    bool found = false;
    const struct cel_type *type = use_full_name(checker, node, node->name, node->rooted, &found);
    if (found)
        return type;
    if (find_namespace(checker, node))
        return cel_check_fail(checker, node,
                              "'%.*s' can only be used with a constant member: %.*s.name, "
                              "%.*s[\"name\"], has(%.*s.name), 'name' in %.*s",
                              SLICE_ARG(node->name), SLICE_ARG(node->name), SLICE_ARG(node->name),
                              SLICE_ARG(node->name), SLICE_ARG(node->name));
    if (!checker->env->disable_check)
        return unknown_name(checker, node);
    node->run = cel_run_unknown_name;
    return cel_type_of_kind(CEL_TYPE_DYN);
}

/* --- qualified names --- */

/* Length of "a.b.c" when the node is nothing but names, else 0; *root gets the first. */
static size_t qualified_length(const struct cel_ast *node, const struct cel_ast **root)
{
    size_t length = node->name.len;
    while (node->kind == CEL_AST_SELECT && !node->test && !node->optional) {
        node = node->arguments[0];
        length += 1 + node->name.len;
    }
    *root = node;
    return node->kind == CEL_AST_NAME ? length : 0;
}

static void write_qualified(const struct cel_ast *node, char *end)
{
    for (;;) {
        end -= node->name.len;
        memcpy(end, node->name.ptr, node->name.len);
        if (node->kind == CEL_AST_NAME)
            return;
        *--end = '.';
        node = node->arguments[0];
    }
}

/* --- references --- */

/* a.b, has(a.b), a.?b */
enum reference_use { VALUE, EXISTS, OPTIONAL };

static const struct cel_type *reference_type(struct cel_checker *checker, struct cel_ast *node,
                                             const struct cel_reference *reference,
                                             enum reference_use use)
{
    const struct cel_env *env = checker->env;
    const struct cel_type *type = cel_type_of_kind(CEL_TYPE_DYN);
    switch (use) {
    case VALUE:
        node->run = cel_run_reference;
        break;
    case EXISTS:
        node->run = cel_run_reference_exists;
        return cel_type_of_kind(CEL_TYPE_BOOL);
    case OPTIONAL:
        node->run = cel_run_reference_optional;
        if (!(type = cel_type_optional(checker->arena, type)))
            return cel_check_no_memory(checker);
        break;
    }
    const struct shape *shape =
        env->member_shape
            ? env->member_shape(env->shape_context, reference->namespace_id, reference->member)
            : NULL;
    return cel_check_shape(checker, node, type, shape);
}

static const struct cel_type *use_reference(struct cel_checker *checker, struct cel_ast *node,
                                            const struct cel_namespace *space, struct slice member,
                                            enum reference_use use)
{
    struct cel_program *program = checker->program;
    uint32_t at = 0;
    while (at < program->reference_count && (program->references[at].namespace_id != space->id ||
                                             !slice_eq(program->references[at].member, member)))
        at++;
    if (at == program->reference_size) {
        uint32_t size = at ? at * 2 : 4;
        struct cel_reference *references = arena_array(checker->arena, size, sizeof(*references));
        if (!references)
            return cel_check_no_memory(checker);
        if (at > 0)
            memcpy(references, program->references, at * sizeof(*references));
        program->references = references;
        program->reference_size = size;
    }
    if (at == program->reference_count) {
        struct slice copy = arena_copy(checker->arena, member);
        if (!copy.ptr)
            return cel_check_no_memory(checker);
        program->references[program->reference_count++] =
            (struct cel_reference){space->id, copy, node->offset, false};
    }
    program->references[at].required |= use == VALUE;
    node->index = at;
    return reference_type(checker, node, &program->references[at], use);
}

const struct cel_type *cel_check_qualified(struct cel_checker *checker, struct cel_ast *node,
                                           bool *done)
{
    const struct cel_ast *root = NULL;
    *done = true;
    size_t length = qualified_length(node, &root);
    if (!node->test && length > 0 && !cel_check_is_local(checker, root)) {
        char *text = arena_alloc(checker->arena, length);
        if (!text)
            return cel_check_no_memory(checker);
        write_qualified(node, text + length);
        bool found = false;
        const struct cel_type *type =
            use_full_name(checker, node, slice_of(text, length), root->rooted, &found);
        if (found)
            return type;
    }
    const struct cel_namespace *space = find_namespace(checker, node->arguments[0]);
    if (space)
        return use_reference(checker, node, space, node->name,
                             node->test       ? EXISTS
                             : node->optional ? OPTIONAL
                                              : VALUE);
    *done = false;
    return NULL;
}

const struct cel_type *cel_check_namespace_operator(struct cel_checker *checker,
                                                    struct cel_ast *node, bool *done)
{
    bool index = node->form == CEL_FORM_INDEX;
    bool in = node->form == CEL_FORM_BINARY && slice_eq_str(node->name, "in");
    *done = false;
    if (!index && !in)
        return NULL;
    const struct cel_ast *space_node = node->arguments[index ? 0 : 1];
    const struct cel_ast *member = node->arguments[index ? 1 : 0];
    const struct cel_namespace *space = find_namespace(checker, space_node);
    if (!space)
        return NULL;
    *done = true;
    if (member->kind != CEL_AST_LITERAL || member->literal.kind != CEL_STRING)
        return cel_check_fail(checker, member,
                              "the member of '%s' must be a constant string, as in %s", space->name,
                              index ? "[\"name\"]" : "'name' in …");
    return use_reference(checker, node, space, member->literal.text,
                         in                                ? EXISTS
                         : slice_eq_str(node->name, "[?]") ? OPTIONAL
                                                           : VALUE);
}
