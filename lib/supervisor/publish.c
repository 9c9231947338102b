/* publish: what workers need of the record, in Redis: graphs by digest, and the table of names.
 *
 * The owner of partition 0 publishes everything when it begins, when a version was deployed, every
 * hour, and when Redis' mark of the last complete publication is not its own. Any owner publishes the
 * graph of a run before it starts it.
 */
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/publication.h"
#include "supervisor/state.h"
#include <stdio.h>
#include <string.h>

enum { WANTED_MOST = 100, NAMES_PER_CALL = 500 };

static const char mark_field[] = "!published";

void publish_forget(struct supervisor *s)
{
    strmap_free(&s->published);
    strmap_init(&s->published);
    s->published_ms = 0;
    s->publish_due_us = 0;
    s->names_due_us = 0;
    s->inbox_due_us = 0; /* it may have been lost as well */
}

static int set_graph(struct supervisor *s, struct slice digest, struct slice canonical,
                     struct err *err)
{
    if (publish_canonical(s->redis, digest, canonical, err) != 0)
        return -1;
    return strmap_put(&s->published, digest, s) == 0
               ? 0
               : err_set(err, ERR_LIMIT, "no memory to publish a graph");
}

int publish_graph(struct supervisor *s, const struct graph *graph, struct err *err)
{
    if (strmap_get(&s->published, slice_str(graph->digest)))
        return 0;
    return set_graph(s, slice_str(graph->digest), graph->canonical, err);
}

static int publish_digest(struct supervisor *s, struct slice digest, struct err *err)
{
    struct slice canonical;
    if (strmap_get(&s->published, digest))
        return 0;
    if (store_graph_get(s->store, digest, &s->batch.arena, &canonical, err) != 0)
        return -1;
    return set_graph(s, digest, canonical, err);
}

/* --- names --- */

static bool is_latest(const struct store_workflow *items, uint32_t count, uint32_t i)
{
    return i + 1 == count || !slice_eq(items[i].name, items[i + 1].name);
}

static int send_names(struct supervisor *s, const struct store_workflow *items, uint32_t count,
                      uint32_t begin, uint32_t end, struct err *err)
{
    struct publication names[NAMES_PER_CALL];
    for (uint32_t i = begin; i < end; i++)
        names[i - begin] = (struct publication){.name = items[i].name,
                                                .digest = items[i].digest,
                                                .version = items[i].version,
                                                .latest = is_latest(items, count, i)};
    return publish_names(s->redis, names, end - begin, err);
}

/* Graphs before the names that lead to them, the mark last; what remote workers call besides. */
static int publish_all(struct supervisor *s, struct err *err)
{
    struct store_workflow *items;
    uint32_t count;
    uint64_t versions;
    char mark[32];
    if (archive_version_count(s->store, &versions, err) != 0 ||
        archive_versions(s->store, &s->batch.arena, &items, &count, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (is_latest(items, count, i) && publish_digest(s, items[i].digest, err) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < count; i += NAMES_PER_CALL) {
        uint32_t end = i + NAMES_PER_CALL < count ? i + NAMES_PER_CALL : count;
        if (send_names(s, items, count, i, end, err) != 0)
            return -1;
    }
    if (publish_script(s->redis, SCRIPT_TASKS, err) != 0)
        return -1;
    const int64_t now_ms = clock_wall_us(s->clock) / 1000;
    (void)snprintf(mark, sizeof mark, "%lld", (long long)now_ms);
    redisReply *reply = redis_words(s->redis, err, "HSET", KEY_WORKFLOWS, mark_field, mark, NULL);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    s->published_ms = now_ms;
    s->versions_seen = versions;
    s->publish_due_us = now_us(s) + PUBLISH_EVERY_MS * INT64_C(1000);
    return 0;
}

/* Whether Redis still has what we published. */
static int check_mark(struct supervisor *s, bool *ours, struct err *err)
{
    char mark[32];
    redisReply *reply = redis_words(s->redis, err, "HGET", KEY_WORKFLOWS, mark_field, NULL);
    if (!reply)
        return -1;
    (void)snprintf(mark, sizeof mark, "%lld", (long long)s->published_ms);
    *ours = slice_eq_str(reply_slice(reply), mark);
    freeReplyObject(reply);
    return 0;
}

/* --- graphs that workers did not find --- */

static int serve_one(struct supervisor *s, struct slice digest, struct err *err)
{
    struct err why = ERR_INIT;
    struct slice canonical;
    char word[SHA256_HEX_LEN + 1];
    (void)snprintf(word, sizeof word, "%.*s", SLICE_ARG(digest));
    if (store_graph_get(s->store, digest, &s->batch.arena, &canonical, &why) == 0) {
        if (set_graph(s, digest, canonical, err) != 0)
            return -1;
    } else if (why.code == ERR_NOT_FOUND) {
        log_write(LOG_ERROR, "workers want a graph that the record does not have",
                  LOG_B("digest", digest));
    } else {
        *err = why;
        return -1;
    }
    redisReply *reply = redis_words(s->redis, err, "SREM", KEY_GRAPH_WANTED, word, NULL);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

static int serve_wanted(struct supervisor *s, struct err *err)
{
    char most[16];
    (void)snprintf(most, sizeof most, "%d", WANTED_MOST);
    redisReply *reply = redis_words(s->redis, err, "SRANDMEMBER", KEY_GRAPH_WANTED, most, NULL);
    if (!reply)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < reply->elements; i++) {
        struct slice digest = reply_slice(reply->element[i]);
        if (digest.len == SHA256_HEX_LEN)
            result = serve_one(s, digest, err);
    }
    freeReplyObject(reply);
    return result;
}

int publish_pass(struct supervisor *s, struct err *err)
{
    uint64_t versions;
    bool ours = true;
    if (!owns_first(s))
        return 0;
    if (serve_wanted(s, err) != 0)
        return -1;
    if (now_us(s) < s->names_due_us)
        return 0;
    s->names_due_us = now_us(s) + NAMES_EVERY_MS * INT64_C(1000);
    if (archive_version_count(s->store, &versions, err) != 0 || check_mark(s, &ours, err) != 0)
        return -1;
    if (!ours || now_us(s) >= s->publish_due_us) {
        publish_forget(s); /* graphs too: they expire, or were lost */
        s->names_due_us = now_us(s) + NAMES_EVERY_MS * INT64_C(1000);
        return publish_all(s, err);
    }
    return versions != s->versions_seen ? publish_all(s, err) : 0;
}
