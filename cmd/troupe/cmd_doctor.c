/* troupe doctor: is everything as it should be, and what to do if not. */
#include "base/clock.h"
#include "cli.h"
#include "protocol/redis.h"
#include "store/store.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    OUTPUT_BYTES_MOST = 1 << 20,
    CHECKS_MOST = 16,
    REDIS_TIMEOUT_MS = 3000,
    QUEUED_LONG_S = 30,
    LAG_LONG_S = 15,
};

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_BAD, VERDICT_UNREACHABLE };

struct check {
    const char *name;
    enum verdict verdict;
    struct slice text;
    const char *advice; /* NULL: none */
};

struct doctor {
    struct cli *cli;
    struct check checks[CHECKS_MOST];
    uint32_t count;
};

static void add(struct doctor *doctor, const char *name, enum verdict verdict, const char *advice,
                const char *format, ...) PRINTF(5, 6);
static void add(struct doctor *doctor, const char *name, enum verdict verdict, const char *advice,
                const char *format, ...)
{
    invariant(doctor->count < CHECKS_MOST, "too many checks");
    char text[700];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct slice copy = arena_copy(&doctor->cli->arena, slice_str(text));
    doctor->checks[doctor->count++] =
        (struct check){name, verdict, copy.ptr ? copy : SLICE("(no memory)"),
                       verdict == VERDICT_OK ? NULL : advice};
}

/* --- Redis --- */

/* The value behind "name:" in INFO. */
static struct slice info_value(struct slice info, const char *name)
{
    const size_t len = strlen(name);
    for (size_t at = 0; at < info.len;) {
        const char *line = info.ptr + at;
        const char *end = memchr(line, '\n', info.len - at);
        size_t line_len = end ? (size_t)(end - line) : info.len - at;
        if (line_len > len && memcmp(line, name, len) == 0 && line[len] == ':') {
            struct slice value = slice_of(line + len + 1, line_len - len - 1);
            if (value.len > 0 && value.ptr[value.len - 1] == '\r')
                value.len--;
            return value;
        }
        at += line_len + 1;
    }
    return SLICE("?");
}

static void check_persistence(struct doctor *doctor, struct redis *redis)
{
    struct err err = ERR_INIT;
    redisReply *reply = redis_words(redis, &err, "INFO", "persistence", NULL);
    if (!reply)
        return; /* not permitted: nothing is known, nothing is said */
    bool aof = slice_eq_str(info_value(reply_slice(reply), "aof_enabled"), "1");
    add(doctor, "persistence", aof ? VERDICT_OK : VERDICT_WARN,
        "set appendonly yes: what Redis loses is executed again",
        aof ? "append-only file on" : "no append-only file");
    freeReplyObject(reply);
}

static void check_redis(struct doctor *doctor)
{
    struct err err = ERR_INIT;
    struct redis *redis =
        redis_new(settings_string(&doctor->cli->settings, "redis-url"), REDIS_TIMEOUT_MS, &err);
    if (!redis || redis_connect(redis, &err) != 0) {
        add(doctor, "redis", VERDICT_UNREACHABLE, "check --redis-url or TROUPE_REDIS_URL", "%s",
            err.message);
        redis_free(redis);
        return;
    }
    redisReply *reply = redis_words(redis, &err, "INFO", "server", NULL);
    add(doctor, "redis", VERDICT_OK, NULL, "reachable, version %.*s",
        SLICE_ARG(reply ? info_value(reply_slice(reply), "redis_version") : SLICE("unknown")));
    if (reply)
        freeReplyObject(reply);
    check_persistence(doctor, redis);
    redis_free(redis);
}

/* --- the record --- */

static void check_queued(struct doctor *doctor, const struct store_health *health)
{
    int64_t waits_us = clock_wall_us(&clock_system) - health->oldest_queued_us;
    bool slow = health->oldest_queued_us != 0 && waits_us > QUEUED_LONG_S * INT64_C(1000000);
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "%llu queued, %llu running", (unsigned long long)health->queued,
               (unsigned long long)health->running);
    if (slow) {
        buf_str(&text, "; the oldest has waited for ");
        duration_write(&text, waits_us);
    }
    add(doctor, "runs", slow ? VERDICT_WARN : VERDICT_OK,
        "see 'troupe queues' and 'troupe ps --live'", "%s", buf_ok(&text) ? text.data : "?");
    buf_free(&text);
}

