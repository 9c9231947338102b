/* partitions: which are ours, and whether Redis holds what their record says.
 *
 * A partition is opened before anything else is done to it, with the epoch of the record when Redis
 * still has the last committed entry, and with a higher one when it does not: then what workers hold
 * of the old epoch is refused, and runs that Redis lost are counted.
 */
#include "base/log.h"
#include "protocol/decimal.h"
#include "protocol/keys.h"
#include "protocol/reply.h"
#include "supervisor/state.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void note_redis_time(struct supervisor *s, int64_t redis_us)
{
    s->redis_offset_us = redis_us - now_us(s);
}

static struct partition *find_owned(struct partition *partitions, uint32_t count, uint16_t number)
{
    for (uint32_t i = 0; i < count; i++) {
        if (partitions[i].cursor.partition == number)
            return &partitions[i];
    }
    return NULL;
}

struct partition *partition_find(const struct supervisor *s, uint16_t number)
{
    return find_owned(s->partitions, s->owned, number);
}

void partition_alarm(struct supervisor *s, struct partition *p, const char *message,
                     const char *detail)
{
    s->stats.alarms++;
    if (p->told_us != 0 && now_us(s) - p->told_us < ALARM_EVERY_MS * INT64_C(1000))
        return;
    p->told_us = now_us(s);
    log_write(LOG_ERROR, message, LOG_I("partition", p->cursor.partition),
              LOG_I("epoch", p->cursor.epoch), LOG_I("seq", (int64_t)p->cursor.seq),
              LOG_S("detail", detail));
}

/* --- ownership --- */

int partitions_find_out(struct supervisor *s, struct err *err)
{
    uint16_t count;
    if (store_partitions(s->store, s->partitions_wanted, &count, err) != 0 ||
        archive_namespace_id(s->store, s->namespace_id, err) != 0)
        return -1;
    s->partitions = calloc(count, sizeof *s->partitions);
    if (!s->partitions)
        return err_set(err, ERR_LIMIT, "no memory for %u partitions", count);
    s->partition_count = count;
    s->must_lease = true;
    return 0;
}

/* What was known of a partition holds on while its fence is the same: nobody else has had it. A cursor
 * that has moved all the same is of a commit of ours whose answer was lost: opening the partition makes
 * up for what was to follow it. Runs are cached without regard to partitions: true when some of them
 * may have gone on elsewhere, or in another epoch, so that none is known any more. */
static bool adopt_cursors(struct supervisor *s, const struct archive_cursor *cursors,
                          uint32_t count, struct partition *before)
{
    const uint32_t before_count = s->owned;
    bool changed = count != before_count;
    memcpy(before, s->partitions, before_count * sizeof *before);
    for (uint32_t i = 0; i < count; i++) {
        const struct partition *old = find_owned(before, before_count, cursors[i].partition);
        struct partition *p = &s->partitions[i];
        bool same = old && old->cursor.fence == cursors[i].fence;
        *p = same ? *old : (struct partition){0};
        if (same && (cursors[i].epoch != old->cursor.epoch || cursors[i].seq != old->cursor.seq))
            p->open = false;
        changed = changed || !same || cursors[i].epoch != old->cursor.epoch;
        p->cursor = cursors[i];
        (void)snprintf(p->epoch_text, sizeof p->epoch_text, "%" PRId64, cursors[i].epoch);
    }
    s->owned = count;
    s->stats.partitions_owned = count;
    return changed;
}

/* Two records over one Redis would undo each other's work for ever. */
static int refuse_holder(const struct supervisor *s, struct slice holder, struct err *err)
{
    return err_set(
        err, ERR_CONFLICT,
        "Redis holds the state of another database (namespace %.*s, ours is %s): use another "
        "Redis, another database number in its URL, or FLUSHDB if that record is gone for good",
        SLICE_ARG(holder), s->namespace_id);
}

