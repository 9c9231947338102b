/* supervisor: the loop, its waiting, and what it does when a server is away. */
#include "supervisor/supervisor.h"
#include "base/buf.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "supervisor/state.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BELL_BLOCK_MS = 1000,
    BACK_OFF_LEAST_MS = 50,
    BACK_OFF_MOST_MS = 2000,
    FAILURE_TOLD_EVERY = 16,
    HOST_MAX = 64,
    TIMERS_EVERY_MS = 20,
    LOADED_RECORDS = 100,
    LOADED_PER_SECOND = 8000,
    PACE_MS = 100,
};

/* --- making --- */

static char *make_name(const struct clock *clock)
{
    char host[HOST_MAX + 1] = "", name[160], text[UUID_TEXT_LEN + 1];
    struct uuid uuid = uuid7_make(clock_wall_us(clock) / 1000, 0);
    uuid_format(&uuid, text);
    (void)gethostname(host, HOST_MAX);
    (void)snprintf(name, sizeof name, "%s-%ld-%.8s", *host ? host : "host", (long)getpid(),
                   text + 19); /* random bits */
    return strdup(name);
}

static int copy_options(struct supervisor *s, const struct supervisor_options *options)
{
    s->clock = options->clock;
    s->lease_ms = options->lease_ms;
    s->batch_entries = options->batch_entries;
    s->quiet = true;
    s->partitions_wanted = options->partitions;
    s->name = options->name ? strdup(options->name) : make_name(options->clock);
    s->queue_count = options->queue_count;
    s->queue_names =
        calloc(options->queue_count ? options->queue_count : 1, sizeof *s->queue_names);
    if (!s->name || !s->queue_names)
        return -1;
    s->owner = slice_str(s->name);
    for (uint32_t i = 0; i < options->queue_count; i++)
        s->queue_names[i] = slice_str(options->queues[i]); /* borrowed, as the options say */
    return 0;
}

struct supervisor *supervisor_new(const struct supervisor_options *options, struct err *err)
{
    struct supervisor *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(err, ERR_LIMIT, "no memory for a supervisor");
        return NULL;
    }
    arena_init(&s->batch.arena, BATCH_ARENA_BYTES);
    archive_init(&s->archive, ARCHIVE_BUF_BYTES, options->inline_bytes);
    runs_init(&s->runs);
    strmap_init(&s->graphs.map);
    strmap_init(&s->published);
    if (copy_options(s, options) != 0) {
        err_set(err, ERR_LIMIT, "no memory for a supervisor");
        supervisor_free(s);
        return NULL;
    }
    s->store = store_new(options->database_url, "troupe-supervisor", err);
    if (s->store)
        s->redis = redis_new(options->redis_url, REDIS_TIMEOUT_MS, err);
    if (s->redis)
        s->bell = redis_new(options->redis_url, REDIS_TIMEOUT_MS, err);
    if (!s->bell) {
        supervisor_free(s);
        return NULL;
    }
    return s;
}

void supervisor_free(struct supervisor *s)
{
    if (!s)
        return;
    batch_clear(s);
    runs_clear(&s->runs);
    strmap_free(&s->runs.map);
    graphs_clear(&s->graphs);
    strmap_free(&s->graphs.map);
    strmap_free(&s->published);
    archive_free(&s->archive);
    arena_free(&s->batch.arena);
    redis_free(s->bell);
    redis_free(s->redis);
    store_free(s->store);
    free(s->partitions);
    free(s->queue_names);
    free(s->name);
    free(s);
}

void supervisor_stats(const struct supervisor *s, struct supervisor_stats *stats)
{
    *stats = s->stats;
}

/* --- one pass --- */

static void advance_cursors(struct supervisor *s)
{
    const struct batch *batch = &s->batch;
    for (uint32_t i = 0; i < batch->entry_count; i++) {
        const struct entry *entry = &batch->entries[i];
        struct archive_cursor *cursor = &s->partitions[entry->slot].cursor;
        if (i + 1 < batch->entry_count && batch->entries[i + 1].slot == entry->slot)
            continue;
        timers_look(&s->partitions[entry->slot]);
        cursor->seq = entry->seq;
        entry_sha256(entry, cursor->entry_sha256);
    }
}

static void count_batch(struct supervisor *s)
{
    const struct batch *batch = &s->batch;
    s->stats.entries += batch->entry_count;
    s->stats.records += batch->record_count;
    s->stats.transactions++;
    for (uint32_t i = 0; i < batch->touched_count; i++)
        s->stats.runs_final += run_status_final(batch->touched[i]->status);
}

