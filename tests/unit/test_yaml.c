/* YAML to JSON: values, positions, refusals, limits. */
#include "alloc_in_turn.h"
#include "base/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

struct pair {
    const char *yaml, *json;
};

static const struct pair accepted[] = {
    {"", "null"},
    {"# nothing\n", "null"},
    {"---\n", "null"},
    {"~", "null"},
    {"null", "null"},
    {"NULL", "null"},
    {"true", "true"},
    {"True", "true"},
    {"FALSE", "false"},
    {"yes", "\"yes\""},
    {"on", "\"on\""},
    {"y", "\"y\""},
    {"tRUE", "\"tRUE\""},
    {"2024-01-31", "\"2024-01-31\""},
    {"0", "0"},
    {"-0", "-0"},
    {"12", "12"},
    {"+12", "12"},
    {"-12", "-12"},
    {"007", "7"},
    {"-007", "-7"},
    {"0o14", "12"},
    {"0x1F", "31"},
    {"0xffffffffffffffff", "18446744073709551615"},
    {"0o1777777777777777777777", "18446744073709551615"},
    {"0o8", "\"0o8\""},
    {"0xg", "\"0xg\""},
    {"0x", "\"0x\""},
    {"1_000", "\"1_000\""},
    {"1.5", "1.5"},
    {".5", "0.5"},
    {"-.5", "-0.5"},
    {"5.", "5.0"},
    {"+1.50", "1.50"},
    {"007.5", "7.5"},
    {"1e3", "1e3"},
    {"1E+3", "1e+3"},
    {"1.e3", "1.0e3"},
    {".", "\".\""},
    {"-", "[null]"},
    {"1e", "\"1e\""},
    {"1.2.3", "\"1.2.3\""},
    {"12:30", "\"12:30\""},
    {"a b", "\"a b\""},
    {"'12'", "\"12\""},
    {"\"true\"", "\"true\""},
    {"''", "\"\""},
    {"\"a\\tb\\u00e9\\0\"", "\"a\\tb\xC3\xA9\\u0000\""},
    {"'it''s'", "\"it's\""},
    {"|\n  a\n  b\n", "\"a\\nb\\n\""},
    {">-\n  a\n  b\n", "\"a b\""},
    {"\xEF\xBB\xBF"
     "a: 1",
     "{\"a\":1}"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[1, a, [b]]", "[1,\"a\",[\"b\"]]"},
    {"- 1\n- a\n-\n  - b\n", "[1,\"a\",[\"b\"]]"},
    {"a: 1\nb: {c: d}\ne:\n  - f: g\n    h:\n",
     "{\"a\":1,\"b\":{\"c\":\"d\"},\"e\":[{\"f\":\"g\",\"h\":null}]}"},
    {"\"1\": a\n'': b\n", "{\"1\":\"a\",\"\":\"b\"}"},
    {"yes: no", "{\"yes\":\"no\"}"},
    {"? a\n: b\n", "{\"a\":\"b\"}"},
    {"<<: x", "{\"<<\":\"x\"}"},
    {"a: ${x == 1 ? 'y':\"z\"}", "{\"a\":\"${x == 1 ? 'y':\\\"z\\\"}\"}"},
    {"%YAML 1.2\n---\na\n...\n", "\"a\""},
    {"{\"a\":[1,2.50,\"x\\n\",null,true]}", "{\"a\":[1,2.50,\"x\\n\",null,true]}"},
    /* tags */
    {"!!str 12", "\"12\""},
    {"! 12", "\"12\""},
    {"!!str", "\"\""},
    {"!!int \"12\"", "12"},
    {"!!int 0x10", "16"},
    {"!!float 12", "12.0"},
    {"!!float 1e3", "1e3"},
    {"!!bool \"true\"", "true"},
    {"!!null ''", "null"},
    {"!!map {a: !!seq [b]}", "{\"a\":[\"b\"]}"},
    {"!!str 1: a", "{\"1\":\"a\"}"},
    /* anchors */
    {"a: &x 1\nb: *x\n", "{\"a\":1,\"b\":1}"},
    {"a: &x {k: [1, 2]}\nb: [*x, *x]\n",
     "{\"a\":{\"k\":[1,2]},\"b\":[{\"k\":[1,2]},{\"k\":[1,2]}]}"},
    {"- &x a\n- *x : b\n", "[\"a\",{\"a\":\"b\"}]"},
    {"- &x a\n- &x b\n- *x\n", "[\"a\",\"b\",\"b\"]"},
    {"- &x [&y 1, *y]\n- *y\n- *x\n", "[[1,1],1,[1,1]]"},
};

struct refusal {
    const char *yaml;
    uint32_t line, column;
    const char *says;
};

static const struct refusal refused[] = {
    {"a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key \"a\""},
    {"x:\n  a: 1\n  \"\\x61\": 2\n", 3, 3, "duplicate key \"a\""},
    {"{\xC3\xA9: 1, \xC3\xA9: 2}", 1, 8, "duplicate key"},
    {"- &x k\n- {k: 1, *x : 2}\n", 2, 10, "duplicate key \"k\""},
    {"1: a", 1, 1, "a key must be text, and 1 is number"},
    {"true: a", 1, 1, "a key must be text, and true is bool"},
    {"a: b\n~: a", 2, 1, "a key must be text, and ~ is null"},
    {"? \n: a", 1, 2, "a key must be text, and nothing is null"},
    {"? [a]\n: b", 1, 3, "a key must be text, not a list"},
    {"{{a: b}: c}", 1, 2, "a key must be text, not a map"},
    {"- &x 1\n- *x : a\n", 2, 3, "a key must be text, and *x is not"},
    {".nan", 1, 1, "NaN"},
    {"a: .inf", 1, 4, "infinity"},
    {"a: -.INF", 1, 4, "infinity"},
    {"!!float .inf", 1, 1, "infinity"},
    {"0x10000000000000000", 1, 1, "more than 64 bits"},
    {"a: 1111111111111111111111111111111111111111111111111111111111111111111", 1, 4,
     "number longer than 64 bytes"},
    {"!!binary aGk=", 1, 1, "unknown tag"},
    {"!foo a", 1, 1, "unknown tag"},
    {"a: !!set {b}", 1, 4, "the tag of a map can only be !!map"},
    {"a: !!map [b]", 1, 4, "the tag of a list can only be !!seq"},
    {"!!seq a", 1, 1, "scalar"},
    {"!!int a", 1, 1, "does not fit its tag"},
    {"!!int 1.5", 1, 1, "does not fit its tag"},
    {"!!bool yes", 1, 1, "does not fit its tag"},
    {"!!null a", 1, 1, "does not fit its tag"},
    {"a\n---\nb\n", 2, 1, "second document"},
    {"a: *x", 1, 4, "unknown alias *x"},
    {"&x [*x]", 1, 5, "inside what it names"},
    {"a: &x {b: {c: *x}}", 1, 15, "inside what it names"},
    {"a: [1, 2", 2, 1, "flow sequence"},
    {"a: 1\n b: 2\n", 2, 3, "mapping values are not allowed"},
    {"a: 'x", 1, 6, "while scanning a quoted scalar, from line 1 on: found"},
    {"a: \"\\q\"", 1, 5, "unknown escape"},
    {"a: \"\\ud800\"", 1, 7, "Unicode"},
    {"\tb: 1", 1, 1, "cannot start any token"},
    {"a: %x", 1, 4, "cannot start any token"},
    {"ab\ncd\xFFxy", 2, 3, "UTF-8"},
    {"a: \xED\xA0\x80", 1, 4, "Unicode"},
    {"a: \x01", 1, 4, "control"},
};

static int read_text(struct arena *arena, const char *yaml, struct json_doc *doc,
                     struct json_error *error)
{
    /* An exact copy on the heap: the sanitizer sees a look behind the end, and at what is freed. */
    size_t len = strlen(yaml);
    char *copy = malloc(len ? len : 1);
    memcpy(copy, yaml, len);
    int result = yaml_read(arena, slice_of(copy, len), NULL, doc, error);
    free(copy);
    return result;
}

static void test_accepts(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct json_doc doc;
        struct json_error error;
        if (read_text(&arena, accepted[i].yaml, &doc, &error) != 0)
            fail_msg("refused %s: %s", accepted[i].yaml, error.message);
        struct slice json = json_text(json_root(&doc));
        if (!slice_eq_str(json, accepted[i].json))
            fail_msg("%s is %.*s, wanted %s", accepted[i].yaml, SLICE_ARG(json), accepted[i].json);
        arena_free(&arena);
    }
}

