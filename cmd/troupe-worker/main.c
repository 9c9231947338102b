/* troupe-worker: settings, signals, wiring. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/program.h"
#include "metrics.h"
#include "protocol/redis.h"
#include "protocol/scripts.h"
#include "worker/secrets.h"
#include "worker/worker.h"
#include <signal.h>
#include <unistd.h>

#ifndef TROUPE_VERSION
#define TROUPE_VERSION "0.1.0"
#endif

enum { PROBE_MS = 3000, EXIT_FORCED = 1 };

static const struct setting table[] = {
    {.name = "redis-url",
     .kind = SETTING_STRING,
     .default_text = "redis://127.0.0.1:6379",
     .value_name = "URL",
     .help = "Redis (TROUPE_REDIS_URL)",
     .secret = true},
    {.name = "database-url",
     .kind = SETTING_STRING,
     .value_name = "URI",
     .help = "Postgres, which no worker needs: only to keep http nodes away from it",
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
    {.name = "inline-value-bytes",
     .kind = SETTING_BYTES,
     .default_text = "4KiB",
     .min = 64,
     .max = 24 << 20,
     .value_name = "SIZE",
     .help = "larger inputs and outputs stand beside their run in Redis"},
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
    {.name = "async-concurrency",
     .kind = SETTING_INT,
     .default_text = "1000",
     .min = 1,
     .max = 65536,
     .value_name = "N",
     .help = "executions under way that wait for others, like http calls"},
    {.name = "http-calls",
     .kind = SETTING_INT,
     .default_text = "1000",
     .min = 1,
     .max = 65536,
     .value_name = "N",
     .help = "http calls at once; more wait"},
    {.name = "http-allow",
     .kind = SETTING_STRING,
     .value_name = "CIDR,...",
     .help = "addresses that http nodes may reach although they are not public"},
    {.name = "http-deny",
     .kind = SETTING_STRING,
     .value_name = "CIDR,...",
     .help = "addresses that they may not reach"},
    {.name = "http-proxy",
     .kind = SETTING_STRING,
     .value_name = "URL",
     .help = "proxy of all http nodes",
     .secret = true},
    {.name = "http-ca",
     .kind = SETTING_STRING,
     .value_name = "FILE",
     .help = "CA certificates (PEM) in place of the system's"},
    {.name = "http-cert",
     .kind = SETTING_STRING,
     .value_name = "FILE",
     .help = "client certificate (PEM)"},
    {.name = "http-key",
     .kind = SETTING_STRING,
     .value_name = "FILE",
     .help = "its key (default: in http-cert)"},
    {.name = "allow-exec",
     .kind = SETTING_LIST,
     .value_name = "PROGRAM,...",
     .help = "programs that exec nodes may run, by name or absolute path (default: none)"},
    {.name = "exec-concurrency",
     .kind = SETTING_INT,
     .min = 1,
     .max = 4096,
     .value_name = "N",
     .help = "programs at once; more wait (default: 4 for each processor)"},
    {.name = "exec-limit-cpu",
     .kind = SETTING_MS,
     .default_text = "5m",
     .max = 31536000000,
     .value_name = "TIME",
     .help = "processor time of a program, in whole seconds; 0: no limit"},
    {.name = "exec-limit-memory",
     .kind = SETTING_BYTES,
     .default_text = "4GiB",
     .max = (int64_t)1 << 50,
     .value_name = "SIZE",
     .help = "address space of a program; 0: no limit"},
    {.name = "exec-limit-file",
     .kind = SETTING_BYTES,
     .default_text = "1GiB",
     .max = (int64_t)1 << 50,
     .value_name = "SIZE",
     .help = "largest file that it may write; 0: no limit"},
    {.name = "exec-limit-files",
     .kind = SETTING_INT,
     .default_text = "1024",
     .max = 1048576,
     .value_name = "N",
     .help = "files that it may have open; 0: no limit"},
    {.name = "exec-limit-processes",
     .kind = SETTING_INT,
     .default_text = "4096",
     .max = 4194304,
     .value_name = "N",
     .help = "processes and threads of the worker's user when it starts more; 0: no limit"},
    {.name = "exec-dir",
     .kind = SETTING_STRING,
     .value_name = "DIRECTORY",
     .help = "where programs get directories of their own (default: TMPDIR, or /tmp)"},
    {.name = "exec-cwd",
     .kind = SETTING_LIST,
     .value_name = "DIRECTORY,...",
     .help = "directories that config.cwd may name, with all below (default: none)"},
    {.name = "secrets-env",
     .kind = SETTING_STRING,
     .default_text = "TROUPE_SECRET_",
     .value_name = "PREFIX",
     .help = "how variables with secrets begin: secrets.api_key is PREFIXAPI_KEY"},
    {.name = "secrets-dir",
     .kind = SETTING_STRING,
     .value_name = "DIR",
     .help = "directory with a file for each secret"},
    {.name = "secrets-command",
     .kind = SETTING_STRING,
     .value_name = "COMMAND",
     .help = "for /bin/sh; prints all secrets, an object of strings in JSON"},
    {.name = "secrets-ttl",
     .kind = SETTING_MS,
     .default_text = "60s",
     .min = 100,
     .max = 86400000,
     .value_name = "TIME",
     .help = "after which files are read and the command is run again; SIGHUP does both at once"},
    {.name = "plugin",
     .kind = SETTING_LIST,
     .value_name = "FILE,...",
     .help = "shared objects whose functions it executes itself; may be repeated"},
    {.name = "plugin-threads",
     .kind = SETTING_INT,
     .min = 1,
     .max = 1024,
     .value_name = "N",
     .help = "threads for them (default: twice the cores)"},
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
    struct secrets *secrets;
    struct worker *worker;
    struct probes *probes;
    struct event *signals[3];
    int status;
};

static const struct program_about about = {
    .name = "troupe-worker",
    .version = TROUPE_VERSION,
    .usage = "usage: troupe-worker [OPTION...]\n\n"
             "A member of the fleet: claims tokens from Redis, executes their nodes, settles "
             "them.\n\n",
    .examples =
        "\nEvery option but --help and --version may also be a variable (TROUPE_LEASE) or a "
        "line of the\nconfiguration file (lease: 5s).\n"
        "\nexamples:\n"
        "  troupe-worker --redis-url redis://10.0.0.5:6379\n"
        "  troupe-worker --concurrency 64 --lease 10s --http-port 9464\n"
        "  TROUPE_REDIS_URL=redis://:secret@10.0.0.5:6379/2 troupe-worker --name fleet-7\n"
        "\nSIGTERM and SIGINT drain (a second one forces), SIGHUP reads log-level and secrets "
        "again.\n"
        "exit status: 0 drained, 1 forced, 2 wrong options, 5 Redis refused us\n",
    .table = table,
    .table_count = ARRAY_LEN(table),
};

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
    const struct program *program = context;
    (void)number;
    (void)what;
    program_reload(&about, program->argc, program->argv);
    secrets_refresh(program->secrets);
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

static struct http_settings http_settings(const struct settings *s)
{
    return (struct http_settings){
        .max_calls = (uint32_t)settings_number(s, "http-calls"),
        .max_body_bytes = (size_t)settings_number(s, "max-value"),
        .user_agent = "troupe/" TROUPE_VERSION,
        .allow = settings_string(s, "http-allow"),
        .deny = settings_string(s, "http-deny"),
        .proxy = settings_string(s, "http-proxy"),
        .tls = {.ca_file = settings_string(s, "http-ca"),
                .cert_file = settings_string(s, "http-cert"),
                .key_file = settings_string(s, "http-key")},
    };
}

static struct process_settings process_settings(const struct settings *s)
{
    struct process_settings settings = {
        .scratch = settings_string(s, "exec-dir"),
        .max = (uint32_t)settings_number(s, "exec-concurrency"),
        .limits = {.cpu_s = (settings_number(s, "exec-limit-cpu") + 999) / 1000,
                   .memory_bytes = (uint64_t)settings_number(s, "exec-limit-memory"),
                   .file_bytes = (uint64_t)settings_number(s, "exec-limit-file"),
                   .files = (uint32_t)settings_number(s, "exec-limit-files"),
                   .processes = (uint32_t)settings_number(s, "exec-limit-processes")},
    };
    settings.allow = settings_list(s, "allow-exec", &settings.allow_count);
    settings.directories = settings_list(s, "exec-cwd", &settings.directory_count);
    return settings;
}

static int start(struct program *program, struct err *err)
{
    const struct settings *s = &program->settings;
    struct worker_options options = {
        .redis_url = settings_string(s, "redis-url"),
        .database_url = settings_string(s, "database-url"),
        .name = settings_string(s, "name"),
        .batch = (uint32_t)settings_number(s, "batch"),
        .concurrency = (uint32_t)settings_number(s, "concurrency"),
        .async_concurrency = (uint32_t)settings_number(s, "async-concurrency"),
        .http = http_settings(s),
        .exec = process_settings(s),
        .lease_ms = settings_number(s, "lease"),
        .drain_timeout_ms = settings_number(s, "drain-timeout"),
        .max_value_bytes = (size_t)settings_number(s, "max-value"),
        .inline_bytes = (size_t)settings_number(s, "inline-value-bytes"),
        .expression_steps = (uint64_t)settings_number(s, "expression-steps"),
        .expression_bytes = (size_t)settings_number(s, "expression-memory"),
        .clock = &clock_system,
    };
    const struct secrets_options secrets = {
        .env_prefix = settings_string(s, "secrets-env"),
        .directory = settings_string(s, "secrets-dir"),
        .command = settings_string(s, "secrets-command"),
        .ttl_ms = settings_number(s, "secrets-ttl"),
    };
    options.queues = settings_list(s, "queues", &options.queue_count);
    options.plugins = settings_list(s, "plugin", &options.plugin_count);
    if (settings_given(s, "plugin-threads"))
        options.plugin_threads = (uint32_t)settings_number(s, "plugin-threads");
    program->base = event_base_new();
    if (!program->base)
        return err_set(err, ERR_IO, "cannot make an event loop");
    program->secrets = secrets_new(program->base, &secrets, err);
    if (!program->secrets)
        return -1;
    options.secrets = program->secrets;
    program->worker = worker_new(program->base, &options, err);
    if (!program->worker || probe(options.redis_url, err) != 0 || catch_signals(program, err) != 0)
        return -1;
    const struct probes_asks asks = worker_probes(program->worker);
    if (settings_given(s, "http-port")) {
        program->probes =
            probes_start(program->base, (uint16_t)settings_number(s, "http-port"), &asks, err);
        if (!program->probes)
            return -1;
    }
    return 0;
}

static void stop(struct program *program)
{
    probes_stop(program->probes);
    if (!worker_free(program->worker)) {
        log_text(LOG_WARN, "code of a plugin is still running: ending without it");
        _exit(program->status);
    }
    secrets_free(program->secrets);
    for (size_t i = 0; i < ARRAY_LEN(program->signals); i++) {
        if (program->signals[i])
            event_free(program->signals[i]);
    }
    if (program->base)
        event_base_free(program->base);
    arena_free(&program->arena);
}

int main(int argc, char **argv)
{
    struct program program = {.argc = argc, .argv = argv};
    struct err err = ERR_INIT;
    (void)signal(SIGPIPE, SIG_IGN);
    if (program_answers(&about, argc, argv, &program.status))
        return program.status;
    arena_init(&program.arena, PROGRAM_SETTINGS_BYTES);
    mem_give_back();
    log_setup(about.name, LOG_INFO);
    scripts_setup();
    if (program_settings(&about, argc, argv, &program.settings, &program.arena, &err) != 0 ||
        start(&program, &err) != 0)
        program.status = program_fail(&about, &err);
    else if (event_base_dispatch(program.base) < 0)
        program.status = err_exit_code(ERR_IO);
    stop(&program);
    return program.status;
}
