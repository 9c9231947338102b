/* What a server's main() begins with: the answers to --help and --version, wrong settings, the log
 * level and its change, the port of the probes. */
#include "base/log.h"
#include "base/program.h"
#include <arpa/inet.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>

static const struct setting table[] = {
    {.name = "batch", .kind = SETTING_INT, .default_text = "32", .max = 1000, .help = "at once"},
#include "base/program_settings.def"
};

static const struct program_about about = {
    .name = "server",
    .version = "1.2.3",
    .usage = "usage: server [OPTION...]\n",
    .examples = "examples: server\n",
    .table = table,
    .table_count = ARRAY_LEN(table),
};

static char directory[] = "/tmp/test_program_XXXXXX";
static char said[20000];

static int group_setup(void **state UNUSED)
{
    return mkdtemp(directory) && chdir(directory) == 0 && unsetenv("TROUPE_CONFIG") == 0 ? 0 : -1;
}

static int group_teardown(void **state UNUSED)
{
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

static int forget(void **state UNUSED)
{
    return unsetenv("TROUPE_LOG_LEVEL") == 0 && unsetenv("TROUPE_HTTP_PORT") == 0 ? 0 : -1;
}

/* program_open() with one word or two; `said` is what went to the descriptor. */
static bool open_saying(int fd, struct program *program, const char *word, const char *other,
                        int *status)
{
    char *argv[] = {(char *)(uintptr_t) "server", (char *)(uintptr_t)word, (char *)(uintptr_t)other,
                    NULL};
    FILE *file = tmpfile();
    const int old = dup(fd);
    assert_non_null(file);
    assert_int_equal(fflush(NULL), 0);
    assert_int_equal(dup2(fileno(file), fd), fd);
    const bool open = program_open(program, &about, other ? 3 : word ? 2 : 1, argv, status);
    assert_int_equal(dup2(old, fd), fd);
    assert_int_equal(close(old), 0);
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    return open;
}

static void help_is_answered_wherever_it_stands(void **state UNUSED)
{
    static const char *const words[] = {"--help", "-h"};
    struct program program;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        int status = -1;
        assert_false(open_saying(STDOUT_FILENO, &program, "--nonsense", words[i], &status));
        assert_int_equal(status, 0);
        assert_ptr_equal(strstr(said, about.usage), said);
        assert_non_null(strstr(said, "--batch"));
        assert_non_null(strstr(said, "--http-port"));
        assert_non_null(strstr(said, about.examples));
        program_close(&program);
    }
}

static void the_version_is_answered(void **state UNUSED)
{
    struct program program;
    int status = -1;
    assert_false(open_saying(STDOUT_FILENO, &program, "--version", NULL, &status));
    assert_int_equal(status, 0);
    assert_string_equal(said, "server 1.2.3\n");
    program_close(&program);
}

static void what_is_wrong_is_said(void **state UNUSED)
{
    static const struct {
        const char *word, *message;
    } rows[] = {
        {"word", "server: 'word' is no option\n"},
        {"--log-level=loud", "server: log-level: 'loud' is not one of debug, info, warn, error\n"},
    };
    struct program program;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = -1;
        assert_false(open_saying(STDERR_FILENO, &program, rows[i].word, NULL, &status));
        assert_int_equal(status, err_exit_code(ERR_USAGE));
        assert_string_equal(said, rows[i].message);
        program_close(&program);
    }
}

static void the_level_is_read_again(void **state UNUSED)
{
    struct program program;
    int status = -1;
    assert_true(open_saying(STDERR_FILENO, &program, NULL, NULL, &status));
    assert_int_equal(settings_number(&program.settings, "batch"), 32);
    assert_false(log_enabled(LOG_DEBUG));
    assert_int_equal(setenv("TROUPE_LOG_LEVEL", "debug", 1), 0);
    program_reload(&program);
    assert_true(log_enabled(LOG_DEBUG));
    assert_int_equal(setenv("TROUPE_LOG_LEVEL", "loud", 1), 0);
    program_reload(&program);
    assert_true(log_enabled(LOG_DEBUG));
    program_close(&program);
}

static const char *unready(const void *context UNUSED) { return NULL; }
static void metrics(const void *context UNUSED, struct probes_page *page UNUSED) {}

static void probes_are_served_where_a_port_is_given(void **state UNUSED)
{
    const struct probes_asks asks = {.prefix = "server_", .unready = unready, .metrics = metrics};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct event_base *base = event_base_new();
    const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct program program;
    struct err err = ERR_INIT;
    char port[16];
    int status = -1;
    assert_non_null(base);
    assert_int_equal(bind(taken, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(taken, 1), 0);
    (void)snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));

    assert_true(open_saying(STDERR_FILENO, &program, NULL, NULL, &status));
    assert_int_equal(program_serve(&program, base, &asks, &err), 0);
    assert_null(program.probes);
    program_close(&program);

    assert_true(open_saying(STDERR_FILENO, &program, "--http-port", port, &status));
    assert_int_equal(program_serve(&program, base, &asks, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(close(taken), 0);
    assert_int_equal(program_serve(&program, base, &asks, &err), 0);
    assert_non_null(program.probes);
    const int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(caller, (struct sockaddr *)&address, len), 0);
    assert_int_equal(close(caller), 0);
    probes_stop(program.probes);
    program_close(&program);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(help_is_answered_wherever_it_stands, forget),
        cmocka_unit_test_setup(the_version_is_answered, forget),
        cmocka_unit_test_setup(what_is_wrong_is_said, forget),
        cmocka_unit_test_setup(the_level_is_read_again, forget),
        cmocka_unit_test_setup(probes_are_served_where_a_port_is_given, forget),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
