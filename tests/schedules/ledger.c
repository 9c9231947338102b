/* ledger: what the ledgers say, entry by entry, and what must be true of it. */
#include "protocol/ledger.h"
#include "sim.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MOST = 65536 };

struct track {
    char id[40];
    bool expected, started;
    char status;
    uint64_t events, last;
    int64_t counter;
    uint8_t settled[TOKENS_MOST / 8];
    struct strmap executed; /* node|scope|attempt → (void *)1 */
};

static struct track tracks[RUNS_MOST];
static uint32_t track_count;
static char read_to[PARTITIONS][48];

void ledger_begin(void)
{
    for (int p = 0; p < PARTITIONS; p++)
        (void)snprintf(read_to[p], sizeof(read_to[p]), "0-0");
}

void ledger_end(void)
{
    for (uint32_t i = 0; i < track_count; i++)
        strmap_free(&tracks[i].executed);
    track_count = 0;
}

void ledger_expect(const char *run_id)
{
    struct track *track = &tracks[track_count++];
    memset(track, 0, sizeof(*track));
    strmap_init(&track->executed);
    track->expected = true;
    (void)snprintf(track->id, sizeof(track->id), "%s", run_id);
}

uint32_t ledger_unfinished(void)
{
    uint32_t unfinished = 0;
    for (uint32_t i = 0; i < track_count; i++)
        unfinished += !tracks[i].started || tracks[i].status == 'r';
    return unfinished;
}

static struct track *find(struct slice run)
{
    for (uint32_t i = 0; i < track_count; i++) {
        if (slice_eq_str(run, tracks[i].id))
            return &tracks[i];
    }
    violated("the ledger knows a run that nobody started: %.*s", (int)run.len, run.ptr);
}

static void event(struct track *track, uint64_t number)
{
    if (number != ++track->events)
        violated("run %s: event %" PRIu64 " came as number %" PRIu64, track->id, number,
                 track->events);
}

static void start(const struct ledger_record *record)
{
    struct track *track = find(record->start.run);
    if (track->started)
        violated("run %s was started twice", track->id);
    track->started = true;
    track->status = 'r';
    event(track, record->outcome.event);
    track->counter = record->outcome.delta;
    track->last = (uint64_t)record->outcome.delta; /* its first tokens */
}

static void change_status(struct track *track, char status)
{
    if (track->status != 'r')
        violated("run %s: something came behind its end", track->id);
    track->status = status;
    if (track->counter < 0 || (status != 'r' && track->counter != 0))
        violated("run %s: status %c with the counter %" PRId64, track->id, status, track->counter);
}

static void settle(struct track *track, uint64_t number)
{
    if (number == 0 || number > track->last || number >= TOKENS_MOST)
        violated("run %s: token %" PRIu64 " of %" PRIu64 " was settled", track->id, number,
                 track->last);
    if (track->settled[number / 8] & (1u << number % 8))
        violated("run %s: token %" PRIu64 " was settled twice", track->id, number);
    track->settled[number / 8] |= (uint8_t)(1u << number % 8);
}

static void note_execution(struct track *track, const struct ledger_record *record)
{
    const struct ledger_execution *execution = &record->execution;
    char key[512];
    const int len =
        snprintf(key, sizeof(key), "%.*s|%.*s|%u", (int)execution->node.len, execution->node.ptr,
                 (int)execution->scope.len, execution->scope.ptr, execution->attempt);
    const struct slice name = slice_of(key, (size_t)len);
    if (record->kind == LEDGER_WAIT && !execution->failed) {
        happened("records of delays");
        return; /* its execution comes when it fires */
    }
    if (strmap_get(&track->executed, name))
        violated("run %s: %s was recorded twice", track->id, key);
    if (strmap_put(&track->executed, name, track) != 0)
        violated("no memory");
}

static void joins(const struct ledger_record *record)
{
    struct ledger_join join;
    struct err err = ERR_INIT;
    size_t at = 0;
    bool open = false;
    int more;
    while ((more = ledger_next_join(record->outcome.joins, &at, &join, &open, &err)) > 0)
        happened(join.fired ? "joins fired" : "joins skipped");
    if (more < 0 || open)
        violated("joins: %s", open ? "open ones at zero" : err.message);
}

