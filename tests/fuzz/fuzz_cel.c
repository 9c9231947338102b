/* fuzz_cel: lexer, parser, checker, evaluator.
 *
 * An input is an expression, or an expression, a NUL and the JSON object of its variables. Beyond
 * not crashing:
 *
 *   - what is printed of a tree parses to the same tree, and prints as the same text again;
 *   - errors point into the source and their message is UTF-8;
 *   - evaluating twice gives the same, and so does the expression that was not checked;
 *   - with little memory it gives the same or says that there was too little;
 *   - a value is of the type that the checker promised;
 *   - what is written as JSON is JSON.
 */
#include "cel/cel.h"
#include "cel/parser.h"
#include "cel/print.h"
#include "cel/utf8.h"
#include "fuzz.h"
#include <string.h>

enum { ARENA_BYTES = 16 << 20, OUT_BYTES = 4 << 20, STEPS = 20000 };

enum { SLOT_INPUT, SLOT_OUTPUT, SLOT_INDEX, SLOT_NAME, SLOT_FLAG, SLOT_ITEMS, SLOT_FIELDS, SLOTS };

static const struct cel_variable variables[SLOTS] = {
    {"input", CEL_DYN, SLOT_INPUT},          {"output", CEL_DYN, SLOT_OUTPUT},
    {"index", CEL_STATIC_INT, SLOT_INDEX},   {"name", CEL_STATIC_STRING, SLOT_NAME},
    {"flag", CEL_STATIC_BOOL, SLOT_FLAG},    {"items", CEL_STATIC_LIST, SLOT_ITEMS},
    {"fields", CEL_STATIC_MAP, SLOT_FIELDS},
};
static const struct cel_namespace namespaces[] = {{"ctx", 0}};
static const struct cel_hint hints[] = {{"iteration", "'iteration' exists only inside a loop"}};

/* When the input brings none, or one that is no object. */
static const char default_document[] =
    "{\"input\":{\"n\":3,\"x\":1.5,\"s\":\"a\\u00e9\\n\",\"l\":[1,2.0,\"3\",null,{\"k\":true}],"
    "\"big\":9223372036854775807,\"huge\":1e400,\"\":0},"
    "\"output\":[{\"name\":\"a\",\"price\":10},{\"name\":\"b\\\"\",\"price\":2.5}],"
    "\"a\":{\"output\":{\"v\":-0.0}},\"b-c\":\"2024-02-29T12:00:00Z\"}";

struct outcome {
    bool good; /* json is the value; else error is set */
    struct cel_error error;
    struct buf json;
};

static void check_error(const struct cel_error *error, struct slice source)
{
    size_t length = strnlen(error->message, sizeof(error->message));
    DEMAND(length > 0 && length < sizeof(error->message), "message of %zu bytes", length);
    DEMAND(cel_utf8_valid(slice_of(error->message, length)), "%s", error->message);
    DEMAND(error->offset <= source.len, "offset %u: %s", error->offset, error->message);
    DEMAND(error->line > 0 && error->column > 0, "%s", error->message);
}

/* --- trees --- */

/* What nests too deep or needs too much memory is no tree; its text is none either. */
static void check_tree(struct slice source)
{
    struct arena arena;
    struct buf text, again;
    struct cel_error error;
    arena_init(&arena, 4 * (size_t)ARENA_BYTES);
    buf_init(&text, OUT_BYTES);
    buf_init(&again, OUT_BYTES);
    const struct cel_ast *tree = cel_parse(&arena, source, &error);
    if (!tree) {
        check_error(&error, source);
    } else {
        cel_print(&text, tree);
        DEMAND(buf_ok(&text), "the text is too long");
        const struct cel_ast *copy = cel_parse(&arena, buf_slice(&text), &error);
        if (!copy && text.len > CEL_MAX_SOURCE_BYTES)
            goto done; /* escapes and spaces make it longer */
        DEMAND(copy, "%s: %.*s", error.message, SLICE_ARG(buf_slice(&text)));
        DEMAND(cel_ast_equal(tree, copy), "%.*s", SLICE_ARG(buf_slice(&text)));
        cel_print(&again, copy);
        DEMAND(slice_eq(buf_slice(&text), buf_slice(&again)), "%.*s\n%.*s",
               SLICE_ARG(buf_slice(&text)), SLICE_ARG(buf_slice(&again)));
    }
done:
    buf_free(&again);
    buf_free(&text);
    arena_free(&arena);
}

/* --- values --- */

static struct cel_value member(struct json_ref object, struct slice name, struct arena *arena)
{
    struct json_ref ref = json_member(object, name);
    return json_present(ref) ? cel_from_json(ref, arena) : cel_absent();
}

/* A variable is of its type or absent, as callers promise. */
static bool fits(const struct cel_value *value, enum cel_static_type type)
{
    switch (type) {
    case CEL_DYN:
        return true;
    case CEL_STATIC_INT:
        return value->kind == CEL_INT;
    case CEL_STATIC_STRING:
        return value->kind == CEL_STRING;
    case CEL_STATIC_BOOL:
        return value->kind == CEL_BOOL;
    case CEL_STATIC_MAP:
        return value->kind == CEL_JSON && json_type(value->json) == JSON_OBJECT;
    case CEL_STATIC_LIST:
        return value->kind == CEL_JSON && json_type(value->json) == JSON_ARRAY;
    }
    return false;
}

