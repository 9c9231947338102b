/* JSON Schema: hostile schemas and values, limits, memory, threads. */
#include "alloc_in_turn.h"
#include "schema_case.h"
#include <pthread.h>

/* --- hostile ones --- */

static enum schema_verdict verdict_of(const struct schema *schema, struct json_ref value,
                                      const struct schema_limits *limits)
{
    struct arena arena;
    struct schema_report report;
    arena_init(&arena, 0);
    schema_report_init(&report, &arena, 5);
    const enum schema_verdict verdict = schema_validate(schema, value, limits, &report);
    if (verdict == SCHEMA_LIMIT)
        assert_non_null(strstr(report.items[0].message, "undecided"));
    assert_int_equal(report.count > 0, verdict != SCHEMA_FITS);
    arena_free(&arena);
    return verdict;
}

/* Each level asks the next one twice. */
static void exponential(void **state)
{
    static const char *const forms[] = {"anyOf", "oneOf", "allOf"};
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        struct buf buf;
        struct text text, value;
        struct arena arena;
        struct schema_report report;
        buf_init(&buf, 0);
        buf_str(&buf, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
        for (int i = 0; i < 40; i++)
            buf_printf(&buf,
                       "\"d%d\":{\"%s\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]},",
                       i, forms[f], i + 1, i + 1);
        buf_printf(&buf, "\"d40\":{\"type\":\"%s\"}}}", f == 2 ? "integer" : "null");
        arena_init(&arena, 0);
        schema_report_init(&report, &arena, 5);
        struct schema *schema = schema_compile(read_raw(&text, buf_slice(&buf)), &report);
        assert_non_null(schema);
        const struct schema_limits limits = {.cost = 300000};
        struct json_ref one = read_json(&value, "1");
        assert_int_equal(verdict_of(schema, one, &limits), SCHEMA_LIMIT);
        schema_free(schema);
        arena_free(&text.arena);
        arena_free(&value.arena);
        arena_free(&arena);
        buf_free(&buf);
    }
}

/* Many reasons within one another: the verdict stands, what is said is cut. */
static void many_reasons(void **state)
{
    struct text value;
    struct schema *schema =
        compile("{'$ref':'#/$defs/"
                "t','$defs':{'t':{'anyOf':[{'type':'null'},{'type':'array','items':{'$ref':"
                "'#/$defs/t'},'minItems':1},{'type':'array','contains':{'$ref':'#/$defs/t'}}]}}}");
    (void)state;
    struct json_ref deep = read_json(&value, "[[[[[[[[[[[1]]]]]]]]]]]");
    assert_int_equal(verdict_of(schema, deep, NULL), SCHEMA_DIFFERS);
    schema_free(schema);
    arena_free(&value.arena);
}

static void costly_values(void **state)
{
    struct buf buf;
    struct text value;
    struct schema *schema = compile("{'uniqueItems':true}");
    struct schema_limits limits = {.cost = 1000000};
    (void)state;
    buf_init(&buf, 0);
    buf_char(&buf, '[');
    for (int i = 0; i < 50000; i++)
        buf_printf(&buf, "%s\"%d\\n\"", i ? "," : "", i);
    buf_char(&buf, ']');
    struct json_ref root = read_raw(&value, buf_slice(&buf));
    assert_int_equal(verdict_of(schema, root, &limits), SCHEMA_FITS); /* linear */
    limits.cost = 1000;
    assert_int_equal(verdict_of(schema, root, &limits), SCHEMA_LIMIT);
    schema_free(schema);
    arena_free(&value.arena);
    buf_free(&buf);
}

static void depth(void **state)
{
    struct text value;
    struct schema *schema = compile("{'items':{'$ref':'#'}}");
    const struct schema_limits shallow = {.depth = 10};
    (void)state;
    struct json_ref root = read_json(&value, "[[[[[[[[[[]]]]]]]]]]");
    assert_int_equal(verdict_of(schema, root, NULL), SCHEMA_FITS);
    assert_int_equal(verdict_of(schema, root, &shallow), SCHEMA_LIMIT);
    schema_free(schema);
    arena_free(&value.arena);
}

static bool compiles(const struct buf *source, const char *says)
{
    struct text text;
    struct arena arena;
    struct schema_report report;
    arena_init(&arena, 0);
    schema_report_init(&report, &arena, 5);
    struct schema *schema = schema_compile(read_raw(&text, buf_slice(source)), &report);
    const bool good = schema != NULL;
    if (!good && !strstr(all_of(&report, &arena), says))
        fail_msg("%s, not %s", all_of(&report, &arena), says);
    schema_free(schema);
    arena_free(&text.arena);
    arena_free(&arena);
    return good;
}

static bool nested(unsigned levels, const char *open, const char *close, const char *says)
{
    struct buf buf;
    buf_init(&buf, 0);
    for (unsigned i = 0; i < levels; i++)
        buf_str(&buf, open);
    buf_str(&buf, "true");
    for (unsigned i = 0; i < levels; i++)
        buf_str(&buf, close);
    const bool good = compiles(&buf, says);
    buf_free(&buf);
    return good;
}