static void test_refuses(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct refusal *row = &refused[i];
        struct arena arena;
        arena_init(&arena, 0);
        struct json_doc doc;
        struct json_error error;
        if (read_text(&arena, row->yaml, &doc, &error) == 0)
            fail_msg("accepted %s", row->yaml);
        if (!strstr(error.message, row->says) || error.position.line != row->line ||
            error.position.column != row->column)
            fail_msg("%s: got %u:%u %s, wanted %u:%u %s", row->yaml, error.position.line,
                     error.position.column, error.message, row->line, row->column, row->says);
        struct json_position again = json_offset_position(slice_str(row->yaml), error.offset);
        /* At an unexpected end libyaml names the line behind, which is not there. */
        if (error.offset < strlen(row->yaml)) {
            assert_int_equal(again.line, row->line);
            assert_int_equal(again.column, row->column);
        }
        arena_free(&arena);
    }
}

static void check_position(struct json_ref ref, uint32_t line, uint32_t column)
{
    assert_true(json_present(ref));
    struct json_position position = json_position(ref);
    assert_int_equal(position.line, line);
    assert_int_equal(position.column, column);
}

static void test_positions(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct json_doc doc;
    struct json_error error;
    const char *yaml = "# head\n"
                       "name: x\n"
                       "\xC3\xA9: y\n"
                       "nodes:\n"
                       "  - id: &i a\n"
                       "    list: [1, \xC3\xA9, 2]\n"
                       "  - &two {id: b, k: [0]}\n"
                       "  - *two\n"
                       "  - *i\n";
    assert_int_equal(read_text(&arena, yaml, &doc, &error), 0);
    struct json_ref root = json_root(&doc);
    check_position(root, 2, 1);
    check_position(json_member(root, SLICE("name")), 2, 7);
    check_position(json_member(root, SLICE("\xC3\xA9")), 3, 4);
    struct json_ref nodes = json_member(root, SLICE("nodes"));
    check_position(nodes, 5, 3);
    struct json_ref first = json_element(nodes, 0);
    check_position(first, 5, 5);
    check_position(json_member(first, SLICE("id")), 5, 9);
    struct json_ref list = json_member(first, SLICE("list"));
    check_position(list, 6, 11);
    check_position(json_element(list, 2), 6, 18);
    struct json_ref second = json_element(nodes, 1);
    check_position(second, 7, 5);
    /* An alias stands where it is written; what is inside, where that is written. */
    struct json_ref third = json_element(nodes, 2);
    check_position(third, 8, 5);
    check_position(json_member(third, SLICE("id")), 7, 15);
    check_position(json_element(json_member(third, SLICE("k")), 0), 7, 22);
    check_position(json_element(nodes, 3), 9, 5);
    struct json_iter it = json_iter(root);
    assert_true(json_next(&it));
    check_position(it.key, 2, 1);
    assert_true(json_next(&it) && json_next(&it));
    check_position(it.key, 4, 1);
    arena_free(&arena);
}