/* Who cannot work, or would do it in a Redis where nobody else is, must not have a share. An owner
 * notices by its work; one that has nothing asks. */
static int check_ready(struct supervisor *s, bool *ready, struct err *err)
{
    *ready = false;
    if (s->owned > 0) {
        for (uint32_t i = 0; i < s->owned && *redis_run_id(s->redis) != '\0'; i++)
            *ready = *ready || s->partitions[i].open;
        return 0;
    }
    redisReply *reply = redis_words(s->redis, err, "GET", KEY_RECORD, NULL);
    if (!reply)
        return -1;
    const struct slice holder = reply_slice(reply);
    int result = 0;
    if (reply->type == REDIS_REPLY_ERROR)
        result = reply_error(reply, err);
    else if (holder.len > 0 && !slice_eq_str(holder, s->namespace_id))
        result = refuse_holder(s, holder, err);
    *ready = result == 0 && holder.len > 0; /* an empty one is for whoever finds partitions free */
    freeReplyObject(reply);
    return result;
}

/* Without a share nothing is given, and nothing taken that is not free for all. */
static int find_share(struct supervisor *s, uint32_t *given, struct err *err)
{
    uint32_t share;
    bool ready;
    *given = 0;
    s->share_known = false;
    if (check_ready(s, &ready, err) != 0)
        return -1;
    if (!ready)
        return 0;
    if (archive_join(s->store, s->owner, s->lease_ms, s->partition_count, &share, err) != 0)
        return -1;
    s->share_known = true;
    s->stats.partitions_share = share;
    if (s->owned <= share)
        return 0;
    if (archive_offer(s->store, s->owner, s->lease_ms, share, given, err) != 0)
        return -1;
    s->stats.partitions_given_back += *given;
    return 0;
}

/* Who misses some looks often: what is offered has no owner meanwhile. */
static int64_t lease_every_us(const struct supervisor *s)
{
    const bool misses = s->share_known && s->owned < s->stats.partitions_share;
    return s->lease_ms * 1000 / (misses ? 16 : 4);
}

static void tell_ownership(const struct supervisor *s, uint32_t before, uint32_t given)
{
    if (given > 0)
        log_write(LOG_INFO, "partitions given back to be shared", LOG_I("given", given),
                  LOG_I("owned", s->owned), LOG_I("share", s->stats.partitions_share));
    if (s->owned != before - given)
        log_write(LOG_INFO,
                  s->owned < before - given ? "partitions went to another supervisor"
                                            : "partitions taken over",
                  LOG_I("owned", s->owned), LOG_I("before", before - given));
}

/* Between two passes: what was read is committed, and what follows a commit is done, or done again by
 * the next owner. So what is more than our share can be given back here. What has just been taken is
 * kept until the next time, in case that nobody else is there. */
int partitions_lease(struct supervisor *s, struct err *err)
{
    if (!s->must_lease && now_us(s) < s->lease_due_us)
        return 0;
    const uint32_t before_count = s->owned;
    int result = -1;
    uint32_t count = 0, given;
    if (find_share(s, &given, err) != 0)
        return -1;
    struct archive_cursor *cursors = calloc(s->partition_count, sizeof *cursors);
    struct partition *before = calloc(s->partition_count, sizeof *before);
    if (!cursors || !before)
        err_set(err, ERR_LIMIT, "no memory for %u partitions", s->partition_count);
    else
        result = archive_lease(s->store, s->owner, s->lease_ms,
                               s->share_known ? s->stats.partitions_share : 0, cursors,
                               s->partition_count, &count, err);
    if (result == 0) {
        if (adopt_cursors(s, cursors, count, before))
            runs_clear(&s->runs);
        s->must_lease = false;
        s->leased_us = now_us(s);
        s->lease_due_us = s->leased_us + lease_every_us(s);
        tell_ownership(s, before_count, given);
    }
    free(cursors);
    free(before);
    return result;
}