/* A failed attempt whose token stays live: nothing was decided, and the run goes on. */
static bool is_retried(const struct ledger_record *record)
{
    return record->kind != LEDGER_CONTINUATION && record->execution.failed &&
           record->execution.taken.len == 0 && record->outcome.status == 'r' &&
           record->outcome.delta == 0 && record->outcome.last < record->outcome.first;
}

static void outcome(struct slice run, const struct ledger_record *record)
{
    struct track *track = find(run);
    const struct ledger_outcome *outcome = &record->outcome;
    event(track, outcome->event);
    if (is_retried(record))
        happened("attempts that failed and were retried");
    else if (record->kind != LEDGER_WAIT)
        settle(track, outcome->number);
    if (record->kind != LEDGER_CONTINUATION)
        note_execution(track, record);
    else
        happened("continuations resumed");
    if (outcome->last >= outcome->first) {
        if (outcome->first != track->last + 1)
            violated("run %s: tokens from %" PRIu64 " behind %" PRIu64, track->id, outcome->first,
                     track->last);
        track->last = outcome->last;
    }
    track->counter += outcome->delta;
    change_status(track, outcome->status);
    joins(record);
}

static void command(const struct ledger_record *record)
{
    struct track *track = find(record->command.run);
    event(track, record->outcome.event);
    track->counter += record->outcome.delta;
    change_status(track, record->outcome.status);
    happened("cancels that took effect");
}

static void take(const struct ledger_record *record)
{
    switch (record->kind) {
    case LEDGER_START:
        start(record);
        break;
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
        outcome(record->execution.run, record);
        break;
    case LEDGER_CONTINUATION:
        outcome(record->continuation_run, record);
        break;
    case LEDGER_COMMAND:
        command(record);
        break;
    case LEDGER_DUPLICATE:
        /* It may be one of an episode before, by somebody who had not heard that it was started. */
        happened("starts found started");
        break;
    case LEDGER_TASK:
        violated("no definition here has tasks");
    case LEDGER_REJECTED:
        violated("a request was rejected: %.*s", (int)record->rejected.reason.len,
                 record->rejected.reason.ptr);
    }
}

static void take_entry(uint16_t partition, const redisReply *entry)
{
    const redisReply *fields = entry->element[1];
    struct ledger_record record;
    struct err err = ERR_INIT;
    size_t at = 0;
    int more = 0;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "b") != 0)
            continue;
        const struct slice body =
            slice_of(fields->element[i + 1]->str, fields->element[i + 1]->len);
        while ((more = ledger_next(body, &at, &record, &err)) > 0)
            take(&record);
    }
    if (more < 0)
        violated("ledger of partition %u: %s", partition, err.message);
    (void)snprintf(read_to[partition], sizeof(read_to[partition]), "%s", entry->element[0]->str);
}

const char *ledger_read_to(uint16_t partition) { return read_to[partition]; }

void ledger_take(uint16_t partition, const redisReply *entries)
{
    for (size_t i = 0; i < entries->elements; i++)
        take_entry(partition, entries->element[i]);
}

/* The next number of a field like h, behind a '|'. */
static int64_t next_number(const char **at)
{
    const char *bar = strchr(*at, '|');
    char *end = NULL;
    if (!bar)
        violated("a field with fewer parts than it should have: %s", *at);
    const int64_t number = strtoll(bar + 1, &end, 10);
    *at = end;
    return number;
}

void ledger_compare(struct slice run, struct slice head)
{
    const struct track *track = find(run);
    char text[128];
    (void)snprintf(text, sizeof(text), "%.*s", (int)head.len, head.ptr);
    const char *at = text;
    (void)next_number(&at); /* incarnation */
    const int64_t counter = next_number(&at);
    (void)next_number(&at); /* open joins */
    const uint64_t last = (uint64_t)next_number(&at), events = (uint64_t)next_number(&at);
    if (text[0] != track->status || counter != track->counter || events != track->events ||
        last != track->last)
        violated("run %s: its hash says %s, its ledger %c, counter %" PRId64 ", last %" PRIu64
                 ", events %" PRIu64,
                 track->id, text, track->status, track->counter, track->last, track->events);
}
