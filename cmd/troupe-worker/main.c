/* troupe-worker: settings, signals, wiring. */
#include "base/log.h"
#include "base/settings.h"
#include "http.h"
#include "protocol/redis.h"
#include "protocol/scripts.h"
#include "worker/worker.h"
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TROUPE_VERSION
#define TROUPE_VERSION "0.1.0"
#endif

enum { SETTINGS_ARENA_BYTES = 4 << 20, PROBE_MS = 3000, EXIT_FORCED = 1 };

static const struct setting table[] = {
    {.name = "redis-url",
     .kind = SETTING_STRING,
     .default_text = "redis://127.0.0.1:6379",
     .value_name = "URL",
     .help = "Redis (TROUPE_REDIS_URL)",
     .secret = true},
    {.name = "name",
     .kind = SETTING_STRING,
     .value_name = "NAME",
     .help = "name of this worker, unique in the fleet (default: HOST-PID-RANDOM)"},
    {.name = "queues",
     .kind = SETTING_LIST,
     .default_text = "default",
     .value_name = "NAME,...",
     .help = "queues to serve; 'default' must be among them"},
    {.name = "concurrency",
     .kind = SETTING_INT,
     .default_text = "256",
     .min = 1,
     .max = 65536,
     .value_name = "N",
     .help = "tokens held at most"},
    {.name = "batch",
     .kind = SETTING_INT,
     .default_text = "32",
     .min = 1,
     .max = 1000,
     .value_name = "N",
     .help = "tokens claimed in one call"},
    {.name = "lease",
     .kind = SETTING_MS,
     .default_text = "5s",
     .min = 500,
     .max = 3600000,
     .value_name = "TIME",
     .help = "how long the others leave this worker's tokens alone when it is silent"},
    {.name = "drain-timeout",
     .kind = SETTING_MS,
     .default_text = "30s",
     .max = 3600000,
     .value_name = "TIME",
     .help = "how long SIGTERM waits for what is held"},
    {.name = "max-value",
     .kind = SETTING_BYTES,
     .default_text = "16MiB",
     .min = 1024,
     .max = 24 << 20,
     .value_name = "SIZE",
     .help = "largest input or output of a node"},
    {.name = "expression-steps",
     .kind = SETTING_INT,
     .default_text = "1000000",
     .min = 1000,
     .max = 100000000,
     .value_name = "N",
     .help = "steps that one evaluation of an expression may take"},
    {.name = "expression-memory",
     .kind = SETTING_BYTES,
     .default_text = "64MiB",
     .min = 64 << 10,
     .max = 256 << 20,
     .value_name = "SIZE",
     .help = "memory that it may use"},
    {.name = "log-level",
     .kind = SETTING_STRING,
     .default_text = "info",
     .value_name = "LEVEL",
     .help = "debug, info, warn or error; read again at SIGHUP"},
    {.name = "http-port",
     .kind = SETTING_INT,
     .min = 1,
     .max = 65535,
     .value_name = "PORT",
     .help = "serves /healthz, /readyz and /metrics on 127.0.0.1"},
    {.name = "config",
     .kind = SETTING_STRING,
     .value_name = "FILE",
     .help = "settings as YAML (default: troupe.conf if it is there)"},
    {.name = "help", .letter = 'h', .kind = SETTING_FLAG, .help = "this page", .flag_only = true},
    {.name = "version", .kind = SETTING_FLAG, .help = "prints the version", .flag_only = true},
};

struct program {
    int argc;
    char **argv;
    struct arena arena;
    struct settings settings;
    struct event_base *base;
    struct worker *worker;
    struct evhttp *http;
    struct event *signals[3];
    int status;
};

static void write_help(FILE *out)
{
    (void)fputs("usage: troupe-worker [OPTION...]\n\n"
                "A member of the fleet: claims tokens from Redis, executes their nodes, settles "
                "them.\n\n",
                out);
    settings_help(out, table, ARRAY_LEN(table));
    (void)fputs(
        "\nEvery option but --help and --version may also be a variable (TROUPE_LEASE) or a "
        "line of the\nconfiguration file (lease: 5s).\n"
        "\nexamples:\n"
        "  troupe-worker --redis-url redis://10.0.0.5:6379\n"
        "  troupe-worker --concurrency 64 --lease 10s --http-port 9464\n"
        "  TROUPE_REDIS_URL=redis://:secret@10.0.0.5:6379/2 troupe-worker --name fleet-7\n"
        "\nSIGTERM and SIGINT drain (a second one forces), SIGHUP reads log-level again.\n"
        "exit status: 0 drained, 1 forced, 2 wrong options, 5 Redis refused us\n",
        out);
}

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "troupe-worker: %s\n", err->message);
    return err_exit_code(err->code);
}

static int read_settings(struct settings *settings, struct arena *arena, int argc, char **argv,
                         enum log_level *level, struct err *err)
{
    if (settings_read(settings, arena, table, ARRAY_LEN(table), argc, argv, false, err) != 0)
        return -1;
    if (settings->argument_count > 0)
        return err_set(err, ERR_USAGE, "'%s' is no option", settings->arguments[0]);
    if (!log_level_parse(settings_string(settings, "log-level"), level))
        return err_set(err, ERR_USAGE, "log-level: '%s' is not one of debug, info, warn, error",
                       settings_string(settings, "log-level"));
    return 0;
}

