/* Settings from all sources, their order, and what is said about mistakes. */
#include "alloc_in_turn.h"
#include "base/settings.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>

static const struct setting table[] = {
    {"url", 'u', SETTING_STRING, "redis://127.0.0.1:6379", 0, 0, "URL", "where Redis is", false,
     false},
    {"port", 'p', SETTING_INT, "80", 1, 65535, "PORT", "the port", false, false},
    {"offset", 0, SETTING_INT, NULL, 0, 0, NULL, "any integer", false, false},
    {"cache-size", 0, SETTING_BYTES, "4KiB", 0, 0, "SIZE", "memory", false, false},
    {"lease-ms", 0, SETTING_MS, "5s", 1, 3600000, "TIME", "how long", false, false},
    {"verbose", 'v', SETTING_FLAG, NULL, 0, 0, NULL, "says more", false, false},
    {"quick", 'q', SETTING_FLAG, "true", 0, 0, NULL, "says less", false, false},
    {"queues", 'Q', SETTING_LIST, "default", 0, 0, "LIST", "what to serve", false, false},
    {"token-key", 0, SETTING_STRING, NULL, 0, 0, "TEXT", "a secret", true, false},
    {"pin", 0, SETTING_INT, NULL, 0, 0, "N", "a secret number", true, false},
    {"output", 'o', SETTING_STRING, "table", 0, 0, "FORMAT", "how to print", false, true},
    {"batch", 0, SETTING_INT, NULL, 0, 0, "N", "of one call here", false, true},
};

static struct arena arena;
static struct settings settings;
static struct err err;
static char directory[] = "/tmp/test_settings_XXXXXX";

static int setup(void **state UNUSED)
{
    arena_init(&arena, 0);
    err = ERR_INIT;
    static const char *const names[] = {
        "TROUPE_URL",       "TROUPE_PORT",           "TROUPE_VERBOSE",    "TROUPE_QUEUES",
        "TROUPE_TOKEN_KEY", "TROUPE_TOKEN_KEY_FILE", "TROUPE_LEASE_MS",   "TROUPE_OUTPUT",
        "TROUPE_PIN",       "TROUPE_CONFIG",         "TROUPE_CACHE_SIZE", "TROUPE_URL_FILE"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(unsetenv(names[i]), 0);
    (void)unlink("troupe.conf");
    (void)unlink("other.conf");
    (void)unlink("secret");
    return 0;
}

static int teardown(void **state UNUSED)
{
    arena_free(&arena);
    return 0;
}

static int group_setup(void **state UNUSED)
{
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)setup(state);
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* Words separated by single spaces, "program" first. */
static int read_words(const char *words, bool stop)
{
    static char copy[1000];
    static char *argv[100];
    int argc = 0;
    argv[argc++] = (char[]){"program"};
    assert_true(strlen(words) < sizeof(copy));
    memcpy(copy, words, strlen(words) + 1);
    for (char *word = copy; *word;) {
        argv[argc++] = word;
        char *space = strchr(word, ' ');
        if (!space)
            break;
        *space = '\0';
        word = space + 1;
    }
    argv[argc] = NULL;
    return settings_read(&settings, &arena, table, ARRAY_LEN(table), argc, argv, stop, &err);
}

static void must_read(const char *words)
{
    if (read_words(words, false) != 0)
        fail_msg("%s: %s", words, err.message);
}

static void must_fail(const char *words, const char *message)
{
    assert_int_equal(read_words(words, false), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.message, message);
}

static void test_defaults(void **state UNUSED)
{
    must_read("");
    assert_string_equal(settings_string(&settings, "url"), "redis://127.0.0.1:6379");
    assert_int_equal(settings_number(&settings, "port"), 80);
    assert_null(settings_string(&settings, "offset"));
    assert_int_equal(settings_number(&settings, "offset"), 0);
    assert_int_equal(settings_number(&settings, "cache-size"), 4096);
    assert_int_equal(settings_number(&settings, "lease-ms"), 5000);
    assert_false(settings_flag(&settings, "verbose"));
    assert_true(settings_flag(&settings, "quick"));
    assert_false(settings_given(&settings, "url"));
    uint32_t count;
    const char *const *queues = settings_list(&settings, "queues", &count);
    assert_int_equal(count, 1);
    assert_string_equal(queues[0], "default");
    assert_int_equal(settings.argument_count, 0);
}

static void test_command_line(void **state UNUSED)
{
    must_read("a --url=x://y -p 81 --offset -5 -v b --no-quick -Qx,y --queues z --cache-size 16MiB "
              "--lease-ms 2m -oj -- --c -d");
    assert_string_equal(settings_string(&settings, "url"), "x://y");
    assert_true(settings_given(&settings, "url"));
    assert_int_equal(settings_number(&settings, "port"), 81);
    assert_int_equal(settings_number(&settings, "offset"), -5);
    assert_true(settings_flag(&settings, "verbose"));
    assert_false(settings_flag(&settings, "quick"));
    assert_int_equal(settings_number(&settings, "cache-size"), 16 << 20);
    assert_int_equal(settings_number(&settings, "lease-ms"), 120000);
    assert_string_equal(settings_string(&settings, "output"), "j");
    uint32_t count;
    const char *const *queues = settings_list(&settings, "queues", &count);
    assert_int_equal(count, 3);
    assert_string_equal(queues[0], "x");
    assert_string_equal(queues[2], "z");
    assert_int_equal(settings.argument_count, 4);
    assert_string_equal(settings.arguments[0], "a");
    assert_string_equal(settings.arguments[1], "b");
    assert_string_equal(settings.arguments[2], "--c");
    assert_string_equal(settings.arguments[3], "-d");
    must_read("-vq -qp9 -p 10 - --verbose=false --quick=yes");
    assert_int_equal(settings_number(&settings, "port"), 10);
    assert_false(settings_flag(&settings, "verbose"));
    assert_true(settings_flag(&settings, "quick"));
    assert_string_equal(settings.arguments[0], "-");
    must_read("--url=");
    assert_string_equal(settings_string(&settings, "url"), "");
    must_read("--queues ,,a,,b,");
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 2);
    must_read("--queues=");
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 0);
}

