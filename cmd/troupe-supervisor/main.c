/* troupe-supervisor: settings, signals, wiring. */
#include "base/log.h"
#include "base/program.h"
#include "base/version.h"
#include "metrics.h"
#include "protocol/scripts.h"
#include "supervisor/supervisor.h"
#include <event2/event.h>
#include <signal.h>

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
#include "base/program_settings.def"
};

/* Set by signal handlers, read by the loop. */
static volatile sig_atomic_t stop_wanted;
static volatile sig_atomic_t reload_wanted;

/* What on_tick() sees to. */
struct ticking {
    struct program program;
    struct event_base *base; /* of the probes; NULL: none are served */
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
        "\nSeveral may run: they share the partitions, and take over those of one that is silent.\n"
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
    const struct ticking *ticking = context;
    if (reload_wanted) {
        reload_wanted = 0;
        program_reload(&ticking->program);
    }
    if (ticking->base)
        (void)event_base_loop(ticking->base, EVLOOP_NONBLOCK);
}

/* --- life --- */

static int serve(struct ticking *ticking, const struct supervisor *supervisor, struct err *err)
{
    const struct probes_asks asks = supervisor_probes(supervisor);
    if (!settings_given(&ticking->program.settings, "http-port"))
        return 0;
    ticking->base = event_base_new();
    if (!ticking->base)
        return err_set(err, ERR_IO, "cannot make an event loop");
    return program_serve(&ticking->program, ticking->base, &asks, err);
}

static int run(struct ticking *ticking, struct err *err)
{
    const struct settings *s = &ticking->program.settings;
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
        result = serve(ticking, supervisor, err);
    if (result == 0) {
        log_write(LOG_INFO, "supervisor begins", LOG_S("version", TROUPE_VERSION));
        result = supervisor_run(supervisor, &stop_wanted, on_tick, ticking, err);
    }
    probes_stop(ticking->program.probes);
    if (ticking->base)
        event_base_free(ticking->base);
    supervisor_free(supervisor);
    return result;
}

int main(int argc, char **argv)
{
    struct ticking ticking = {0};
    struct err err = ERR_INIT;
    int status = 0;
    if (program_open(&ticking.program, &about, argc, argv, &status)) {
        scripts_setup();
        if (run(&ticking, &err) != 0)
            status = program_fail(&about, &err);
    }
    program_close(&ticking.program);
    return status;
}