static bool listed(unsigned count, const char *before, const char *item, const char *behind,
                   const char *says)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_str(&buf, before);
    for (unsigned i = 0; i < count; i++)
        buf_printf(&buf, "%s%s", i ? "," : "", item);
    buf_str(&buf, behind);
    const bool good = compiles(&buf, says);
    buf_free(&buf);
    return good;
}

static void limits_of_schemas(void **state)
{
    struct buf buf;
    (void)state;
    assert_true(nested(SCHEMA_MAX_DEPTH - 10, "{\"items\":", "}", ""));
    assert_false(nested(SCHEMA_MAX_DEPTH + 10, "{\"items\":", "}", "nested"));
    assert_true(nested(SCHEMA_MAX_CHAIN - 10, "{\"not\":", "}", ""));
    assert_false(nested(SCHEMA_MAX_CHAIN + 10, "{\"not\":", "}", "within one another"));
    assert_true(listed(1000, "{\"prefixItems\":[", "{}", "]}", ""));
    assert_false(listed(SCHEMA_MAX_SUBSCHEMAS, "{\"prefixItems\":[", "{}", "]}", "subschemas"));
    assert_true(listed(100, "{\"allOf\":[", "{\"pattern\":\"a\"}", "]}", ""));
    assert_false(listed(SCHEMA_MAX_PATTERNS + 1, "{\"allOf\":[", "{\"pattern\":\"a\"}", "]}",
                        "more than 500 patterns"));
    /* A chain by references, deeper than the document. */
    buf_init(&buf, 0);
    buf_str(&buf, "{\"$defs\":{");
    for (int i = 0; i < 300; i++)
        buf_printf(&buf, "\"d%d\":{\"$ref\":\"#/$defs/d%d\"},", i, i + 1);
    buf_str(&buf, "\"d300\":true}}");
    assert_false(compiles(&buf, "within one another"));
    buf_free(&buf);
}

/* --- memory and threads --- */

static bool compile_and_check(const char *source, const char *value)
{
    struct text text, other;
    struct arena arena;
    struct schema_report report;
    bool (*hook)(void) = arena_test_may_allocate;
    arena_test_may_allocate = NULL;
    struct json_ref schema_ref = read_json(&text, source), value_ref = read_json(&other, value);
    arena_test_may_allocate = hook;
    arena_init(&arena, 0);
    schema_report_init(&report, &arena, 3);
    struct schema *schema = schema_compile(schema_ref, &report);
    enum schema_verdict verdict = SCHEMA_MEMORY;
    if (schema)
        verdict = schema_validate(schema, value_ref, NULL, &report);
    else
        assert_true(report.out_of_memory);
    if (verdict == SCHEMA_MEMORY)
        assert_true(report.out_of_memory);
    schema_free(schema);
    arena_free(&arena);
    arena_free(&text.arena);
    arena_free(&other.arena);
    return verdict == SCHEMA_DIFFERS;
}

static void no_memory(void **state)
{
    (void)state;
    const int turns = ALLOC_IN_TURN(compile_and_check(
        "{'properties':{'a\\u0062':{'pattern':'^x'},'u':{'uniqueItems':true}},'required':['a','b'],"
        "'$ref':'#/$defs/d','$defs':{'d':{'anyOf':[{'type':'null'},{'minProperties':9}]}}}",
        "{'\\u0061b':'\\u0061','u':[1,2,3,4,5,6,7,8,'\\u0061','a']}"));
    assert_true(turns >= 5);
}

static void *check_many(void *argument)
{
    const struct schema *schema = argument;
    uintptr_t wrong = 0;
    for (int i = 0; i < 300; i++) {
        struct text text;
        struct arena arena;
        struct schema_report report;
        arena_init(&arena, 0);
        schema_report_init(&report, &arena, 3);
        struct json_ref value =
            read_json(&text, i % 2 ? "{'a':'xyz','n':{'a':'x'}}" : "{'a':'y','n':{'a':1}}");
        wrong +=
            schema_validate(schema, value, NULL, &report) != (i % 2 ? SCHEMA_FITS : SCHEMA_DIFFERS);
        arena_free(&arena);
        arena_free(&text.arena);
    }
    return (void *)wrong;
}

static void threads(void **state)
{
    struct schema *schema =
        compile("{'properties':{'a':{'type':'string','pattern':'^x'},'n':{'$ref':'#'}}}");
    pthread_t ids[4];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_int_equal(pthread_create(&ids[i], NULL, check_many, schema), 0);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        void *wrong;
        assert_int_equal(pthread_join(ids[i], &wrong), 0);
        assert_null(wrong);
    }
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential),       cmocka_unit_test(many_reasons),
        cmocka_unit_test(costly_values),     cmocka_unit_test(depth),
        cmocka_unit_test(limits_of_schemas), cmocka_unit_test(no_memory),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