static void test_stop_at_argument(void **state UNUSED)
{
    assert_int_equal(read_words("-v run --url x -- y", true), 0);
    assert_true(settings_flag(&settings, "verbose"));
    assert_int_equal(settings.argument_count, 5);
    assert_string_equal(settings.arguments[1], "--url");
    assert_string_equal(settings.arguments[3], "--");
    assert_false(settings_given(&settings, "url"));
}

static void test_mistakes_on_the_command_line(void **state UNUSED)
{
    must_fail("--prot 1", "unknown option --prot; did you mean --port?");
    must_fail("--xyzzy", "unknown option --xyzzy");
    must_fail("--outptu=x", "unknown option --outptu; did you mean --output?");
    must_fail("--no-port", "unknown option --no-port");
    must_fail("-x", "unknown option -x");
    must_fail("-vx", "unknown option -x");
    must_fail("--port", "--port needs a value (PORT)");
    must_fail("-p", "-p needs a value (PORT)");
    must_fail("--offset", "--offset needs a value (VALUE)");
    must_fail("--port abc", "--port: \"abc\" is not an integer");
    must_fail("--port=", "--port: \"\" is not an integer");
    must_fail("-p 1x", "-p: \"1x\" is not an integer");
    must_fail("-p 0", "-p: 0 is not between 1 and 65535");
    must_fail("-p 65536", "-p: 65536 is not between 1 and 65535");
    must_fail("--offset 99999999999999999999",
              "--offset: \"99999999999999999999\" is not an integer");
    must_fail("--cache-size 4KB",
              "--cache-size: \"4KB\" is not a size: a number of bytes, or as 4KiB, 16MiB, 1GiB");
    must_fail("--cache-size -4",
              "--cache-size: \"-4\" is not a size: a number of bytes, or as 4KiB, 16MiB, 1GiB");
    must_fail("--cache-size 9999999999TiB",
              "--cache-size: \"9999999999TiB\" is not a size: a number of bytes, or as 4KiB, "
              "16MiB, 1GiB");
    must_fail("--lease-ms 5sec", "--lease-ms: \"5sec\" is not a time: a number of milliseconds, or "
                                 "as 500ms, 5s, 2m, 1h");
    must_fail("--lease-ms 2h", "--lease-ms: 2h is not between 1 and 3600000");
    must_fail("--verbose=maybe", "--verbose: \"maybe\" is not true or false");
    must_fail("--pin 12x", "--pin: \"***\" is not an integer");
    must_fail("--config", "--config needs a value (FILE)");
    must_fail("--config nowhere.conf", "cannot read nowhere.conf: No such file or directory");
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void test_environment(void **state UNUSED)
{
    set("TROUPE_URL", "env://");
    set("TROUPE_PORT", "82");
    set("TROUPE_QUEUES", "a,b");
    set("TROUPE_VERBOSE", "on");
    set("TROUPE_OUTPUT", "ignored: an option of one call");
    set("TROUPE_LEASE_MS", "");
    must_read("--port 83");
    assert_string_equal(settings_string(&settings, "url"), "env://");
    assert_int_equal(settings_number(&settings, "port"), 83);
    assert_true(settings_flag(&settings, "verbose"));
    assert_string_equal(settings_string(&settings, "output"), "table");
    assert_int_equal(settings_number(&settings, "lease-ms"), 5000);
    uint32_t count;
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 2);
    must_read("--queues c");
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 1);
    set("TROUPE_PORT", "many");
    must_fail("", "TROUPE_PORT: \"many\" is not an integer");
    must_read("--port 1"); /* unseen */
}

