/* Expressions over values of which a schema is known: types, what is refused, and what must not be. */
#include "alloc_in_turn.h"
#include "cel/cel.h"
#include "schema/outline.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const char order[] =
    "{\"type\": \"object\", \"required\": [\"name\"], \"additionalProperties\": false,"
    " \"$defs\": {\"line\": {\"type\": \"object\", \"properties\": {"
    "   \"sku\": {\"type\": \"string\"}, \"count\": {\"type\": \"integer\"}},"
    "   \"additionalProperties\": false},"
    "  \"tree\": {\"type\": \"object\", \"properties\": {\"label\": {\"type\": \"string\"},"
    "   \"children\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/tree\"}}}},"
    "  \"nest\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/nest\"}}},"
    " \"properties\": {"
    "  \"name\": {\"type\": \"string\"}, \"count\": {\"type\": \"integer\"},"
    "  \"price\": {\"type\": \"number\"}, \"paid\": {\"type\": \"boolean\"},"
    "  \"nothing\": {\"type\": \"null\"}, \"note\": {\"type\": [\"string\", \"null\"]},"
    "  \"anything\": {}, \"yes\": true, \"never\": false,"
    "  \"tags\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
    "  \"mixed\": {\"type\": \"array\"},"
    "  \"pair\": {\"type\": \"array\", \"prefixItems\": [{\"type\": \"string\"}],"
    "    \"items\": {\"type\": \"number\"}},"
    "  \"lines\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/line\"}},"
    "  \"some\": {\"type\": [\"array\", \"null\"], \"items\": {\"$ref\": \"#/$defs/line\"}},"
    "  \"state\": {\"enum\": [\"new\", \"old\"]}, \"answer\": {\"const\": 42},"
    "  \"level\": {\"enum\": [1, \"high\"]},"
    "  \"either\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"number\"}]},"
    "  \"one\": {\"oneOf\": [{\"type\": \"string\"}], \"type\": [\"string\", \"number\"]},"
    "  \"rates\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"number\"}},"
    "  \"open\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}},"
    "  \"patterned\": {\"type\": \"object\", \"additionalProperties\": false,"
    "    \"patternProperties\": {\"^x\": {\"type\": \"string\"}}},"
    "  \"both\": {\"type\": \"object\", \"properties\": {\"here\": {\"type\": \"string\"}},"
    "    \"allOf\": [{\"properties\": {\"there\": {\"type\": \"number\"}}}]},"
    "  \"barred\": {\"properties\": {\"here\": {\"type\": \"string\"}, \"gone\": {}},"
    "    \"allOf\": [{\"additionalProperties\": false, \"properties\": {\"here\": {}}}]},"
    "  \"impossible\": {\"type\": \"string\", \"allOf\": [{\"type\": \"number\"}]},"
    "  \"tree\": {\"$ref\": \"#/$defs/tree\"}, \"nest\": {\"$ref\": \"#/$defs/nest\"},"
    "  \"line\": {\"$ref\": \"#/$defs/line\", \"type\": [\"object\", \"null\"]}}}";

struct pair {
    const char *source;
    const char *wanted; /* a type; with '!', where and what is wrong */
};

struct fixture {
    struct arena arena;
    struct schema *schema;
    const struct shape *shapes[2];
};

static struct fixture fixture;

static const struct cel_variable variables[] = {{"output", CEL_DYN, 0}, {"input", CEL_DYN, 1}};
static const struct cel_namespace namespaces[] = {{"ctx", 1}};

static const struct shape *member_shape(void *context, uint32_t namespace_id, struct slice member)
{
    const struct fixture *from = context;
    assert_int_equal(namespace_id, 1);
    return slice_eq_str(member, "a") ? from->shapes[0] : NULL;
}

static const struct cel_program *compile(struct arena *arena, const char *source,
                                         struct cel_error *error)
{
    const struct cel_env env = {.variables = variables,
                                .variable_count = ARRAY_LEN(variables),
                                .shapes = fixture.shapes,
                                .namespaces = namespaces,
                                .namespace_count = ARRAY_LEN(namespaces),
                                .member_shape = member_shape,
                                .shape_context = &fixture};
    return cel_compile(arena, slice_str(source), &env, error);
}

static int check(const struct pair *pair)
{
    struct arena arena;
    struct cel_error error;
    char text[400];
    arena_init(&arena, 0);
    const struct cel_program *program = compile(&arena, pair->source, &error);
    if (program)
        (void)snprintf(text, sizeof(text), "%s", cel_type_text(program).ptr);
    else
        (void)snprintf(text, sizeof(text), "!%u:%u %s", error.line, error.column, error.message);
    const bool good = strcmp(text, pair->wanted) == 0;
    if (!good)
        print_error("%s\n  gives  %s\n  wanted %s\n", pair->source, text, pair->wanted);
    cel_program_release(program);
    arena_free(&arena);
    return !good;
}

