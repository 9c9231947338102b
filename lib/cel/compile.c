/* compile: from source to program, and what can be asked of one. */
#include "base/regex.h"
#include "cel/checker.h"
#include "cel/fault.h"
#include "cel/parser.h"

const struct cel_program *cel_compile_declared(struct arena *arena, struct slice source,
                                               const struct cel_declarations *declarations,
                                               struct cel_error *error)
{
    struct cel_program *program = arena_zalloc(arena, sizeof(*program));
    if (!program) {
        cel_error_no_memory(error, source);
        return NULL;
    }
    program->source = source;
    struct cel_ast *root = cel_parse(arena, source, error);
    if (!root)
        return NULL;
    program->root = root;
    if (cel_check(arena, declarations, root, program, error) == 0) {
        char text[200];
        program->type_text =
            arena_strdup(arena, slice_str(cel_type_write(root->type, text, sizeof(text))));
        if (program->type_text)
            return program;
        cel_error_no_memory(error, source);
    }
    cel_program_release(program);
    return NULL;
}

static const struct cel_type *static_type(enum cel_static_type type)
{
    switch (type) {
    case CEL_DYN:
        break;
    case CEL_STATIC_INT:
        return cel_type_of_kind(CEL_TYPE_INT);
    case CEL_STATIC_STRING:
        return cel_type_of_kind(CEL_TYPE_STRING);
    case CEL_STATIC_BOOL:
        return cel_type_of_kind(CEL_TYPE_BOOL);
    case CEL_STATIC_MAP:
        return cel_type_of_kind(CEL_TYPE_MAP);
    case CEL_STATIC_LIST:
        return cel_type_of_kind(CEL_TYPE_LIST);
    }
    return cel_type_of_kind(CEL_TYPE_DYN);
}

const struct cel_program *cel_compile(struct arena *arena, struct slice source,
                                      const struct cel_env *env, struct cel_error *error)
{
    struct cel_declared_variable *variables =
        arena_array(arena, env->variable_count, sizeof(*variables));
    if (!variables) {
        cel_error_no_memory(error, source);
        return NULL;
    }
    for (uint32_t i = 0; i < env->variable_count; i++) {
        const struct cel_variable *variable = &env->variables[i];
        const struct shape *shape = env->shapes ? env->shapes[i] : NULL;
        const struct cel_type *type =
            shape ? cel_type_of_shape(arena, shape) : static_type(variable->type);
        variables[i] =
            (struct cel_declared_variable){slice_str(variable->name), type, variable->slot, shape};
        if (!type) {
            cel_error_no_memory(error, source);
            return NULL;
        }
    }
    struct cel_declarations declarations = {
        .env = env, .variables = variables, .variable_count = env->variable_count};
    return cel_compile_declared(arena, source, &declarations, error);
}

void cel_program_release(const struct cel_program *program)
{
    if (!program)
        return;
    for (const struct cel_pattern *pattern = program->patterns; pattern; pattern = pattern->next)
        regex_free(pattern->regex);
}

/* --- questions --- */

const struct cel_reference *cel_references(const struct cel_program *program, uint32_t *count)
{
    *count = program->reference_count;
    return program->references;
}

bool cel_uses_slot(const struct cel_program *program, uint32_t slot)
{
    for (uint32_t i = 0; i < program->slot_count; i++)
        if (program->slots[i] == slot)
            return true;
    return false;
}

struct slice cel_source(const struct cel_program *program) { return program->source; }

bool cel_is_static_bool(const struct cel_program *program)
{
    return program->root->type->kind == CEL_TYPE_BOOL;
}

bool cel_is_static_non_bool(const struct cel_program *program)
{
    enum cel_type_kind kind = program->root->type->kind;
    return kind != CEL_TYPE_BOOL && kind != CEL_TYPE_DYN && kind != CEL_TYPE_VARIABLE;
}

struct slice cel_type_text(const struct cel_program *program)
{
    return slice_str(program->type_text);
}
