/* batch: what the ledgers have behind the cursors, read in one round trip and decoded. */
#include "base/log.h"
#include "protocol/decimal.h"
#include "protocol/keys.h"
#include "supervisor/state.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { META_EPOCH, META_STRAYS, PER_PARTITION = 2 };

void batch_clear_runs(struct supervisor *s)
{
    struct batch *batch = &s->batch;
    for (uint32_t i = 0; i < batch->touched_count; i++)
        batch->touched[i]->touched = false;
    batch->record_count = batch->touched_count = 0;
}

void batch_clear(struct supervisor *s)
{
    struct batch *batch = &s->batch;
    for (uint32_t i = 0; i < batch->reply_count; i++)
        freeReplyObject(batch->replies[i]);
    batch_clear_runs(s);
    batch->replies = NULL;
    batch->entries = NULL;
    batch->records = NULL;
    batch->touched = NULL;
    batch->reply_count = batch->entry_count = 0;
    arena_reset(&batch->arena);
}

/* --- entries --- */

int entry_of_reply(const redisReply *reply, uint16_t slot, int64_t *epoch, struct entry *entry)
{
    uint64_t number, at;
    *entry = (struct entry){.slot = slot};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return -1;
    struct slice id = reply_slice(reply->element[0]), part;
    const redisReply *fields = reply->element[1];
    if (!decimal_cut(&id, '-', &part) || !decimal_u64(part, &number) || number > INT64_MAX ||
        !decimal_u64(id, &entry->seq) || fields->type != REDIS_REPLY_ARRAY || fields->elements != 4)
        return -1;
    *epoch = (int64_t)number;
    if (!slice_eq_str(reply_slice(fields->element[0]), "t") ||
        !slice_eq_str(reply_slice(fields->element[2]), "b"))
        return -1;
    entry->time_text = reply_slice(fields->element[1]);
    entry->body = reply_slice(fields->element[3]);
    if (!decimal_u64(entry->time_text, &at) || at > INT64_MAX || !entry->body.ptr)
        return -1;
    entry->at_us = (int64_t)at;
    return 0;
}

void entry_sha256(const struct entry *entry, char hex[SHA256_HEX_LEN + 1])
{
    /* The hash of (time, hash of the body): no copy of a body that may be large. */
    char parts[SHA256_HEX_LEN + 64];
    sha256_hex(entry->body, hex);
    int len = snprintf(parts, sizeof parts, "%" PRId64 " %s", entry->at_us, hex);
    sha256_hex(slice_of(parts, (size_t)len), hex);
}

/* --- reading --- */