bool partitions_lapsed(const struct supervisor *s)
{
    return now_us(s) >= s->leased_us + s->lease_ms * 1000;
}

/* --- opening --- */

/* What Redis has of a partition. */
struct found {
    int64_t epoch;        /* of meta; 0: no meta */
    int64_t ledger_epoch; /* of the last entry; 0: no ledger */
    bool cursor_holds;    /* the last committed entry is there, byte for byte */
};

static int64_t epoch_of(struct slice text)
{
    const char *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
    uint64_t number;
    if (!decimal_u64(slice_of(text.ptr, dash ? (size_t)(dash - text.ptr) : text.len), &number) ||
        number > INT64_MAX)
        return 0;
    return (int64_t)number;
}

static bool holds_cursor(const struct partition *p, const redisReply *reply)
{
    struct entry entry;
    int64_t epoch;
    char hex[SHA256_HEX_LEN + 1];
    if (p->cursor.seq == 0)
        return true;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        entry_of_reply(reply->element[0], 0, &epoch, &entry) != 0)
        return false;
    entry_sha256(&entry, hex);
    return strcmp(hex, p->cursor.entry_sha256) == 0;
}

static int look(struct supervisor *s, const struct partition *p, struct found *found,
                struct err *err)
{
    enum { META, NEWEST, AT_CURSOR, COMMANDS };
    char meta[KEY_MAX], ledger[KEY_MAX], id[64];
    struct command commands[COMMANDS];
    redisReply *replies[COMMANDS];
    (void)key_meta(meta, p->cursor.partition);
    (void)key_ledger(ledger, p->cursor.partition);
    (void)snprintf(id, sizeof id, "%" PRId64 "-%" PRIu64, p->cursor.epoch, p->cursor.seq);
    for (int i = 0; i < COMMANDS; i++)
        command_init(&commands[i]);
    const char *const words[COMMANDS][6] = {
        [META] = {"HGET", meta, "epoch"},
        [NEWEST] = {"XREVRANGE", ledger, "+", "-", "COUNT", "1"},
        [AT_CURSOR] = {"XRANGE", ledger, id, id},
    };
    for (int i = 0; i < COMMANDS; i++) {
        command_begin(&commands[i], words[i][0]);
        for (size_t w = 1; w < ARRAY_LEN(words[i]) && words[i][w]; w++)
            command_arg_str(&commands[i], words[i][w]);
    }
    int result = redis_pipeline(s->redis, commands, COMMANDS, replies, err);
    for (int i = 0; i < COMMANDS; i++)
        command_free(&commands[i]);
    if (result != 0)
        return -1;
    for (int i = 0; i < COMMANDS; i++) {
        if (replies[i]->type == REDIS_REPLY_ERROR && result == 0)
            result = err_set(err, ERR_UNREACHABLE, "Redis: %s", replies[i]->str);
    }
    if (result == 0) {
        *found = (struct found){.epoch = epoch_of(reply_slice(replies[META])),
                                .cursor_holds = holds_cursor(p, replies[AT_CURSOR])};
        if (replies[NEWEST]->type == REDIS_REPLY_ARRAY && replies[NEWEST]->elements == 1 &&
            replies[NEWEST]->element[0]->elements > 0)
            found->ledger_epoch = epoch_of(reply_slice(replies[NEWEST]->element[0]->element[0]));
    }
    for (int i = 0; i < COMMANDS; i++)
        freeReplyObject(replies[i]);
    return result;
}