/* Nothing that was read may be taken for known any more: whether it was committed is not certain. */
static void forget_batch(struct supervisor *s)
{
    batch_clear(s);
    runs_clear(&s->runs);
    s->must_lease = true;
}

/* *busy: something was there, so look again at once. */
static int archive_pass(struct supervisor *s, bool *busy, struct err *err)
{
    const int64_t since_us = now_us(s) - s->read_us;
    s->read_us += since_us;
    if (batch_read(s, err) != 0)
        return -1;
    if (s->batch.record_count >= LOADED_RECORDS &&
        s->batch.record_count * INT64_C(1000000) >= LOADED_PER_SECOND * since_us)
        s->paced_until_us = s->read_us + PACE_MS * INT64_C(1000);
    if (s->batch.entry_count == 0)
        return 0;
    *busy = true;
    if (runs_of_batch(s, err) != 0 || expand_batch(s, err) != 0 ||
        archive_commit(s->store, &s->archive, s->owner, err) != 0) {
        forget_batch(s);
        if (err->code != ERR_CONFLICT)
            return -1;
        const bool asked = s->ask_all;
        s->ask_all = true;
        if (!asked) { /* a run's id was used before, or somebody else was faster: look again */
            *err = ERR_INIT;
            return 0;
        }
        err->code = ERR_UNREACHABLE;
        return -1;
    }
    s->ask_all = false;
    advance_cursors(s);
    count_batch(s);
    return after_commit(s, err);
}

static int pass(struct supervisor *s, bool *busy, struct err *err)
{
    if (s->partition_count == 0 &&
        (store_check(s->store, err) != 0 || partitions_find_out(s, err) != 0 ||
         store_listen(s->store, "troupe_work", err) != 0))
        return -1;
    batch_clear(s);
    if (partitions_lease(s, err) != 0 || partitions_open(s, err) != 0 ||
        archive_pass(s, busy, err) != 0)
        return -1;
    batch_clear(s);
    if (s->must_lease) { /* the rest counts on all that is in the ledgers being archived */
        *busy = true;
        return 0;
    }
    if (timers_pass(s, err) != 0)
        return -1;
    batch_clear(s);
    if (inbox_pass(s, err) != 0 || publish_pass(s, err) != 0 || commands_pass(s, err) != 0 ||
        starts_pass(s, err) != 0 || registry_pass(s, err) != 0)
        return -1;
    batch_clear(s);
    for (uint32_t i = 0; i < s->owned; i++)
        *busy = *busy || s->partitions[i].more || !s->partitions[i].open;
    return 0;
}

/* --- waiting --- */

/* A blocking read over all our ledgers: it answers when one grows. */
static int send_bell(struct supervisor *s, struct err *err)
{
    struct command command;
    char text[64];
    command_init(&command);
    command_begin(&command, "XREAD");
    command_arg_str(&command, "COUNT");
    command_arg_int(&command, 1);
    command_arg_str(&command, "BLOCK");
    command_arg_int(&command, BELL_BLOCK_MS);
    command_arg_str(&command, "STREAMS");
    for (uint32_t i = 0; i < s->owned; i++)
        command_arg(&command, key_ledger(text, s->partitions[i].cursor.partition));
    for (uint32_t i = 0; i < s->owned; i++) {
        const struct archive_cursor *cursor = &s->partitions[i].cursor;
        (void)snprintf(text, sizeof text, "%" PRId64 "-%" PRIu64, cursor->epoch, cursor->seq);
        command_arg_str(&command, text);
    }
    int result = redis_send(s->bell, &command, err);
    command_free(&command);
    s->bell_sent = result == 0;
    return result;
}