static void test_secrets(void **state UNUSED)
{
    write_file("secret", "hush\r\n\n");
    set("TROUPE_TOKEN_KEY_FILE", "secret");
    set("TROUPE_URL_FILE", "secret"); /* not a secret: no such variable */
    must_read("");
    assert_string_equal(settings_string(&settings, "token-key"), "hush");
    assert_string_equal(settings_string(&settings, "url"), "redis://127.0.0.1:6379");
    set("TROUPE_TOKEN_KEY", "other");
    must_fail("", "both TROUPE_TOKEN_KEY and TROUPE_TOKEN_KEY_FILE are set");
    assert_int_equal(unsetenv("TROUPE_TOKEN_KEY"), 0);
    set("TROUPE_TOKEN_KEY_FILE", "nowhere");
    must_fail("", "TROUPE_TOKEN_KEY_FILE: cannot read nowhere: No such file or directory");
    assert_int_equal(unsetenv("TROUPE_TOKEN_KEY_FILE"), 0);
    set("TROUPE_PIN", "12x");
    must_fail("", "TROUPE_PIN: \"***\" is not an integer");
}

static void test_file(void **state UNUSED)
{
    write_file("troupe.conf", "# settings\n"
                              "url: file://\n"
                              "port: 84\n"
                              "cache-size: 1GiB\n"
                              "lease-ms: 100\n"
                              "verbose: true\n"
                              "quick: 'no'\n"
                              "queues: [a, b, 'c,d']\n"
                              "token-key:\n");
    set("TROUPE_PORT", "85");
    must_read("");
    assert_string_equal(settings_string(&settings, "url"), "file://");
    assert_int_equal(settings_number(&settings, "port"), 85);
    assert_int_equal(settings_number(&settings, "cache-size"), 1 << 30);
    assert_int_equal(settings_number(&settings, "lease-ms"), 100);
    assert_true(settings_flag(&settings, "verbose"));
    assert_false(settings_flag(&settings, "quick"));
    assert_null(settings_string(&settings, "token-key"));
    assert_false(settings_given(&settings, "token-key"));
    uint32_t count;
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 4);
    must_read("--url flag:// --queues x");
    assert_string_equal(settings_string(&settings, "url"), "flag://");
    const char *const *queues = settings_list(&settings, "queues", &count);
    assert_int_equal(count, 1);
    assert_string_equal(queues[0], "x");
    /* Another file, named in two ways. */
    write_file("other.conf", "queues: a,b\noffset: 0x10\n");
    set("TROUPE_CONFIG", "other.conf");
    must_read("");
    assert_int_equal(settings_number(&settings, "offset"), 16);
    assert_false(settings_given(&settings, "url"));
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 2);
    must_read("--config troupe.conf");
    assert_string_equal(settings_string(&settings, "url"), "file://");
    write_file("other.conf", "# nothing\n");
    must_read("");
    write_file("other.conf", "queues: []\n");
    must_read("");
    (void)settings_list(&settings, "queues", &count);
    assert_int_equal(count, 0);
    set("TROUPE_CONFIG", "nowhere.conf");
    must_fail("", "cannot read nowhere.conf: No such file or directory");
}

