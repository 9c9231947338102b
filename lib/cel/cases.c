#include "cel/cases.h"
#include "cel/calendar.h"
#include "cel/case_value.h"
#include "cel/checker.h"
#include "cel/fault.h"
#include "cel/inference.h"
#include "cel/program.h"
#include <stdlib.h>

#define MAX_PROFILES 8u
#define MAX_CASE_BYTES (64u * 1024u * 1024u) /* of memory for one case */

struct profile {
    char name[32];
    unsigned passed;
    unsigned failed;
};

struct runner {
    FILE *out;
    struct profile profiles[MAX_PROFILES];
    uint32_t profile_count;
};

/* One case while it runs. */
struct conformance_case {
    struct arena *arena;
    struct json_ref json;
    struct cel_declared_variable *variables;
    uint32_t variable_count;
    struct cel_declared_function *functions;
    uint32_t function_count;
    struct cel_value *slots; /* parallel to variables; absent without a binding */
};

enum outcome { PASSED, FAILED, BROKEN };

static struct slice text_of(const struct conformance_case *now, struct json_ref ref)
{
    return json_present(ref) && json_type(ref) == JSON_STRING ? json_string(ref, now->arena)
                                                              : SLICE_NONE;
}

static struct json_ref member(struct json_ref object, const char *name)
{
    return json_present(object) && json_type(object) == JSON_OBJECT
               ? json_member(object, slice_str(name))
               : JSON_NONE;
}

static bool flag(const struct conformance_case *now, const char *name)
{
    struct json_ref ref = member(now->json, name);
    return json_present(ref) && json_type(ref) == JSON_BOOL && json_bool(ref);
}

/* --- declarations --- */

static bool read_function(struct conformance_case *now, struct slice name, struct json_ref overload)
{
    struct cel_type_names names = {0};
    struct json_ref parameters = member(overload, "params");
    struct json_ref instance = member(overload, "instance");
    uint32_t count = json_present(parameters) ? json_count(parameters) : 0;
    const struct cel_type **types = arena_array(now->arena, count, sizeof(const struct cel_type *));
    if (!types)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        types[i] = cel_case_type(now->arena, json_element(parameters, i), &names);
        if (!types[i])
            return false;
    }
    const struct cel_type *result = cel_case_type(now->arena, member(overload, "result"), &names);
    if (!result)
        return false;
    now->functions[now->function_count++] = (struct cel_declared_function){
        .name = name,
        .method = json_present(instance) && json_bool(instance),
        .count = count,
        .parameters = types,
        .result = result,
        .variables = names.count,
    };
    return true;
}

static bool read_declaration(struct conformance_case *now, struct json_ref entry)
{
    struct slice name = text_of(now, member(entry, "name"));
    struct json_ref overloads = member(entry, "overloads");
    if (!name.ptr)
        return false;
    if (json_present(overloads)) {
        struct json_iter it = json_iter(overloads);
        while (json_next(&it))
            if (!read_function(now, name, it.value))
                return false;
        return true;
    }
    struct cel_type_names names = {0};
    const struct cel_type *type = cel_case_type(now->arena, member(entry, "type"), &names);
    if (!type)
        return false;
    now->variables[now->variable_count] =
        (struct cel_declared_variable){name, type, now->variable_count, NULL};
    now->variable_count++;
    return true;
}

/* A binding gives a declared variable its value; one that is not declared is dyn. */
static bool read_binding(struct conformance_case *now, struct slice name, struct json_ref value)
{
    uint32_t at = 0;
    while (at < now->variable_count && !slice_eq(now->variables[at].name, name))
        at++;
    if (at == now->variable_count)
        now->variables[now->variable_count++] =
            (struct cel_declared_variable){name, cel_type_of_kind(CEL_TYPE_DYN), at, NULL};
    return cel_case_value(now->arena, value, &now->slots[at]);
}

static uint32_t count_of(struct json_ref ref) { return json_present(ref) ? json_count(ref) : 0; }

static bool read_environment(struct conformance_case *now)
{
    struct json_ref declarations = member(now->json, "type_env");
    struct json_ref bindings = member(now->json, "bindings");
    uint32_t variables = count_of(declarations) + count_of(bindings);
    uint32_t functions = 0;
    for (uint32_t i = 0; i < count_of(declarations); i++)
        functions += count_of(member(json_element(declarations, i), "overloads"));
    now->variables = arena_array(now->arena, variables, sizeof(*now->variables));
    now->functions = arena_array(now->arena, functions, sizeof(*now->functions));
    now->slots = arena_array(now->arena, variables, sizeof(*now->slots));
    if (!now->variables || !now->functions || !now->slots)
        return false;
    for (uint32_t i = 0; i < variables; i++)
        now->slots[i] = cel_absent();
    for (uint32_t i = 0; i < count_of(declarations); i++)
        if (!read_declaration(now, json_element(declarations, i)))
            return false;
    if (!json_present(bindings))
        return true;
    struct json_iter it = json_iter(bindings);
    while (json_next(&it)) {
        struct slice name = text_of(now, it.key);
        if (!name.ptr || !read_binding(now, name, it.value))
            return false;
    }
    return true;
}

/* --- running --- */

static void report(const struct runner *runner, const struct conformance_case *now,
                   const char *what, struct slice detail)
{
    struct slice id = text_of(now, member(now->json, "id"));
    struct slice source = text_of(now, member(now->json, "expr"));
    fprintf(runner->out, "FAIL %.*s: %.*s: %s%.*s\n", SLICE_ARG(id), SLICE_ARG(source), what,
            SLICE_ARG(detail));
}