static int take_bell(struct supervisor *s, struct err *err)
{
    s->bell_sent = false;
    redisReply *reply = redis_receive(s->bell, err);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

static int wait_for_work(struct supervisor *s, struct err *err)
{
    struct pollfd fds[2];
    nfds_t count = 0;
    if (s->owned > 0 && !s->bell_sent && send_bell(s, err) != 0)
        return -1;
    if (s->bell_sent)
        fds[count++] = (struct pollfd){.fd = redis_fd(s->bell), .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = store_fd(s->store), .events = POLLIN};
    int64_t left_us = timers_next_us(s) - now_us(s);
    int wait_ms = left_us <= 0                    ? 0
                  : left_us < WAIT_MOST_MS * 1000 ? (int)(left_us / 1000) + 1
                                                  : WAIT_MOST_MS;
    int ready = poll(fds, count, wait_ms);
    if (ready < 0 && errno != EINTR)
        return err_set(err, ERR_IO, "poll: %s", strerror(errno));
    if (ready <= 0)
        return 0;
    if (s->bell_sent && fds[0].revents && take_bell(s, err) != 0)
        return -1;
    if (fds[count - 1].revents) {
        int notified = store_wait(s->store, 0, err);
        if (notified < 0)
            return -1;
        if (notified > 0)
            s->starts_due_us = s->names_due_us = 0;
    }
    return 0;
}

/* With Postgres away runs go on, and so do their timers: new ones are not heard of, so all are looked
 * at. */
static void sleep_ms(struct supervisor *s, int64_t ms)
{
    const int64_t until = now_us(s) + ms * 1000;
    while (now_us(s) < until) {
        struct err err = ERR_INIT;
        (void)poll(NULL, 0, TIMERS_EVERY_MS);
        for (uint32_t i = 0; i < s->owned; i++)
            timers_look(&s->partitions[i]);
        /* The outage itself is told of by the pass. */
        if (*redis_run_id(s->redis) != '\0' && timers_pass(s, &err) != 0)
            return;
    }
}

/* Under load the next batch is given time to grow: more of its runs then begin and end within it, and
 * are one row that is written once. */
static void pace(struct supervisor *s)
{
    const int64_t left_us = s->paced_until_us - now_us(s);
    s->paced_until_us = 0;
    for (uint32_t i = 0; i < s->owned; i++) {
        if (s->partitions[i].more || !s->partitions[i].open)
            return;
    }
    if (left_us > 0)
        sleep_ms(s, left_us / 1000);
}

/* --- outages --- */

/* What trying again cannot mend, while nothing has worked yet: wrong passwords, no tables, a namespace
 * of another size. Later the same is told and waited out: somebody may be mending it. */
static bool is_fatal(const struct supervisor *s, const struct err *err)
{
    return !s->has_worked && (err->code == ERR_USAGE || err->code == ERR_INVALID ||
                              err->code == ERR_REFUSED || err->code == ERR_CONFLICT);
}

static int64_t back_off_ms(const struct supervisor *s)
{
    uint32_t doublings = s->failures < 6 ? s->failures : 6;
    int64_t ms = (int64_t)BACK_OFF_LEAST_MS << doublings;
    return ms < BACK_OFF_MOST_MS ? ms : BACK_OFF_MOST_MS;
}

static void note_failure(struct supervisor *s, const struct err *err)
{
    if (s->failures % FAILURE_TOLD_EVERY == 0)
        log_write(err_retriable(err->code) ? LOG_WARN : LOG_ERROR,
                  "something is in the way, trying again", LOG_S("reason", err->message),
                  LOG_I("failures", s->failures + 1));
    s->failures++;
    s->bell_sent = false;
    redis_drop(s->bell);
}

static void note_success(struct supervisor *s)
{
    if (s->failures > 0)
        log_write(LOG_INFO, "working again", LOG_I("failures", s->failures));
    s->failures = 0;
    s->has_worked = true;
}

static void give_back(struct supervisor *s)
{
    struct err err = ERR_INIT;
    if (s->partition_count > 0 && archive_release(s->store, s->owner, &err) != 0)
        log_write(LOG_WARN, "partitions could not be given back: their leases will lapse",
                  LOG_S("reason", err.message));
}

int supervisor_run(struct supervisor *s, const volatile sig_atomic_t *stop,
                   void (*tick)(void *context), void *context, struct err *err)
{
    bool busy = true;
    while (!*stop) {
        struct err why = ERR_INIT;
        int result = busy ? 0 : wait_for_work(s, &why);
        busy = false;
        if (result == 0 && !*stop)
            result = pass(s, &busy, &why);
        s->stats.redis_connected = *redis_run_id(s->redis) != '\0';
        s->stats.postgres_connected = store_fd(s->store) >= 0;
        if (tick)
            tick(context);
        if (result == 0) {
            note_success(s);
            pace(s);
            continue;
        }
        forget_batch(s);
        if (is_fatal(s, &why)) {
            *err = why;
            give_back(s);
            return -1;
        }
        note_failure(s, &why);
        sleep_ms(s, back_off_ms(s));
        busy = true;
    }
    give_back(s);
    return 0;
}