static void check_all(const struct pair *pairs, size_t count)
{
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad += check(&pairs[i]);
    assert_int_equal(bad, 0);
}

static void types(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"input", "dyn"},
        {"output", "map(string, dyn)"},
        {"output.name", "string"},
        {"output['name']", "string"},
        {"output.count", "number"},
        {"output.price", "number"},
        {"output.paid", "bool"},
        {"output.nothing", "null"},
        {"output.note", "dyn"},
        {"output.anything", "dyn"},
        {"output.yes", "dyn"},
        {"output.never", "dyn"},
        {"output.tags", "list(string)"},
        {"output.tags[0]", "string"},
        {"output.mixed", "list(dyn)"},
        {"output.pair[0]", "dyn"},
        {"output.state", "string"},
        {"output.answer", "number"},
        {"output.level", "dyn"},
        {"output.either", "dyn"},
        {"output.one", "dyn"},
        {"output.rates", "map(string, number)"},
        {"output.rates.eur", "number"},
        {"output.open.a", "string"},
        {"output.open.b", "dyn"},
        {"output.patterned.xy", "dyn"},
        {"output.both.here", "string"},
        {"output.both.there", "number"},
        {"output.impossible", "dyn"},
        {"output.lines[0].sku", "string"},
        {"output.some[0].sku", "string"},
        {"output.line.sku", "string"},
        {"output.tree.children[3].children[1].label", "string"},
        {"output.nest[0][0][0][0][0][0][0][0][0][0]", "list(list(list(list(list(list(list(list("
                                                      "list(dyn)))))))))"},
        {"ctx.a.name", "string"},
        {"ctx['a'].lines[0].count", "number"},
        {"ctx.b.name", "dyn"},
        {"ctx.?a.name", "optional_type(string)"},
        {"output.?name", "optional_type(string)"},
        {"output.?line.?sku", "optional_type(string)"},
        {"output.lines[?0].sku", "optional_type(string)"},
        {"output.?name.orValue('x')", "string"},
        {"output.?line.optMap(l, l.sku)", "optional_type(string)"},
        /* arithmetic of numbers that may be ints or doubles */
        {"output.count + 1", "number"},
        {"output.count * 1.5", "double"},
        {"output.price / 2", "number"},
        {"-output.count", "number"},
        {"output.count % 2", "int"},
        {"output.count + output.price", "number"},
        {"output.count > 2.5", "bool"},
        {"output.count == 1.5", "bool"},
        {"output.count in [1, 2]", "bool"},
        {"[output.count, 1.5]", "list(number)"},
        {"output.tags[output.count]", "string"},
        {"size(output.name) + output.count", "number"},
        {"timestamp(output.count)", "timestamp"},
        {"double(output.count)", "double"},
        /* through macros, names and branches */
        {"output.lines.map(l, l.sku)", "list(string)"},
        {"output.lines.filter(l, l.count > 1)[0].sku", "string"},
        {"output.some.map(l, l.sku)", "list(string)"},
        {"output.lines.transformList(i, l, l.sku)", "list(string)"},
        {"output.rates.map(k, k)", "list(string)"},
        {"cel.bind(l, output.lines[0], l.sku + 'x')", "string"},
        {"(output.paid ? output.lines[0] : output.lines[0]).sku", "string"},
        {"type(output.count) == int", "bool"},
    };
    check_all(pairs, ARRAY_LEN(pairs));
}

static void refused(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"output.name + 1", "!1:13 no overload of '+' for (string, int)"},
        {"ctx.a.name +\n 1", "!1:12 no overload of '+' for (string, int)"},
        {"output.count + 'x'", "!1:14 no overload of '+' for (number, string)"},
        {"output.price + output.name", "!1:14 no overload of '+' for (number, string)"},
        {"output.name == 1", "!1:13 no overload of '==' for (string, int)"},
        {"output.name && true", "!1:8 no overload of '&&' for string: operands are bool"},
        {"!output.count", "!1:1 no overload of '!' for (number)"},
        {"output.paid > 'x'", "!1:13 no overload of '>' for (bool, string)"},
        {"output.count ? 1 : 2", "!1:14 no overload of '?:' for (number, int, int)"},
        {"output.count.startsWith('x')", "!1:14 no overload of 'startsWith' for number(string)"},
        {"size(output.price)", "!1:1 no overload of 'size' for (number)"},
        {"output.tags[0] + 1", "!1:16 no overload of '+' for (string, int)"},
        {"output.tags.map(t, t + 1)", "!1:22 no overload of '+' for (string, int)"},
        {"output.tags['x']", "!1:12 no overload of '[]' for (list(string), string)"},
        {"output.tags + 1", "!1:13 no overload of '+' for (list(string), int)"},
        {"output.name.first", "!1:13 string has no members: '.first' needs a map"},
        {"output.nothing + 1", "!1:16 no overload of '+' for (null, int)"},
        {"output.nam", "!1:8 there is no member 'nam' here; did you mean 'name'?"},
        {"output['nam']", "!1:8 there is no member 'nam' here; did you mean 'name'?"},
        {"output.?nam", "!1:9 there is no member 'nam' here; did you mean 'name'?"},
        {"has(output.nam)", "!1:12 there is no member 'nam' here; did you mean 'name'?"},
        {"output.xyzzy", "!1:8 there is no member 'xyzzy' here"},
        {"output.lines.map(l, l.skuu)",
         "!1:23 there is no member 'skuu' here; did you mean 'sku'?"},
        {"output.lines.filter(l, true)[0].skuu",
         "!1:33 there is no member 'skuu' here; did you mean 'sku'?"},
        {"output.line.skuu", "!1:13 there is no member 'skuu' here; did you mean 'sku'?"},
        {"output.?line.skuu", "!1:14 there is no member 'skuu' here; did you mean 'sku'?"},
        {"output.barred.gone", "!1:15 there is no member 'gone' here"},
        {"cel.bind(o, output, o.nam)", "!1:23 there is no member 'nam' here; did you mean 'name'?"},
    };
    check_all(pairs, ARRAY_LEN(pairs));
}

