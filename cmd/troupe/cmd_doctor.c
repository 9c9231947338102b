/* troupe doctor: is everything as it should be, and what to do if not. */
#include "base/clock.h"
#include "cli.h"
#include "fleet.h"
#include "protocol/redis.h"
#include "store/store.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_BYTES_MOST = 1 << 20,
    CHECKS_MOST = 16,
    REDIS_TIMEOUT_MS = 3000,
    QUEUED_LONG_S = 30,
    LAG_LONG_S = 15,
    MEMORY_TIGHT_PERCENT = 80,
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
    uint32_t workers; /* as Redis has them, if it could be asked */
    bool workers_known;
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
    bool failing =
        aof && !slice_eq_str(info_value(reply_slice(reply), "aof_last_write_status"), "ok");
    add(doctor, "persistence",
        failing ? VERDICT_BAD
        : aof   ? VERDICT_OK
                : VERDICT_WARN,
        failing ? "look at Redis' log and its disk"
                : "set appendonly yes: runs under way are lost when Redis restarts without it",
        "%s",
        failing ? "the append-only file cannot be written"
        : aof   ? "append-only file on"
                : "no append-only file");
    freeReplyObject(reply);
}

static uint64_t info_number(struct slice info, const char *name)
{
    char text[24] = "";
    struct slice value = info_value(info, name);
    if (value.len < sizeof text)
        memcpy(text, value.ptr, value.len);
    return strtoull(text, NULL, 10);
}

/* That the policy is noeviction was a condition for connecting. */
static void check_memory(struct doctor *doctor, struct redis *redis)
{
    struct err err = ERR_INIT;
    redisReply *reply = redis_words(redis, &err, "INFO", "memory", NULL);
    if (!reply)
        return;
    const struct slice info = reply_slice(reply);
    const uint64_t used = info_number(info, "used_memory"), most = info_number(info, "maxmemory");
    const bool tight = most > 0 && used > most / 100 * MEMORY_TIGHT_PERCENT;
    char limit[40] = "no limit of its own";
    if (most > 0)
        (void)snprintf(limit, sizeof limit, "%llu MiB at most", (unsigned long long)(most >> 20));
    add(doctor, "memory", tight ? VERDICT_WARN : VERDICT_OK,
        "raise maxmemory, or see what waits: 'troupe queues'", "%llu MiB used, %s, policy %.*s",
        (unsigned long long)(used >> 20), limit, SLICE_ARG(info_value(info, "maxmemory_policy")));
    freeReplyObject(reply);
}

static const char *redis_advice(enum err_code code)
{
    if (code == ERR_REFUSED)
        return "it is there and refuses us: change what it names, or the password in "
               "TROUPE_REDIS_URL";
    return code == ERR_USAGE ? "correct --redis-url or TROUPE_REDIS_URL"
                             : "start it, or correct --redis-url or TROUPE_REDIS_URL";
}

static void check_redis(struct doctor *doctor)
{
    struct err err = ERR_INIT;
    struct redis *redis =
        redis_new(settings_string(&doctor->cli->settings, "redis-url"), REDIS_TIMEOUT_MS, &err);
    if (!redis || redis_connect(redis, &err) != 0) {
        add(doctor, "redis", VERDICT_UNREACHABLE, redis_advice(err.code), "%s", err.message);
        redis_free(redis);
        return;
    }
    redisReply *reply = redis_words(redis, &err, "INFO", "server", NULL);
    add(doctor, "redis", VERDICT_OK, NULL, "reachable, version %.*s",
        SLICE_ARG(reply ? info_value(reply_slice(reply), "redis_version") : SLICE("unknown")));
    if (reply)
        freeReplyObject(reply);
    check_memory(doctor, redis);
    check_persistence(doctor, redis);
    doctor->workers_known = fleet_count(redis, 0, &doctor->workers, &err) == 0;
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

static void check_archive(struct doctor *doctor, int64_t lag_us)
{
    struct buf text;
    buf_init(&text, 0);
    duration_write(&text, lag_us);
    add(doctor, "archive", lag_us > LAG_LONG_S * INT64_C(1000000) ? VERDICT_WARN : VERDICT_OK,
        "see the supervisor's log", "caught up %s ago", buf_ok(&text) ? text.data : "?");
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
    const uint32_t workers = doctor->workers_known ? doctor->workers : health->workers;
    add(doctor, "workers", workers == 0 ? VERDICT_BAD : VERDICT_OK,
        "start troupe-worker: nothing but a worker executes nodes", "%u alive", workers);
    if (health->supervisors > 0)
        check_archive(doctor, health->archive_lag_us);
    check_queued(doctor, health);
}

static const char *postgres_advice(enum err_code code)
{
    if (code == ERR_USAGE)
        return NULL; /* it says all */
    if (code == ERR_UNREACHABLE)
        return "start it, or correct --database-url or TROUPE_DATABASE_URL";
    if (code == ERR_REFUSED)
        return "make what is missing (createdb, 'troupe migrate'), or correct user, password and "
               "name in TROUPE_DATABASE_URL";
    return "use the programs of the version that ran 'troupe migrate'";
}

static void check_record(struct doctor *doctor)
{
    struct err err = ERR_INIT;
    struct store_health health;
    struct store *store = cli_store(doctor->cli, &err);
    if (!store) {
        bool away = err.code == ERR_UNREACHABLE || err.code == ERR_REFUSED || err.code == ERR_USAGE;
        add(doctor, "postgres", away ? VERDICT_UNREACHABLE : VERDICT_BAD, postgres_advice(err.code),
            "%s", err.message);
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