/* A Redis that is not there yet is waited for; one that will not have us is an error now. */
static int probe(const char *url, struct err *err)
{
    struct redis *redis = redis_new(url, PROBE_MS, err);
    if (!redis)
        return -1;
    const int rc = redis_connect(redis, err);
    redis_free(redis);
    if (rc == 0 || err->code == ERR_UNREACHABLE || err->code == ERR_TIMEOUT)
        return 0;
    if (err->code == ERR_INTERNAL) /* it answered, and not as one that would have us */
        err->code = ERR_REFUSED;
    return -1;
}

/* --- signals --- */

static void on_stop(evutil_socket_t number, short what, void *context)
{
    struct program *program = context;
    struct worker_stats stats;
    (void)number;
    (void)what;
    worker_stats(program->worker, &stats);
    if (!stats.draining) {
        worker_drain(program->worker);
        return;
    }
    log_text(LOG_WARN, "forced to end: what is held is taken over when the lease lapses");
    program->status = EXIT_FORCED;
    (void)event_base_loopbreak(program->base);
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
    struct program *program = context;
    struct settings settings = {0};
    struct arena arena;
    enum log_level level = LOG_INFO;
    struct err err = ERR_INIT;
    (void)number;
    (void)what;
    arena_init(&arena, SETTINGS_ARENA_BYTES);
    if (read_settings(&settings, &arena, program->argc, program->argv, &level, &err) != 0) {
        log_write(LOG_ERROR, "settings are kept: the new ones are wrong",
                  LOG_S("reason", err.message));
    } else {
        log_setup("troupe-worker", level);
        log_write(LOG_INFO, "settings read again: log-level is what can change",
                  LOG_S("log_level", settings_string(&settings, "log-level")));
    }
    arena_free(&arena);
}

static int catch_signals(struct program *program, struct err *err)
{
    const struct {
        int number;
        event_callback_fn callback;
    } wanted[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        program->signals[i] =
            evsignal_new(program->base, wanted[i].number, wanted[i].callback, program);
        if (!program->signals[i] || event_add(program->signals[i], NULL) != 0)
            return err_set(err, ERR_IO, "cannot catch signal %d", wanted[i].number);
    }
    return 0;
}

/* --- life --- */

static int start(struct program *program, struct err *err)
{
    const struct settings *s = &program->settings;
    struct worker_options options = {
        .redis_url = settings_string(s, "redis-url"),
        .name = settings_string(s, "name"),
        .batch = (uint32_t)settings_number(s, "batch"),
        .concurrency = (uint32_t)settings_number(s, "concurrency"),
        .lease_ms = settings_number(s, "lease"),
        .drain_timeout_ms = settings_number(s, "drain-timeout"),
        .max_value_bytes = (size_t)settings_number(s, "max-value"),
        .expression_steps = (uint64_t)settings_number(s, "expression-steps"),
        .expression_bytes = (size_t)settings_number(s, "expression-memory"),
        .clock = &clock_system,
    };
    options.queues = settings_list(s, "queues", &options.queue_count);
    program->base = event_base_new();
    if (!program->base)
        return err_set(err, ERR_IO, "cannot make an event loop");
    program->worker = worker_new(program->base, &options, err);
    if (!program->worker || probe(options.redis_url, err) != 0 || catch_signals(program, err) != 0)
        return -1;
    if (settings_given(s, "http-port")) {
        program->http = http_start(program->base, (uint16_t)settings_number(s, "http-port"),
                                   program->worker, err);
        if (!program->http)
            return -1;
    }
    return 0;
}

static void stop(struct program *program)
{
    if (program->http)
        evhttp_free(program->http);
    worker_free(program->worker);
    for (size_t i = 0; i < ARRAY_LEN(program->signals); i++) {
        if (program->signals[i])
            event_free(program->signals[i]);
    }
    if (program->base)
        event_base_free(program->base);
    arena_free(&program->arena);
}

static bool given(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], word) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct program program = {.argc = argc, .argv = argv};
    struct err err = ERR_INIT;
    enum log_level level = LOG_INFO;
    (void)signal(SIGPIPE, SIG_IGN);
    if (given(argc, argv, "--help") || given(argc, argv, "-h")) {
        write_help(stdout);
        return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
    }
    if (given(argc, argv, "--version")) {
        (void)puts("troupe-worker " TROUPE_VERSION);
        return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
    }
    arena_init(&program.arena, SETTINGS_ARENA_BYTES);
    log_setup("troupe-worker", LOG_INFO);
    scripts_setup();
    if (read_settings(&program.settings, &program.arena, argc, argv, &level, &err) != 0) {
        arena_free(&program.arena);
        return fail(&err);
    }
    log_setup("troupe-worker", level);
    if (start(&program, &err) != 0)
        program.status = fail(&err);
    else if (event_base_dispatch(program.base) < 0)
        program.status = err_exit_code(ERR_IO);
    stop(&program);
    return program.status;
}