static int read_limited(const char *yaml, struct json_limits limits, struct json_error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct json_doc doc;
    int result = yaml_read(&arena, slice_str(yaml), &limits, &doc, error);
    arena_free(&arena);
    return result;
}

static void test_limits(void **state UNUSED)
{
    struct json_error error;
    struct json_limits limits = {.max_depth = 3};
    assert_int_equal(read_limited("[[[1]]]", limits, &error), 0);
    assert_int_equal(read_limited("[[[[1]]]]", limits, &error), -1);
    assert_string_equal(error.message, "nested deeper than 3 levels");
    assert_int_equal(error.position.column, 4);
    assert_int_equal(read_limited("- &x [1]\n- [*x]\n", limits, &error), 0);
    assert_int_equal(read_limited("- &x [[1]]\n- [*x]\n", limits, &error), -1);
    assert_string_equal(error.message, "nested deeper than 3 levels");
    assert_int_equal(error.position.line, 2);
    limits = (struct json_limits){.max_nodes = 6};
    assert_int_equal(read_limited("[1,2,3,4,5]", limits, &error), 0);
    assert_int_equal(read_limited("[1,2,3,4,5,6]", limits, &error), -1);
    assert_string_equal(error.message, "more than 6 values, aliases expanded");
    assert_int_equal(read_limited("[&x [1],*x,2]", limits, &error), 0);
    assert_int_equal(read_limited("[&x [1],*x,*x]", limits, &error), -1);
    limits = (struct json_limits){.max_bytes = 20};
    assert_int_equal(read_limited("[&x 12345,*x,*x]", limits, &error), 0);
    assert_int_equal(read_limited("[&x 12345,*x,*x,*x]", limits, &error), -1);
    assert_string_equal(error.message, "more than 20 bytes, aliases expanded");
    assert_int_equal(read_limited("\"\\0\\0\\0\\0\\0\\0\\0\"", limits, &error), -1);
    assert_int_equal(read_limited("aaaaaaaaaaaaaaaaaaaaa", limits, &error), -1);
    assert_string_equal(error.message, "the text has 21 bytes, allowed are 20");
}

