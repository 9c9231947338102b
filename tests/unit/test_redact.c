/* redact: the forms in which a secret comes back, and what must stay as it is. */
#include "base/redact.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void check(const char *secret, const char *text, bool parts, const char *expected)
{
    struct redact redact = {0};
    struct buf out;
    assert_int_equal(redact_add(&redact, &arena, slice_str(secret)), 0);
    buf_init(&out, 0);
    redact_text(&redact, slice_str(text), parts, &out);
    assert_true(buf_ok(&out));
    assert_string_equal(out.data ? out.data : "", expected);
    buf_free(&out);
}

static void every_form_is_found(void **state)
{
    static const char secret[] = "can/ary \"+7";
    static const char *const forms[] = {
        "can/ary \"+7",       "can%2Fary%20%22%2B7",     "can%2fary+%22%2b7",
        "can\\/ary \\\"+7",   "can\\u002Fary \\u0022+7", "can%252Fary%2520%2522%252B7",
        "%63an/ary \"+7",     "63616e2f61727920222b37",  "63616E2F61727920222B37",
        "can%2Fary \\\"%2B7",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text), "a=%s&b", forms[i]);
        check(secret, text, false, "a=***&b");
    }
}

static void base64_is_found_at_any_place(void **state)
{
    (void)state;
    /* hunter22 alone, behind 1, 2 and 3 bytes, and before others */
    check("hunter22", "aHVudGVyMjI=", false, "***I=");
    check("hunter22", "Omh1bnRlcjIy", false, "Om***");
    check("hunter22", "YTpodW50ZXIyMg==", false, "YTp***g==");
    check("hunter22", "YWI6aHVudGVyMjI6eA==", false, "YWI6***I6eA==");
    check("a?>b?>c", "YT8-Yj8-Yw", false, "***w");
    check("a?>b?>c", "YT8%2BYj8%2BYw==", false, "***w==");
}

static void other_texts_stay(void **state)
{
    (void)state;
    check("hunter22", "hunter2 unter22 %68 %", false, "hunter2 unter22 %68 %");
    check("hunter22", "", false, "");
    check("", "anything", false, "anything");
    check("Hunter22", "hUNTER22 HUNTER22", false, "*** ***");
    check("ab", "YWI= cab", false, "YWI= c***");
    check("hunter22", "tail \\", false, "tail \\");
    check("hunter22", "tail hunter22", false, "tail ***");
}

static void beginnings_are_found_where_a_text_was_cut(void **state)
{
    (void)state;
    check("hunter2222", "it said hunter2", true, "it said ***");
    check("hunter2222", "it said hunte", true, "it said hunte");
    check("hunter2222", "it said 'hunter…", true, "it said '***…");
}

static void messages_are_redacted_in_place(void **state)
{
    char message[24] = "no: s1 and s1 s1 s1 s1";
    struct redact redact = {0};
    (void)state;
    redact_message(&redact, message, sizeof(message));
    assert_string_equal(message, "no: s1 and s1 s1 s1 s1");
    assert_int_equal(redact_add(&redact, &arena, SLICE("s1")), 0);
    redact_message(&redact, message, sizeof(message));
    assert_string_equal(message, "no: *** and *** *** ***"); /* cut, not written beyond */
}

static void check_json(const char *secret, const char *text, const char *expected)
{
    struct redact redact = {0};
    struct json_doc doc;
    struct json_error error;
    struct buf out;
    assert_int_equal(redact_add(&redact, &arena, slice_str(secret)), 0);
    assert_int_equal(json_read(&arena, slice_str(text), NULL, &doc, &error), 0);
    buf_init(&out, 0);
    redact_json(&redact, json_root(&doc), &arena, &out);
    assert_true(buf_ok(&out));
    assert_string_equal(out.data, expected);
    assert_true(json_valid(buf_slice(&out)));
    buf_free(&out);
}

static void documents_stay_documents(void **state)
{
    (void)state;
    check_json("123456", "{ \"a\": [123456, 1234567, \"x123456y\"], \"n\": null }",
               "{\"a\":[\"***\",1234567,\"x***y\"],\"n\":null}");
    check_json("qu\"ote", "[\"qu\\\"ote\", \"qu\\u0022ote\", \"\\u0071u%22ote\"]",
               "[\"***\",\"***\",\"***\"]");
    check_json("key", "{\"key\": 1, \"k%65y\": 2, \"kez\": {\"key\": [] }}",
               "{\"***#0\":1,\"***#1\":2,\"kez\":{\"***#0\":[]}}");
}

static void without_memory_it_says_so(void **state)
{
    struct arena small;
    struct redact redact = {0};
    (void)state;
    arena_init(&small, 64);
    assert_int_equal(
        redact_add(&redact, &small, SLICE("a secret of a certain length, as they are")), -1);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_form_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(base64_is_found_at_any_place, setup, teardown),
        cmocka_unit_test_setup_teardown(other_texts_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(beginnings_are_found_where_a_text_was_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_are_redacted_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(documents_stay_documents, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_says_so, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
