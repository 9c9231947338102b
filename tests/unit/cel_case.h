/* cel_case: expressions with bindings, for the tests of evaluation: expression / bindings as JSON /
 * result as JSON or error. */
#ifndef TROUPE_TESTS_CEL_CASE_H
#define TROUPE_TESTS_CEL_CASE_H

#include "cel/cel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

/* Members of the bindings by these names become slots; all others become members of ctx. */
static const struct cel_variable variables[] = {
    {"input", CEL_DYN, 0}, {"output", CEL_DYN, 1}, {"index", CEL_STATIC_INT, 2}};
static const struct cel_namespace namespaces[] = {{"ctx", 0}};
static const struct cel_env env = {.variables = variables,
                                   .variable_count = ARRAY_LEN(variables),
                                   .namespaces = namespaces,
                                   .namespace_count = 1};

struct triple {
    const char *source;
    const char *bindings; /* NULL: none */
    const char *wanted;   /* JSON, or "! message", or "!LINE:COLUMN message" */
};

struct run {
    struct arena arena;
    struct json_doc doc;
    const struct cel_program *program;
    struct cel_value slots[3];
    struct cel_value references[8];
    struct cel_activation activation;
    struct cel_value value;
    struct cel_error error;
};

static inline void run_free(struct run *run)
{
    cel_program_release(run->program);
    arena_free(&run->arena);
}

static inline struct cel_value bound(struct run *run, struct slice name)
{
    struct json_ref ref = json_member(json_root(&run->doc), name);
    return json_present(ref) ? cel_from_json(ref, &run->arena) : cel_absent();
}

/* Everything up to the value; false when something failed, with run->error. */
static inline bool evaluate(struct run *run, const char *source, const char *bindings, size_t cap)
{
    struct json_error error;
    *run = (struct run){.program = NULL};
    arena_init(&run->arena, cap);
    run->error.code = CEL_ERROR_MEMORY; /* of the reader, if it is that */
    if (json_read(&run->arena, slice_str(bindings ? bindings : "{}"), NULL, &run->doc, &error) != 0)
        return false;
    run->program = cel_compile(&run->arena, slice_str(source), &env, &run->error);
    if (!run->program)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        run->slots[i] = bound(run, slice_str(variables[i].name));
    uint32_t count = 0;
    const struct cel_reference *references = cel_references(run->program, &count);
    assert_in_range(count, 0, ARRAY_LEN(run->references));
    for (uint32_t i = 0; i < count; i++)
        run->references[i] = bound(run, references[i].member);
    run->activation.slots = run->slots;
    run->activation.slot_count = ARRAY_LEN(run->slots);
    run->activation.references = run->references;
    run->activation.reference_count = count;
    return cel_eval(run->program, &run->activation, &run->arena, &run->value, &run->error) == 0;
}

static inline void check(const struct triple *triple)
{
    struct run run;
    struct buf out;
    buf_init(&out, 0);
    bool good = evaluate(&run, triple->source, triple->bindings, 0) &&
                cel_write_json(&out, &run.value, &run.error) == 0;
    if (!good) {
        buf_reset(&out);
        if (triple->wanted[0] == '!' && triple->wanted[1] != ' ')
            buf_printf(&out, "!%u:%u %s", run.error.line, run.error.column, run.error.message);
        else
            buf_printf(&out, "! %s", run.error.message);
    }
    if (strcmp(out.data, triple->wanted) != 0)
        fail_msg("%s with %s\n  gives  %s\n  wanted %s", triple->source,
                 triple->bindings ? triple->bindings : "nothing", out.data, triple->wanted);
    buf_free(&out);
    run_free(&run);
}

static inline void check_all(const struct triple *triples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&triples[i]);
}

#endif
