/* Conformance: how cases are run, and the official ones. */
#include "base/attr.h"
#include "cel/cases.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

/* Runs the lines; *out is what was written, to be freed. */
static int run(const char *lines, char **out, unsigned *passed, unsigned *failed)
{
    size_t size = 0;
    char *copy = strdup(lines);
    assert_non_null(copy);
    FILE *in = fmemopen(copy, strlen(copy), "r");
    FILE *to = open_memstream(out, &size);
    assert_non_null(in);
    assert_non_null(to);
    int result = cel_run_cases(in, to, passed, failed);
    (void)fclose(in);
    (void)fclose(to);
    free(copy);
    return result;
}

static void test_counts(void **state UNUSED)
{
    static const char lines[] =
        "{\"id\":\"a\",\"profile\":\"p\",\"expr\":\"1+1\",\"expect\":{\"value\":{\"int\":\"2\"}}}\n"
        "{\"id\":\"b\",\"profile\":\"p\",\"expr\":\"1+1\",\"expect\":{\"value\":{\"int\":\"3\"}}}\n"
        "{\"id\":\"c\",\"profile\":\"p\",\"expr\":\"2\",\"expect\":{\"value\":{\"uint\":\"2\"}}}\n"
        "{\"id\":\"d\",\"profile\":\"q\",\"expr\":\"1/0\",\"expect\":{\"error\":[\"any\"]}}\n"
        "{\"id\":\"e\",\"profile\":\"q\",\"expr\":\"1\",\"expect\":{\"error\":[\"any\"]}}\n"
        "{\"id\":\"f\",\"profile\":\"q\",\"expr\":\"[x]\",\"check_only\":true,"
        "\"type_env\":[{\"name\":\"x\",\"type\":\"int\"}],\"expect\":{\"type\":{\"list\":\"int\"}}}"
        "\n"
        "{\"id\":\"g\",\"profile\":\"q\",\"expr\":\"[1]\",\"check_only\":true,"
        "\"expect\":{\"type\":{\"list\":\"uint\"}}}\n"
        "{\"id\":\"h\",\"profile\":\"q\",\"expr\":\"y.z\",\"bindings\":{\"y.z\":{\"map\":[[{"
        "\"int\":"
        "\"1\"},{\"list\":[{\"null\":null},{\"bool\":true}]}]]}},\"expect\":{\"value\":{\"map\":"
        "[[{\"int\":\"1\"},{\"list\":[{\"null\":null},{\"bool\":true}]}]]}}}\n"
        "{\"id\":\"j\",\"profile\":\"q\",\"expr\":\"v.map(x, x)\",\"bindings\":{\"v\":{\"json\":"
        "[1,1.0,\"\\u0061\",{\"b\":[]}]}},\"expect\":{\"value\":{\"list\":[{\"int\":\"1\"},{"
        "\"double\":\"1\"},{\"string\":\"a\"},{\"map\":[[{\"string\":\"b\"},{\"list\":[]}]]}]}}}\n"
        "{\"id\":\"k\",\"profile\":\"q\",\"expr\":\"v[0]\",\"bindings\":{\"v\":{\"json\":[1]}},"
        "\"expect\":{\"value\":{\"double\":\"1\"}}}\n"
        "{\"id\":\"i\",\"profile\":\"q\",\"expr\":\"1 + "
        "nope\",\"expect\":{\"value\":{\"int\":\"1\"}}}\n";
    unsigned passed = 0;
    unsigned failed = 0;
    char *out = NULL;
    assert_int_equal(run(lines, &out, &passed, &failed), 0);
    assert_int_equal(passed, 5);
    assert_int_equal(failed, 6);
    assert_string_equal(out, "FAIL b: 1+1: got 2\n"
                             "FAIL c: 2: got 2\n"
                             "FAIL e: 1: wanted an error, got 1\n"
                             "FAIL g: [1]: got type list(int)\n"
                             "FAIL k: v[0]: got 1\n"
                             "FAIL i: 1 + nope: does not compile: unknown name 'nope'\n"
                             "p: 1 passed, 2 failed\n"
                             "q: 4 passed, 4 failed\n");
    free(out);
}

static void test_no_cases(void **state UNUSED)
{
    static const char *const lines[] = {
        "{",
        "[]",
        "{\"profile\":\"p\"}",
        "{\"profile\":\"p\",\"expr\":\"1\"}",
        "{\"profile\":\"p\",\"expr\":\"1\",\"expect\":{\"value\":{\"int\":\"x\"}}}",
        "{\"profile\":\"p\",\"expr\":\"1\",\"expect\":{\"value\":{\"what\":\"x\"}}}",
        "{\"profile\":\"p\",\"expr\":\"x\",\"bindings\":{\"x\":1},\"expect\":{\"error\":[]}}"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        unsigned passed = 0;
        unsigned failed = 0;
        char *out = NULL;
        assert_int_equal(run(lines[i], &out, &passed, &failed), -1);
        assert_true(strlen(out) > 0);
        free(out);
    }
}

/* All of the standard language and of the extension libraries. */
static void test_official(void **state UNUSED)
{
    static const char *const paths[] = {"../shared/inputs/cel/cases.jsonl",
                                        "../../shared/inputs/cel/cases.jsonl"};
    FILE *in = NULL;
    for (size_t i = 0; i < 2 && !in; i++)
        in = fopen(paths[i], "r");
    if (!in) {
        print_message("left out: the official cases, ../shared/inputs/cel is missing\n");
        skip();
    }
    unsigned passed = 0;
    unsigned failed = 0;
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    assert_non_null(to);
    assert_int_equal(cel_run_cases(in, to, &passed, &failed), 0);
    (void)fclose(in);
    (void)fclose(to);
    assert_non_null(strstr(out, "core: 1112 passed, 0 failed\n"));
    assert_non_null(strstr(out, "ext: 629 passed, 0 failed\n"));
    assert_non_null(strstr(out, "container: 11 passed, 0 failed\n"));
    assert_non_null(strstr(out, "check: 8 passed, 0 failed\n"));
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_no_cases),
        cmocka_unit_test(test_official),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