/* What another program of ours knows is for that one, whatever it says. */
static void test_one_file_for_all(void **state UNUSED)
{
    write_file("troupe.conf", "concurrency: many\nport: 84\nownership-lease: 7s\nbatch: 16\n");
    must_read("");
    assert_int_equal(settings_number(&settings, "port"), 84);
    assert_false(settings_given(&settings, "batch"));
    must_fail("--concurrency 3", "unknown option --concurrency");
}

static void test_mistakes_in_the_file(void **state UNUSED)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"url: a\nprot: 1\n", "troupe.conf:2:1: unknown setting \"prot\"; did you mean \"port\"?"},
        {"xyzzy: 1\n", "troupe.conf:1:1: unknown setting \"xyzzy\""},
        {"outptu: 1\n", "troupe.conf:1:1: unknown setting \"outptu\""},
        {"concurency: 1\n",
         "troupe.conf:1:1: unknown setting \"concurency\"; did you mean \"concurrency\"?"},
        {"config: x\n", "troupe.conf:1:1: unknown setting \"config\""},
        {"cache_size: 1\n",
         "troupe.conf:1:1: unknown setting \"cache_size\"; did you mean \"cache-size\"?"},
        {"output: json\n",
         "troupe.conf:1:1: \"output\" can only be given on the command line, as --output"},
        {"port: 0\n", "troupe.conf:1:7: port: 0 is not between 1 and 65535"},
        {"\n\nport: x\n", "troupe.conf:3:7: port: \"x\" is not an integer"},
        {"port: 1.5\n", "troupe.conf:1:7: port: \"1.5\" is not an integer"},
        {"port: [1]\n", "troupe.conf:1:7: port: found array, expected an integer"},
        {"url: 12\n", "troupe.conf:1:6: url: found number, expected text: write it in quotes"},
        {"url: {a: b}\n", "troupe.conf:1:6: url: found object, expected text"},
        {"queues: [a, 1]\n",
         "troupe.conf:1:9: queues: found number in the list, expected text: write it in quotes"},
        {"verbose: 3\n", "troupe.conf:1:10: verbose: \"3\" is not true or false"},
        {"pin: secretly\n", "troupe.conf:1:6: pin: \"***\" is not an integer"},
        {"url: \"a\\0b\"\n", "troupe.conf:1:6: url: a zero byte in the value"},
        {"- a\n", "troupe.conf: expected lines \"name: value\", found a YAML array"},
        {"url: a\nurl: b\n", "troupe.conf:2:1: duplicate key \"url\""},
        {"url: 'a\n", "troupe.conf:2:1: while scanning a quoted scalar, from line 1 on: found "
                      "unexpected end of stream"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_file("troupe.conf", rows[i].text);
        must_fail("", rows[i].message);
        must_fail("--port 1", rows[i].message); /* a mistake is not hidden by what wins */
    }
}

static void test_help(void **state UNUSED)
{
    static const struct setting rows[] = {
        {"url", 'u', SETTING_STRING, "redis://x", 0, 0, "URL", "where Redis is", false, false},
        {"verbose", 0, SETTING_FLAG, NULL, 0, 0, NULL,
         "says so much more that the line does not hold it and goes on below, in the same column "
         "as it began",
         false, false},
        {"a-name-that-is-much-too-long", 0, SETTING_INT, NULL, 0, 0, NULL, "short", false, false},
    };
    char text[2000] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    settings_help(out, rows, ARRAY_LEN(rows));
    assert_int_equal(fclose(out), 0);
    assert_string_equal(
        text,
        "  -u, --url URL  where Redis is (default: redis://x)\n"
        "      --verbose  says so much more that the line does not hold it and goes on below, "
        "in the same\n"
        "                 column as it began\n"
        "      --a-name-that-is-much-too-long VALUE\n"
        "                 short\n");
}

static bool read_fresh(void)
{
    arena_free(&arena);
    if (read_words("a --url x --queues a,b,c --queues d --config troupe.conf", false) == 0)
        return true;
    assert_int_equal(err.code, ERR_LIMIT); /* not: a mistake in the file */
    return false;
}

static void test_no_memory(void **state UNUSED)
{
    write_file("troupe.conf", "queues: [a, b]\nport: 12\n");
    assert_true(ALLOC_IN_TURN(read_fresh()) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_command_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_at_argument, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_on_the_command_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_in_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_file_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests_name("settings", tests, group_setup, group_teardown);
}