static int raise_epoch(struct supervisor *s, struct partition *p, const struct found *found,
                       const char *why, struct err *err)
{
    uint64_t live = 0;
    int64_t highest = p->cursor.epoch;
    if (found->epoch > highest)
        highest = found->epoch;
    if (found->ledger_epoch > highest)
        highest = found->ledger_epoch;
    if (archive_count_live(s->store, p->cursor.partition, &live, err) != 0 ||
        archive_raise_epoch(s->store, s->owner, &p->cursor, highest + 1, err) != 0)
        return -1;
    (void)snprintf(p->epoch_text, sizeof p->epoch_text, "%" PRId64, p->cursor.epoch);
    publish_forget(s);
    runs_clear(&s->runs);
    if (live > 0)
        log_write(LOG_ERROR,
                  "Redis lost runs that were under way: they stay as the record has them",
                  LOG_I("partition", p->cursor.partition), LOG_I("runs", (int64_t)live),
                  LOG_S("reason", why));
    log_write(LOG_INFO, "partition opened with a new epoch", LOG_S("reason", why),
              LOG_I("partition", p->cursor.partition), LOG_I("epoch", p->cursor.epoch));
    return 0;
}

static int call_open(struct supervisor *s, struct partition *p, struct err *err)
{
    struct command command;
    struct slice last;
    int64_t redis_us = 0;
    command_init(&command);
    open_build(&command, p->cursor.partition, p->cursor.epoch, s->partition_count,
               (struct call_queues){s->queue_names, s->queue_count});
    redisReply *reply = redis_call(s->redis, &command, err);
    command_free(&command);
    if (!reply)
        return -1;
    int result = -1;
    struct slice word = reply_word(reply);
    if (call_status(reply, &redis_us, err) == CALL_OK && open_read(reply, &last) == 0) {
        note_redis_time(s, redis_us);
        result = 0;
    } else if (slice_eq_str(word, "epoch")) {
        err_set(err, ERR_UNREACHABLE, "partition %u was opened with a higher epoch just now",
                p->cursor.partition);
    } else if (slice_eq_str(word, "partitions") || slice_eq_str(word, "layout")) {
        err_set(err, ERR_CONFLICT,
                "Redis was used with another %.*s (%.*s) by another installation: use a Redis "
                "or a database number of its own",
                SLICE_ARG(word),
                SLICE_ARG(reply->elements > 1 ? reply_slice(reply->element[1]) : SLICE("?")));
    } else if (err->code == ERR_NONE) {
        err_set(err, ERR_INTERNAL, "open answered %.*s", SLICE_ARG(word));
    }
    freeReplyObject(reply);
    return result;
}

/* Redis is ours if nobody has it, or nobody any more. */
static int claim_redis(struct supervisor *s, struct err *err)
{
    redisReply *reply =
        redis_words(s->redis, err, "SET", KEY_RECORD, s->namespace_id, "NX", "GET", NULL);
    if (!reply)
        return -1;
    struct slice holder = reply_slice(reply);
    const bool ours = holder.len == 0 || slice_eq_str(holder, s->namespace_id);
    const int result = ours ? 0 : refuse_holder(s, holder, err);
    freeReplyObject(reply);
    return result;
}

static int open_one(struct supervisor *s, struct partition *p, struct err *err)
{
    struct found found;
    const char *why = NULL;
    if (claim_redis(s, err) != 0 || look(s, p, &found, err) != 0)
        return -1;
    if (found.epoch > p->cursor.epoch || found.ledger_epoch > p->cursor.epoch)
        why = "Redis has a higher epoch than the record: the database went back";
    else if (found.epoch == 0)
        why = "Redis is new or was emptied";
    else if (!found.cursor_holds)
        why = "Redis has not the last entry that the record has: it went back";
    if (why && raise_epoch(s, p, &found, why, err) != 0)
        return -1;
    if (call_open(s, p, err) != 0 || after_takeover(s, p, err) != 0)
        return -1;
    p->open = true;
    timers_look(p);
    return 0;
}

int partitions_open(struct supervisor *s, struct err *err)
{
    for (uint32_t i = 0; i < s->owned; i++) {
        if (!s->partitions[i].open && open_one(s, &s->partitions[i], err) != 0)
            return -1;
    }
    return 0;
}