static void report_value(const struct runner *runner, const struct conformance_case *now,
                         const char *what, const struct cel_value *value)
{
    struct buf buf;
    buf_init(&buf, 4096);
    struct cel_error error;
    if (cel_write_json(&buf, value, &error) != 0)
        buf_str(&buf, cel_kind_name(value));
    report(runner, now, what, buf_slice(&buf));
    buf_free(&buf);
}

static enum outcome check_type(const struct runner *runner, const struct conformance_case *now,
                               const struct cel_program *program, struct json_ref expected)
{
    struct cel_type_names names = {0};
    const struct cel_type *type = cel_case_type(now->arena, expected, &names);
    if (!type)
        return BROKEN;
    char wanted[200];
    if (slice_eq_str(cel_type_text(program), cel_type_write(type, wanted, sizeof(wanted))))
        return PASSED;
    report(runner, now, "got type ", cel_type_text(program));
    return FAILED;
}

static enum outcome check_value(const struct runner *runner, const struct conformance_case *now,
                                const struct cel_program *program, struct json_ref expected)
{
    struct cel_activation activation = {.slots = now->slots, .slot_count = now->variable_count};
    struct cel_value value;
    struct cel_value wanted;
    struct cel_error error;
    if (json_present(expected) && !cel_case_value(now->arena, expected, &wanted))
        return BROKEN;
    if (cel_eval(program, &activation, now->arena, &value, &error) != 0) {
        if (!json_present(expected))
            return PASSED;
        report(runner, now, "error: ", slice_str(error.message));
        return FAILED;
    }
    if (json_present(expected) && cel_case_same(&value, &wanted))
        return PASSED;
    report_value(runner, now, json_present(expected) ? "got " : "wanted an error, got ", &value);
    return FAILED;
}

static enum outcome check_program(const struct runner *runner, const struct conformance_case *now,
                                  const struct cel_program *program)
{
    struct json_ref expect = member(now->json, "expect");
    struct json_ref type = member(expect, "type");
    struct json_ref value = member(expect, "value");
    enum outcome outcome = PASSED;
    if (json_present(type))
        outcome = check_type(runner, now, program, type);
    if (outcome != PASSED || flag(now, "check_only"))
        return outcome;
    if (!json_present(value) && !json_present(member(expect, "error")))
        return BROKEN;
    return check_value(runner, now, program, value);
}

static enum outcome run_case(const struct runner *runner, struct conformance_case *now)
{
    struct slice source = text_of(now, member(now->json, "expr"));
    struct slice container = text_of(now, member(now->json, "container"));
    if (!source.ptr || !read_environment(now))
        return BROKEN;
    struct cel_env env = {.disable_check = flag(now, "disable_check")};
    if (container.ptr) {
        env.container = arena_strdup(now->arena, container);
        if (!env.container)
            return BROKEN;
    }
    struct cel_declarations declarations = {
        .env = &env,
        .variables = now->variables,
        .variable_count = now->variable_count,
        .functions = now->functions,
        .function_count = now->function_count,
    };
    struct cel_error error;
    const struct cel_program *program =
        cel_compile_declared(now->arena, source, &declarations, &error);
    if (!program) {
        if (json_present(member(member(now->json, "expect"), "error")))
            return PASSED;
        report(runner, now, "does not compile: ", slice_str(error.message));
        return FAILED;
    }
    enum outcome outcome = check_program(runner, now, program);
    cel_program_release(program);
    return outcome;
}

/* --- the file --- */

static struct profile *profile_of(struct runner *runner, struct slice name)
{
    if (!name.ptr || name.len >= sizeof(runner->profiles[0].name))
        return NULL;
    for (uint32_t i = 0; i < runner->profile_count; i++)
        if (slice_eq_str(name, runner->profiles[i].name))
            return &runner->profiles[i];
    if (runner->profile_count == MAX_PROFILES)
        return NULL;
    struct profile *profile = &runner->profiles[runner->profile_count++];
    memcpy(profile->name, name.ptr, name.len);
    return profile;
}

static bool run_line(struct runner *runner, struct arena *arena, struct slice line)
{
    struct json_doc doc;
    struct json_error error;
    if (json_read(arena, line, NULL, &doc, &error) != 0) {
        fprintf(runner->out, "column %u: %s\n", error.position.column, error.message);
        return false;
    }
    struct conformance_case now = {.arena = arena, .json = json_root(&doc)};
    struct profile *profile = profile_of(runner, text_of(&now, member(now.json, "profile")));
    enum outcome outcome = profile ? run_case(runner, &now) : BROKEN;
    if (outcome == BROKEN) {
        report(runner, &now, "this is no case", SLICE(""));
        return false;
    }
    if (outcome == PASSED)
        profile->passed++;
    else
        profile->failed++;
    return true;
}

int cel_run_cases(FILE *in, FILE *out, unsigned *passed, unsigned *failed)
{
    struct runner runner = {.out = out};
    char *line = NULL;
    size_t size = 0;
    bool good = true;
    for (ssize_t length; good && (length = getline(&line, &size, in)) >= 0;) {
        struct arena arena;
        arena_init(&arena, MAX_CASE_BYTES);
        good = run_line(&runner, &arena, slice_of(line, (size_t)length));
        arena_free(&arena);
    }
    free(line);
    *passed = 0;
    *failed = 0;
    for (uint32_t i = 0; i < runner.profile_count; i++) {
        const struct profile *profile = &runner.profiles[i];
        fprintf(out, "%s: %u passed, %u failed\n", profile->name, profile->passed, profile->failed);
        *passed += profile->passed;
        *failed += profile->failed;
    }
    return good && !ferror(in) ? 0 : -1;
}