/* All of these may well be evaluated. */
static void never_refused(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"has(output.name) ? output.name : null", "dyn"},
        {"output.paid ? output.name : 0", "dyn"},
        {"output.paid ? output.name + '!' : 0", "dyn"},
        {"output.name == null", "bool"},
        {"null != output.count", "bool"},
        {"output.?name.orValue(null)", "dyn"},
        {"output.?name.orValue(0)", "dyn"},
        {"output.?name.or(output.?count)", "optional_type(dyn)"},
        {"output.tags + [1]", "list(dyn)"},
        {"1 in output.tags", "bool"},
        {"output.tags == [1]", "bool"},
        {"[output.name, 1, null]", "list(dyn)"},
        {"{'a': output.name, 'b': 1}", "map(string, dyn)"},
        {"output.note + 'x'", "string"},
        {"output.note + 1", "dyn"},
        {"output.either + 1", "dyn"},
        {"output.level + 1", "dyn"},
        {"output.impossible + 1", "dyn"},
        {"dyn(output.name) + 1", "dyn"},
        {"output.count * 2u", "uint"},
        {"output.tags.map(t, output.paid ? t : 0)", "list(dyn)"},
        {"output.tags.all(t, t != null)", "bool"},
        {"cel.bind(n, output.name, output.paid ? n : null)", "dyn"},
        {"output.open.b + 1", "dyn"},
        {"output.patterned.anything", "dyn"},
        {"'nam' in output", "bool"},
        {"output[output.name]", "dyn"},
        {"input.nam", "dyn"},
    };
    check_all(pairs, ARRAY_LEN(pairs));
}

static bool compiles(const char *source)
{
    struct arena arena;
    struct cel_error error = {.code = CEL_ERROR_SYNTAX};
    arena_init(&arena, 0);
    const struct cel_program *program = compile(&arena, source, &error);
    if (!program)
        assert_int_equal(error.code, CEL_ERROR_MEMORY);
    cel_program_release(program);
    arena_free(&arena);
    return program != NULL;
}

static bool outlines(void)
{
    struct arena arena;
    arena_init(&arena, 0);
    const bool made = schema_outline(fixture.schema, &arena) != NULL;
    arena_free(&arena);
    return made;
}

static void no_memory(void **state UNUSED)
{
    assert_true(ALLOC_IN_TURN(outlines()) > 2);
    assert_true(ALLOC_IN_TURN(compiles(
                    "output.?line.optMap(l, l.sku).orValue(null) == output.tags[0] && "
                    "output.lines.map(l, l.count).all(c, c > 1.5) && has(ctx.a.rates)")) > 0);
}

static int setup(void **state UNUSED)
{
    struct schema_report report;
    struct json_doc doc;
    struct json_error error;
    arena_init(&fixture.arena, 0);
    if (json_read(&fixture.arena, slice_str(order), NULL, &doc, &error) != 0)
        fail_msg("%u:%u %s", error.position.line, error.position.column, error.message);
    schema_report_init(&report, &fixture.arena, 5);
    fixture.schema = schema_compile(json_root(&doc), &report);
    if (!fixture.schema)
        fail_msg("%s: %s", report.items[0].path, report.items[0].message);
    fixture.shapes[0] = schema_outline(fixture.schema, &fixture.arena);
    return fixture.shapes[0] ? 0 : -1;
}

static int teardown(void **state UNUSED)
{
    schema_free(fixture.schema);
    arena_free(&fixture.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(refused),
        cmocka_unit_test(never_refused),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
