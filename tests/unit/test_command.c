/* Commands on the wire, keys, script digests. */
#include "base/buf.h"
#include "protocol/command.h"
#include "protocol/keys.h"
#include "protocol/script_source.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void test_plain_commands(void **state UNUSED)
{
    struct command command;
    struct buf wire;
    command_init(&command);
    buf_init(&wire, 0);
    assert_false(command_ok(&command));
    command_begin(&command, "HSET");
    command_arg(&command, SLICE("a\0b"));
    command_arg(&command, SLICE_NONE);
    command_arg_int(&command, INT64_MIN);
    command_arg_int(&command, 0);
    command_arg_str(&command, "x y");
    assert_true(command_ok(&command));
    command_write(&command, false, &wire);
    assert_true(slice_eq(buf_slice(&wire),
                         SLICE("*6\r\n$4\r\nHSET\r\n$3\r\na\0b\r\n$0\r\n\r\n"
                               "$20\r\n-9223372036854775808\r\n$1\r\n0\r\n$3\r\nx y\r\n")));
    command_begin(&command, "PING");
    buf_reset(&wire);
    command_write(&command, true, &wire);
    assert_string_equal(wire.data, "*1\r\n$4\r\nPING\r\n");
    buf_free(&wire);
    command_free(&command);
}

static void test_script_calls(void **state UNUSED)
{
    struct command command;
    struct buf wire, expected;
    command_init(&command);
    buf_init(&wire, 0);
    buf_init(&expected, 0);
    command_begin_script(&command, SCRIPT_BEAT, 15);
    command_arg_str(&command, "7");
    command_write(&command, false, &wire);
    buf_printf(&expected, "*5\r\n$7\r\nEVALSHA\r\n$40\r\n%.*s\r\n",
               SLICE_ARG(script_sha(SCRIPT_BEAT)));
    buf_str(&expected, "$1\r\n1\r\n$16\r\ntroupe:{15}:meta\r\n$1\r\n7\r\n");
    assert_string_equal(wire.data, expected.data);
    buf_reset(&wire);
    buf_reset(&expected);
    command_write(&command, true, &wire);
    buf_printf(&expected, "*5\r\n$4\r\nEVAL\r\n$%zu\r\n", script_text(SCRIPT_BEAT).len);
    buf_slice_append(&expected, script_text(SCRIPT_BEAT));
    buf_str(&expected, "\r\n$1\r\n1\r\n$16\r\ntroupe:{15}:meta\r\n$1\r\n7\r\n");
    assert_string_equal(wire.data, expected.data);
    buf_free(&wire);
    buf_free(&expected);
    command_free(&command);
}

static void test_a_command_that_outgrows_its_cap(void **state UNUSED)
{
    struct command command;
    char *big = calloc(1, COMMAND_MAX_BYTES);
    assert_non_null(big);
    command_init(&command);
    command_begin(&command, "SET");
    command_arg(&command, slice_of(big, COMMAND_MAX_BYTES));
    assert_false(command_ok(&command));
    command_arg(&command, SLICE("x"));
    assert_false(command_ok(&command));
    command_begin(&command, "SET");
    assert_true(command_ok(&command));
    command_free(&command);
    free(big);
}

static void test_scripts_are_all_there(void **state UNUSED)
{
    assert_int_equal(script_source_count, SCRIPT_COUNT);
    for (int i = 0; i < SCRIPT_COUNT; i++) {
        enum script script = (enum script)i;
        assert_memory_equal(script_text(script).ptr, "#!lua", 5);
        assert_int_equal(script_sha(script).len, 40);
        assert_true(strlen(script_name(script)) > 0);
        for (int k = 0; k < i; k++)
            assert_false(slice_eq(script_sha((enum script)k), script_sha(script)));
    }
    assert_string_equal(script_name(SCRIPT_SETTLE), "settle");
}

static void test_keys(void **state UNUSED)
{
    char key[KEY_MAX];
    assert_string_equal(key_meta(key, 0).ptr, "troupe:{0}:meta");
    assert_int_equal(key_meta(key, 65535).len, strlen("troupe:{65535}:meta"));
    assert_string_equal((key_queue(key, 3, SLICE("default")), key), "troupe:{3}:q:default");
    assert_string_equal((key_run(key, 3, SLICE("abc")), key), "troupe:{3}:run:abc");
    assert_string_equal((key_ledger(key, 3), key), "troupe:{3}:ledger");
    assert_string_equal((key_workers(key, 3), key), "troupe:{3}:workers");
    assert_string_equal((key_graph(key, SLICE("d")), key), "troupe:graph:d");
}

static void test_partitions_of_keys(void **state UNUSED)
{
    char key[KEY_MAX];
    assert_int_equal(key_partition(key_queue(key, 0, SLICE("default"))), 0);
    assert_int_equal(key_partition(key_ledger(key, 65535)), 65535);
    static const char *const none[] = {"troupe:runs", "troupe:{}:meta",      "troupe:{x}:meta",
                                       "troupe:{3",   "troupe:{65536}:meta", "",
                                       "other:{3}:q", "troupe:{3x}:q"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(key_partition(slice_str(none[i])), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_commands),
        cmocka_unit_test(test_script_calls),
        cmocka_unit_test(test_a_command_that_outgrows_its_cap),
        cmocka_unit_test(test_scripts_are_all_there),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_partitions_of_keys),
    };
    scripts_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