static uint32_t least_of(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* How many entries of how many partitions, in turn. An entry has one record or a thousand: it goes by what they
 * have lately taken. The next ones may be much longer, above all after a quiet time: it begins with one of
 * each, and doubles. Of each partition the last one that is committed comes along, so rather several of few. */
static void choose_page(struct supervisor *s)
{
    const size_t fit = BATCH_BYTES / (s->entry_bytes + 1) + 1;
    const uint32_t most =
        s->owned > BATCH_ENTRIES ? s->owned : BATCH_ENTRIES; /* one of each, when all is quiet */
    const uint32_t entries = fit < most ? (uint32_t)fit : most;
    uint32_t page = entries / s->owned;
    if (page < PAGE_LEAST)
        page = least_of(entries, PAGE_LEAST);
    page = least_of(page, s->batch_entries);
    page = least_of(page, s->quiet ? 1 : 2 * s->page_entries);
    s->page_entries = page > 0 ? page : 1;
    s->read_first += s->read_count;
    if (s->read_first >= s->owned)
        s->read_first = 0;
    s->read_count = least_of((entries + s->page_entries - 1) / s->page_entries, s->owned);
}

static uint32_t slot_read(const struct supervisor *s, uint32_t i)
{
    const uint32_t slot = s->read_first + i;
    return slot < s->owned ? slot : slot - s->owned;
}

/* Greater ones count at once, smaller ones, and none, little by little. */
static void note_size(struct supervisor *s)
{
    const uint32_t count = s->batch.entry_count;
    size_t bytes = s->batch.record_count * sizeof(struct record);
    for (uint32_t i = 0; i < count; i++)
        bytes += s->batch.entries[i].body.len * BODY_TIMES;
    const size_t each = count ? bytes / count : 0;
    s->quiet = true;
    for (uint32_t i = 0; i < s->read_count; i++)
        s->quiet = s->quiet && !s->partitions[slot_read(s, i)].more;
    s->entry_bytes = each > s->entry_bytes ? each : s->entry_bytes - (s->entry_bytes - each) / 2;
}

static int read_all(struct supervisor *s, struct err *err)
{
    choose_page(s);
    struct batch *batch = &s->batch;
    const uint32_t count = s->read_count * PER_PARTITION;
    struct command *commands = arena_array(&batch->arena, count, sizeof *commands);
    redisReply **replies = arena_array(&batch->arena, count, sizeof(redisReply *));
    if (!commands || !replies)
        return err_set(err, ERR_LIMIT, "no memory to read %u ledgers", s->read_count);
    for (uint32_t i = 0; i < s->read_count; i++) {
        const struct archive_cursor *cursor = &s->partitions[slot_read(s, i)].cursor;
        struct command *meta = &commands[i * PER_PARTITION], *ledger = meta + 1;
        char key[KEY_MAX], from[64], to[64];
        command_init(meta);
        command_begin(meta, "HMGET");
        command_arg(meta, key_meta(key, cursor->partition));
        command_arg_str(meta, "epoch");
        command_arg_str(meta, "strays");
        (void)snprintf(from, sizeof from, "%" PRId64 "-%" PRIu64, cursor->epoch, cursor->seq);
        (void)snprintf(to, sizeof to, "%" PRId64, cursor->epoch); /* to the end of the epoch */
        command_init(ledger);
        command_begin(ledger, "XRANGE");
        command_arg(ledger, key_ledger(key, cursor->partition));
        command_arg_str(ledger, from);
        command_arg_str(ledger, to);
        command_arg_str(ledger, "COUNT");
        command_arg_int(ledger, s->page_entries + 1);
    }
    int result = redis_pipeline(s->redis, commands, count, replies, err);
    for (uint32_t i = 0; i < count; i++)
        command_free(&commands[i]);
    if (result == 0) {
        batch->replies = replies;
        batch->reply_count = count;
    }
    return result;
}

/* --- one partition --- */

static void close_partition(struct partition *p) { p->open = false; }

/* Whether Redis still is what the cursor speaks of; the first entry then is the committed one. */
static bool unchanged(const struct partition *p, const redisReply *meta, const redisReply *ledger)
{
    struct entry entry;
    int64_t epoch;
    char hex[SHA256_HEX_LEN + 1];
    if (meta->type != REDIS_REPLY_ARRAY || meta->elements != 2 ||
        !slice_eq_str(reply_slice(meta->element[META_EPOCH]), p->epoch_text))
        return false;
    if (p->cursor.seq == 0)
        return true;
    if (ledger->elements == 0 || entry_of_reply(ledger->element[0], 0, &epoch, &entry) != 0 ||
        epoch != p->cursor.epoch || entry.seq != p->cursor.seq)
        return false;
    entry_sha256(&entry, hex);
    return strcmp(hex, p->cursor.entry_sha256) == 0;
}

/* Appends the entries behind the cursor. What cannot be read stops the partition, it is never
 * skipped. */
static void take_entries(struct supervisor *s, uint16_t slot, const redisReply *ledger)
{
    struct partition *p = &s->partitions[slot];
    struct batch *batch = &s->batch;
    size_t first = p->cursor.seq > 0;
    uint64_t expected = p->cursor.seq + 1;
    p->more = ledger->elements > s->page_entries;
    for (size_t i = first; i < ledger->elements; i++, expected++) {
        struct entry *entry = &batch->entries[batch->entry_count];
        int64_t epoch;
        if (entry_of_reply(ledger->element[i], slot, &epoch, entry) != 0) {
            partition_alarm(s, p, "the ledger has an entry that nobody of us wrote",
                            "archiving of this partition stops there");
            return;
        }
        if (entry->seq != expected) {
            /* Who has slept may be looking at what another has archived and trimmed since. */
            if (partitions_lapsed(s)) {
                s->must_lease = true;
                return;
            }
            partition_alarm(s, p, "the ledger has a gap",
                            "archiving of this partition stops there");
            return;
        }
        batch->entry_count++;
    }
}

static bool looks_like_trouble(const redisReply *reply, struct err *err)
{
    if (reply->type == REDIS_REPLY_ERROR)
        err_set(err, ERR_UNREACHABLE, "Redis: %s", reply->str);
    return reply->type == REDIS_REPLY_ERROR;
}

static int take_partitions(struct supervisor *s, struct err *err)
{
    struct batch *batch = &s->batch;
    size_t entries = 0;
    for (uint32_t i = 0; i < s->read_count; i++) {
        const redisReply *const *replies =
            (const redisReply *const *)&batch->replies[i * PER_PARTITION];
        if (looks_like_trouble(replies[0], err) || looks_like_trouble(replies[1], err))
            return -1;
        entries += replies[1]->elements;
    }
    batch->entries = arena_array(&batch->arena, entries ? entries : 1, sizeof *batch->entries);
    if (!batch->entries)
        return err_set(err, ERR_LIMIT, "no memory for %zu ledger entries", entries);
    for (uint32_t i = 0; i < s->owned; i++)
        s->partitions[i].more = true; /* for all that is known */
    for (uint32_t i = 0; i < s->read_count; i++) {
        const uint32_t slot = slot_read(s, i);
        struct partition *p = &s->partitions[slot];
        const redisReply *meta = batch->replies[i * PER_PARTITION];
        const redisReply *ledger = batch->replies[i * PER_PARTITION + 1];
        p->more = false;
        if (!p->open)
            continue;
        if (!unchanged(p, meta, ledger)) {
            close_partition(p);
            continue;
        }
        struct slice strays = reply_slice(meta->element[META_STRAYS]);
        if (strays.len > 0 && !slice_eq_str(strays, "0"))
            partition_alarm(s, p,
                            "queue entries that were none of ours, or whose run was deleted "
                            "under their holder, have been dropped",
                            "meta field strays");
        take_entries(s, (uint16_t)slot, ledger);
    }
    return 0;
}

/* --- records --- */

/* The records of one entry behind those that are there; -1 (err) when it cannot be read. */
static int take_entry(struct batch *batch, uint32_t index, struct err *err)
{
    const struct slice body = batch->entries[index].body;
    const uint32_t first = batch->record_count;
    size_t at = 0;
    int more;
    for (;;) {
        struct ledger_record record;
        more = ledger_next(body, &at, &record, err);
        if (more <= 0)
            break;
        batch->records[batch->record_count] = (struct record){
            .entry = index, .ordinal = batch->record_count - first, .ledger = record};
        batch->record_count++;
    }
    if (more < 0)
        batch->record_count = first;
    return more;
}

static int take_records(struct supervisor *s, struct err *err)
{
    struct batch *batch = &s->batch;
    uint32_t count = 0, kept = 0;
    int32_t broken_slot = -1; /* entries of a slot are neighbours */
    for (uint32_t i = 0; i < batch->entry_count; i++)
        count += ledger_count(batch->entries[i].body);
    batch->records = arena_alloc(&batch->arena, (count ? count : 1) * sizeof *batch->records);
    batch->touched = arena_array(&batch->arena, count ? count : 1, sizeof(struct run *));
    if (!batch->records || !batch->touched)
        return err_set(err, ERR_LIMIT, "no memory for %u ledger records", count);
    for (uint32_t i = 0; i < batch->entry_count; i++) {
        struct err why = ERR_INIT;
        if (batch->entries[i].slot == broken_slot)
            continue;
        batch->entries[kept] = batch->entries[i];
        if (take_entry(batch, kept, &why) == 0) {
            kept++;
            continue;
        }
        broken_slot = batch->entries[i].slot;
        partition_alarm(s, &s->partitions[broken_slot],
                        "the ledger has an entry that cannot be read: archiving of this "
                        "partition stops there",
                        why.message);
    }
    batch->entry_count = kept;
    return 0;
}

int batch_read(struct supervisor *s, struct err *err)
{
    batch_clear(s);
    if (s->owned == 0)
        return 0;
    if (read_all(s, err) != 0 || take_partitions(s, err) != 0 || take_records(s, err) != 0) {
        batch_clear(s);
        return -1;
    }
    note_size(s);
    return 0;
}