/* Each level ten times the one before: 10^20 nodes, or a depth that doubles. */
static void test_alias_bomb(void **state UNUSED)
{
    struct buf yaml;
    buf_init(&yaml, 0);
    buf_str(&yaml, "a0: &a0 lol\n");
    for (int i = 1; i <= 20; i++) {
        buf_printf(&yaml, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&yaml, "%s*a%d", j ? "," : "", i - 1);
        buf_str(&yaml, "]\n");
    }
    struct json_error error;
    assert_int_equal(read_limited(yaml.data, (struct json_limits){0}, &error), -1);
    assert_non_null(strstr(error.message, "aliases expanded"));
    buf_reset(&yaml);
    buf_str(&yaml, "- &x0 []\n");
    for (int i = 1; i < 300; i++)
        buf_printf(&yaml, "- &x%d [*x%d]\n", i, i - 1);
    assert_int_equal(read_limited(yaml.data, (struct json_limits){0}, &error), -1);
    assert_string_equal(error.message, "nested deeper than 64 levels");
    buf_free(&yaml);
    /* Flow brackets that libyaml itself would nest without end. */
    char *deep = malloc(100001);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    assert_int_equal(read_limited(deep, (struct json_limits){0}, &error), -1);
    assert_string_equal(error.message, "nested deeper than 64 levels");
    free(deep);
}

static bool read_into_fresh_arena(const char *yaml, struct json_error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct json_doc doc;
    bool read = yaml_read(&arena, slice_str(yaml), NULL, &doc, error) == 0;
    if (!read)
        assert_int_equal(error->out_of_memory, alloc_failed);
    arena_free(&arena);
    return read;
}

static void test_no_memory(void **state UNUSED)
{
    struct buf yaml;
    buf_init(&yaml, 0);
    buf_str(&yaml, "first: &a0 [1]\n");
    for (int i = 1; i < 40; i++)
        buf_printf(&yaml, "k%d: &a%d [{x: \"y\\t%d\"}, *a0]\n", i, i, i);
    struct json_error error = {0};
    assert_true(ALLOC_IN_TURN(read_into_fresh_arena(yaml.data, &error)) >= 40);
    assert_string_equal(error.message, "out of memory");
    /* Neither what the reader, the parser nor the loader complains of is that. */
    assert_false(read_into_fresh_arena("a: \xff", &error));
    assert_false(read_into_fresh_arena("a: [", &error));
    assert_false(read_into_fresh_arena("a: *b", &error));
    buf_free(&yaml);
}

/* Every single byte put at every place: the reader ends without a fault of its own. */
static void test_mutations(void **state UNUSED)
{
    static const char text[] = "a: &x [1, 'b']\n? c\n: {d: *x}\ne: |\n  f\n";
    char copy[sizeof(text)];
    unsigned valid = 0;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (int byte = 1; byte < 256; byte += 3) {
            memcpy(copy, text, sizeof(text));
            copy[at] = (char)byte;
            struct arena arena;
            arena_init(&arena, 0);
            struct json_doc doc;
            struct json_error error;
            if (yaml_read(&arena, slice_of(copy, sizeof(text) - 1), NULL, &doc, &error) == 0) {
                assert_true(json_valid(doc.text));
                valid++;
            } else
                assert_true(error.message[0] && error.position.line >= 1);
            arena_free(&arena);
        }
    }
    assert_true(valid > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),    cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_positions),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_alias_bomb), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