static void check_health(struct doctor *doctor, const struct store_health *health)
{
    bool fixed = health->partitions > 0;
    add(doctor, "supervisor",
        health->supervisors == 0             ? VERDICT_BAD
        : health->owned < health->partitions ? VERDICT_WARN
                                             : VERDICT_OK,
        health->supervisors == 0 ? "start troupe-supervisor: nothing starts or ends without it"
                                 : "wait for a lease to lapse; else see the supervisors' logs",
        fixed ? "%u alive, %u of %u partitions owned" : "%u alive, no partitions yet",
        health->supervisors, health->owned, health->partitions);
    add(doctor, "workers", health->workers == 0 ? VERDICT_BAD : VERDICT_OK,
        "start troupe-worker: nothing but a worker executes nodes", "%u alive", health->workers);
    if (health->supervisors > 0) {
        bool late = health->archive_lag_us > LAG_LONG_S * INT64_C(1000000);
        add(doctor, "archive", late ? VERDICT_WARN : VERDICT_OK, "see the supervisor's log",
            "last caught up %lld s ago", (long long)(health->archive_lag_us / 1000000));
    }
    check_queued(doctor, health);
}

static void check_record(struct doctor *doctor)
{
    struct err err = ERR_INIT;
    struct store_health health;
    struct store *store = cli_store(doctor->cli, &err);
    if (!store) {
        bool away = err.code == ERR_UNREACHABLE || err.code == ERR_REFUSED || err.code == ERR_USAGE;
        add(doctor, "postgres", away ? VERDICT_UNREACHABLE : VERDICT_BAD,
            "check --database-url or TROUPE_DATABASE_URL, and that 'troupe migrate' has run", "%s",
            err.message);
        return;
    }
    add(doctor, "postgres", VERDICT_OK, NULL, "reachable, tables up to date");
    if (store_health_get(store, &health, &err) == 0)
        check_health(doctor, &health);
    else
        add(doctor, "record", VERDICT_UNREACHABLE, NULL, "%s", err.message);
    store_free(store);
}

/* --- the answer --- */

static const char *verdict_name(enum verdict verdict)
{
    return verdict == VERDICT_OK ? "ok" : verdict == VERDICT_WARN ? "warning" : "bad";
}

static void write_plain(const struct doctor *doctor, struct buf *out)
{
    const struct term *term = &doctor->cli->out;
    for (uint32_t i = 0; i < doctor->count; i++) {
        const struct check *check = &doctor->checks[i];
        bool ok = check->verdict == VERDICT_OK;
        style_str(out, term->colour,
                  ok                               ? STYLE_GREEN
                  : check->verdict == VERDICT_WARN ? STYLE_YELLOW
                                                   : STYLE_RED,
                  ok                               ? "ok      "
                  : check->verdict == VERDICT_WARN ? "warning "
                                                   : "bad     ");
        buf_printf(out, "%-12s", check->name);
        text_plain(out, check->text);
        buf_char(out, '\n');
        if (check->advice)
            buf_printf(out, "%20s%s %s\n", "", term->unicode ? "→" : "->", check->advice);
    }
}

static void write_json(const struct doctor *doctor, struct buf *out)
{
    buf_char(out, '[');
    for (uint32_t i = 0; i < doctor->count; i++) {
        const struct check *check = &doctor->checks[i];
        buf_printf(out, "%s{\"check\":\"%s\",\"verdict\":\"%s\",\"text\":", i ? "," : "",
                   check->name, verdict_name(check->verdict));
        json_write_string(out, check->text);
        buf_str(out, ",\"advice\":");
        if (check->advice)
            json_write_string(out, slice_str(check->advice));
        else
            buf_str(out, "null");
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

int cmd_doctor(struct cli *cli)
{
    struct doctor doctor = {.cli = cli};
    struct buf out;
    enum verdict worst = VERDICT_OK;
    check_redis(&doctor);
    check_record(&doctor);
    for (uint32_t i = 0; i < doctor.count; i++)
        worst = doctor.checks[i].verdict > worst ? doctor.checks[i].verdict : worst;
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json)
        write_json(&doctor, &out);
    else
        write_plain(&doctor, &out);
    return cli_print(cli, &out,
                     worst == VERDICT_UNREACHABLE ? err_exit_code(ERR_UNREACHABLE)
                     : worst == VERDICT_OK        ? 0
                                                  : EXIT_RUN_FAILED);
}
