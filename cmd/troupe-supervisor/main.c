/* troupe-supervisor: settings, signals, wiring. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/program.h"
#include "metrics.h"
#include "protocol/scripts.h"
#include "supervisor/supervisor.h"
#include <event2/event.h>
#include <signal.h>

#ifndef TROUPE_VERSION
#define TROUPE_VERSION "0.1.0"
#endif

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
     .help = "Postgres, as a libpq URI (TROUPE_DATABASE_URL); required",
     .secret = true},
    {.name = "name",
     .kind = SETTING_STRING,
     .value_name = "NAME",
     .help = "name of this supervisor, unique (default: HOST-PID-RANDOM)"},
    {.name = "partitions",
     .kind = SETTING_INT,
     .default_text = "0",
     .max = 65535,
     .value_name = "N",
     .help = "of a new namespace, fixed for good; 0: what is there, else 16"},
    {.name = "queues",
     .kind = SETTING_LIST,
     .default_text = "default",
     .value_name = "NAME,...",
     .help = "queues to make before a worker does"},
    {.name = "ownership-lease",
     .kind = SETTING_MS,
     .default_text = "5s",
     .min = 1000,
     .max = 3600000,
     .value_name = "TIME",
     .help = "after that long without a sign another supervisor takes over"},
    {.name = "batch-entries",
     .kind = SETTING_INT,
     .default_text = "256",
     .min = 1,
     .max = 10000,
     .value_name = "N",
     .help = "ledger entries of a partition archived in one transaction"},
    {.name = "inline-value-bytes",
     .kind = SETTING_BYTES,
     .default_text = "4KiB",
     .min = 64,
     .max = 24 << 20,
     .value_name = "SIZE",
     .help = "longer inputs and outputs are kept once, by content address"},
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

/* Set by signal handlers, read by the loop. */
static volatile sig_atomic_t stop_wanted;
static volatile sig_atomic_t reload_wanted;

struct program {
    int argc;
    char **argv;
    struct event_base *base;
    struct probes *probes;
};

static const struct program_about about = {
    .name = "troupe-supervisor",
    .version = TROUPE_VERSION,
    .usage = "usage: troupe-supervisor [OPTION...]\n\n"
             "Writes what the ledgers in Redis say into Postgres, finalises runs, starts accepted "
             "ones.\n\n",
    .examples =
        "\nEvery option but --help and --version may also be a variable (TROUPE_BATCH_ENTRIES) or "
        "a line of\nthe configuration file (batch-entries: 256).\n"
        "\nexamples:\n"
        "  troupe-supervisor --redis-url redis://10.0.0.5:6379 \\\n"
        "      --database-url postgresql://troupe@10.0.0.6/troupe\n"
        "  TROUPE_DATABASE_URL_FILE=/run/secrets/database troupe-supervisor --http-port 9465\n"
        "\nSeveral may run: one owns the partitions, the others take over when it is silent.\n"
        "SIGTERM and SIGINT end it (a second one forces), SIGHUP reads log-level again.\n"
        "exit status: 0 ended, 1 forced, 2 wrong options, 5 Redis or Postgres refused us,\n"
        "             6 the namespace has another number of partitions\n",
    .table = table,
    .table_count = ARRAY_LEN(table),
};

/* --- signals --- */

static void on_signal(int number)
{
    if (number == SIGHUP)
        reload_wanted = 1;
    else if (stop_wanted)
        _Exit(1); /* the second one: leases lapse, and what was not committed is done again */
    else
        stop_wanted = 1;
}

static int catch_signals(struct err *err)
{
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (sigaction(wanted[i], &action, NULL) != 0)
            return err_set(err, ERR_IO, "cannot catch signal %d", wanted[i]);
    }
    return 0;
}

/* Between two steps of the supervisor: HTTP, SIGHUP. */
static void on_tick(void *context)
{
    const struct program *program = context;
    if (reload_wanted) {
        reload_wanted = 0;
        program_reload(&about, program->argc, program->argv);
    }
    if (program->base)
        (void)event_base_loop(program->base, EVLOOP_NONBLOCK);
}

/* --- life --- */

static int serve_http(struct program *program, const struct settings *settings,
                      const struct supervisor *supervisor, struct err *err)
{
    if (!settings_given(settings, "http-port"))
        return 0;
    program->base = event_base_new();
    if (!program->base)
        return err_set(err, ERR_IO, "cannot make an event loop");
    const struct probes_asks asks = supervisor_probes(supervisor);
    program->probes =
        probes_start(program->base, (uint16_t)settings_number(settings, "http-port"), &asks, err);
    return program->probes ? 0 : -1;
}

static int run(struct program *program, const struct settings *s, struct err *err)
{
    if (!settings_string(s, "database-url"))
        return err_set(err, ERR_USAGE,
                       "database-url is required: give --database-url or TROUPE_DATABASE_URL");
    struct supervisor_options options = {
        .redis_url = settings_string(s, "redis-url"),
        .database_url = settings_string(s, "database-url"),
        .name = settings_string(s, "name"),
        .partitions = (uint16_t)settings_number(s, "partitions"),
        .lease_ms = settings_number(s, "ownership-lease"),
        .batch_entries = (uint32_t)settings_number(s, "batch-entries"),
        .inline_bytes = (size_t)settings_number(s, "inline-value-bytes"),
        .clock = &clock_system,
    };
    options.queues = settings_list(s, "queues", &options.queue_count);
    struct supervisor *supervisor = supervisor_new(&options, err);
    if (!supervisor)
        return -1;
    int result = catch_signals(err);
    if (result == 0)
        result = serve_http(program, s, supervisor, err);
    if (result == 0) {
        log_write(LOG_INFO, "supervisor begins", LOG_S("version", TROUPE_VERSION));
        result = supervisor_run(supervisor, &stop_wanted, on_tick, program, err);
    }
    probes_stop(program->probes);
    if (program->base)
        event_base_free(program->base);
    supervisor_free(supervisor);
    return result;
}

int main(int argc, char **argv)
{
    struct program program = {.argc = argc, .argv = argv};
    struct settings settings = {0};
    struct arena arena;
    struct err err = ERR_INIT;
    int status = 0;
    (void)signal(SIGPIPE, SIG_IGN);
    if (program_answers(&about, argc, argv, &status))
        return status;
    arena_init(&arena, PROGRAM_SETTINGS_BYTES);
    mem_give_back();
    log_setup(about.name, LOG_INFO);
    scripts_setup();
    if (program_settings(&about, argc, argv, &settings, &arena, &err) != 0 ||
        run(&program, &settings, &err) != 0)
        status = program_fail(&about, &err);
    arena_free(&arena);
    return status;
}