/* By the kind alone: what a list holds is not looked at. */
static void check_type(const struct cel_program *program, const struct cel_value *value)
{
    struct slice promised = cel_type_text(program);
    const char *parameters = memchr(promised.ptr, '(', promised.len);
    if (parameters)
        promised.len = (size_t)(parameters - promised.ptr);
    DEMAND(slice_eq_str(promised, "dyn") || slice_eq_str(promised, cel_kind_name(value)),
           "%.*s was promised, it is %s: %.*s", SLICE_ARG(promised), cel_kind_name(value),
           SLICE_ARG(cel_source(program)));
}

static void evaluate_with(const struct cel_program *program, struct json_ref root,
                          struct arena *arena, struct outcome *outcome)
{
    struct cel_value slots[SLOTS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i] = member(root, slice_str(variables[i].name), arena);
        if (!fits(&slots[i], variables[i].type))
            slots[i] = cel_absent();
    }
    const struct cel_reference *references = cel_references(program, &count);
    struct cel_value *values = arena_array(arena, count, sizeof(*values));
    DEMAND(values, "no memory for %u references", count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = member(root, references[i].member, arena);
    const struct cel_activation activation = {.slots = slots,
                                              .slot_count = SLOTS,
                                              .references = values,
                                              .reference_count = count,
                                              .budget = {STEPS}};
    struct cel_value value;
    outcome->good = cel_eval(program, &activation, arena, &value, &outcome->error) == 0;
    if (!outcome->good) {
        check_error(&outcome->error, cel_source(program));
        return;
    }
    check_type(program, &value);
    outcome->good = cel_write_json(&outcome->json, &value, &outcome->error) == 0;
    if (outcome->good)
        DEMAND(json_valid(buf_slice(&outcome->json)), "%.*s", SLICE_ARG(buf_slice(&outcome->json)));
}

static void evaluate(const struct cel_program *program, struct json_ref root, size_t memory,
                     struct outcome *outcome)
{
    struct arena arena;
    arena_init(&arena, memory);
    *outcome = (struct outcome){.good = false};
    buf_init(&outcome->json, OUT_BYTES);
    evaluate_with(program, root, &arena, outcome);
    arena_free(&arena);
}

static void check_same(const struct outcome *a, const struct outcome *b, const char *what)
{
    DEMAND(a->good == b->good, "%s: %s", what, a->good ? b->error.message : a->error.message);
    if (a->good)
        DEMAND(slice_eq(buf_slice(&a->json), buf_slice(&b->json)), "%s: %.*s or %.*s", what,
               SLICE_ARG(buf_slice(&a->json)), SLICE_ARG(buf_slice(&b->json)));
    else
        DEMAND(a->error.code == b->error.code && strcmp(a->error.message, b->error.message) == 0,
               "%s: %s or %s", what, a->error.message, b->error.message);
}

static const struct cel_program *compile(struct arena *arena, struct slice source, bool unchecked)
{
    const struct cel_env env = {.variables = variables,
                                .variable_count = SLOTS,
                                .namespaces = namespaces,
                                .namespace_count = 1,
                                .hints = hints,
                                .hint_count = 1,
                                .disable_check = unchecked};
    struct cel_error error;
    const struct cel_program *program = cel_compile(arena, source, &env, &error);
    if (!program)
        check_error(&error, source);
    return program;
}

/* With 0.5 to 8 KB, by the length of the source: what is given back must be nothing but true. */
static void check_little_memory(const struct cel_program *program, struct json_ref root,
                                const struct outcome *wanted)
{
    struct outcome outcome;
    evaluate(program, root, 512 + cel_source(program).len * 67 % 7680, &outcome);
    if (outcome.good || outcome.error.code != CEL_ERROR_MEMORY)
        check_same(wanted, &outcome, "with little memory");
    buf_free(&outcome.json);
}

static void check_values(struct slice source, struct json_ref root)
{
    struct arena arena;
    struct outcome first, second;
    arena_init(&arena, 4 * (size_t)ARENA_BYTES);
    const struct cel_program *program = compile(&arena, source, false);
    const struct cel_program *unchecked = compile(&arena, source, true);
    if (program) {
        evaluate(program, root, ARENA_BYTES, &first);
        evaluate(program, root, ARENA_BYTES, &second);
        check_same(&first, &second, "twice");
        buf_free(&second.json);
        check_little_memory(program, root, &first);
    }
    if (unchecked) {
        evaluate(unchecked, root, ARENA_BYTES, &second);
        if (program)
            check_same(&first, &second, "unchecked");
        buf_free(&second.json);
    }
    if (program)
        buf_free(&first.json);
    cel_program_release(unchecked);
    cel_program_release(program);
    arena_free(&arena);
}

/* A little memory for compiling, too. */
static void check_compile(struct slice source)
{
    struct arena arena;
    arena_init(&arena, 512 + source.len * 67 % 7680);
    cel_program_release(compile(&arena, source, false));
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice source = slice_of((const char *)data, size);
    struct slice document = slice_str(default_document);
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    if (end) {
        source.len = (size_t)(end - data);
        document = slice_of((const char *)end + 1, size - source.len - 1);
    }
    arena_init(&arena, ARENA_BYTES);
    if (json_read(&arena, document, NULL, &doc, &error) != 0 ||
        json_type(json_root(&doc)) != JSON_OBJECT) {
        int result = json_read(&arena, slice_str(default_document), NULL, &doc, &error);
        DEMAND(result == 0, "%s", error.message);
    }
    check_tree(source);
    check_compile(source);
    check_values(source, json_root(&doc));
    arena_free(&arena);
    return 0;
}
