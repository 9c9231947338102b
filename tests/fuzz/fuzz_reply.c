/* fuzz_reply: what Redis answers, read by everything that reads answers.
 *
 * An input is an answer as it comes over the connection. Whatever it says, no reader may crash or
 * look behind it; what a reader accepts, it holds to:
 *
 *   - an `ok` has a time, and what is no `ok` is refused with words;
 *   - claims are of a node, in a known state, with their values; what they want can be gone through;
 *   - views are inside the answer: every byte of them is looked at.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "protocol/calls.h"
#include "protocol/redis.h"
#include "protocol/wanted.h"
#include "supervisor/state.h"
#include <string.h>

enum { COUNT_DIGITS_MOST = 4 };

static volatile unsigned seen;

static void look_at(struct slice view)
{
    for (size_t i = 0; i < view.len; i++)
        seen += (unsigned char)view.ptr[i];
}

static void look_at_all(struct redisReply *const *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        look_at(reply_slice(items[i]));
}

/* --- parts --- */

static void check_wanted(struct slice wanted)
{
    struct wanted_item item;
    bool bad = false;
    size_t at = 0, before = 0;
    for (uint32_t steps = 0; wanted_next(wanted, &at, &item, &bad); steps++) {
        DEMAND(at > before && at <= wanted.len + 1 && steps <= wanted.len, "%.*s",
               SLICE_ARG(wanted));
        before = at;
    }
}

static void check_claims(const struct claims *claims)
{
    struct claim claim;
    DEMAND(claim_read(claims, claims->count, &claim) != 0, "a claim behind the last");
    for (uint32_t i = 0; i < claims->count; i++) {
        if (claim_read(claims, i, &claim) != 0)
            continue;
        DEMAND(memchr("quf", claim.state, 3), "state %d", claim.state);
        DEMAND(claim.node.len > 0, "no node");
        DEMAND(claims->items[i]->elements == claim.value_count + 8u, "%u values",
               claim.value_count);
        look_at(claim.entry_id);
        look_at(claim.run);
        look_at(claim.number);
        look_at(claim.scope);
        look_at(claim.incarnation);
        look_at(claim.digest);
        look_at_all(claim.values, claim.value_count);
        check_wanted(claim.wanted);
    }
}

static void check_status(const redisReply *reply)
{
    struct err err = ERR_INIT;
    int64_t redis_us = -1;
    const enum call_status status = call_status(reply, &redis_us, &err);
    DEMAND(status != CALL_LOST, "an answer is none");
    DEMAND((status == CALL_REFUSED) == (err.code != ERR_NONE), "status %d, code %d", (int)status,
           (int)err.code);
    DEMAND(status != CALL_REFUSED || err.message[0], "refused without words");
    DEMAND(status != CALL_OK || slice_eq_str(reply_word(reply), "ok"), "ok");
}

/* --- every reader --- */

static void check_settle(const redisReply *reply)
{
    struct settle_reply settled;
    enum settle_result result;
    if (settle_read(reply, &settled) != 0)
        return;
    for (uint32_t i = 0; i < settled.result_count; i++) {
        if (settle_result(&settled, i, &result) == 0)
            DEMAND((unsigned)result <= SETTLE_LOAD, "result %d", (int)result);
    }
    DEMAND(settle_result(&settled, settled.result_count, &result) != 0, "one more");
    check_claims(&settled.claims);
}

static void check_sessions(const redisReply *reply)
{
    struct hello_reply hello;
    struct claims claims;
    struct redisReply **names;
    uint32_t count;
    bool left;
    if (hello_read(reply, &hello) == 0) {
        DEMAND(hello.session.len > 0, "no session");
        look_at(hello.session);
        look_at(hello.next);
        check_claims(&hello.claims);
    }
    if (reclaim_read(reply, &claims) == 0)
        check_claims(&claims);
    if (beat_read(reply, &names, &count) == 0)
        look_at_all(names, count);
    if (leave_read(reply, &left) == 0)
        seen += left;
}

static void check_runs(const redisReply *reply)
{
    enum start_result started;
    enum cancel_result cancelled;
    struct slice last_id;
    uint32_t fired;
    int64_t next_ms;
    struct inspect_reply inspected;
    for (uint32_t i = 0; start_read(reply, i, &started) == 0; i++)
        DEMAND((unsigned)started <= START_LATE, "start %d", (int)started);
    if (cancel_read(reply, &cancelled) == 0)
        DEMAND((unsigned)cancelled <= CANCEL_GONE, "cancel %d", (int)cancelled);
    if (open_read(reply, &last_id) == 0)
        look_at(last_id);
    if (fire_read(reply, &fired, &next_ms) == 0)
        seen += fired;
    if (inspect_read(reply, &inspected) == 0 && inspected.present) {
        DEMAND(memchr("rcfx", inspected.status, 4), "status %d", inspected.status);
        look_at_all(inspected.tokens, 2 * inspected.token_count);
        look_at_all(inspected.joins, 2 * inspected.join_count);
    }
}

/* An entry of a ledger, and a stored output: texts that stand deeper. */
static void check_texts(const redisReply *reply)
{
    struct entry entry;
    struct stored_output output;
    int64_t epoch;
    char hex[SHA256_HEX_LEN + 1];
    if (entry_of_reply(reply, 0, &epoch, &entry) == 0) {
        DEMAND(epoch >= 0 && entry.at_us >= 0, "epoch %lld", (long long)epoch);
        entry_sha256(&entry, hex);
        DEMAND(strlen(hex) == SHA256_HEX_LEN, "%s", hex);
    }
    const struct slice text = reply_slice(reply);
    if (text.ptr && stored_output_read(text, &output) == 0) {
        DEMAND(output.json.len > 0, "no output");
        look_at(output.json);
    }
    if (text.ptr)
        check_wanted(text);
}

static void check(const redisReply *reply)
{
    check_status(reply);
    check_settle(reply);
    check_sessions(reply);
    check_runs(reply);
    check_texts(reply);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        check_texts(reply->element[i]);
}

/* hiredis allocates the arrays that it is promised: what no Redis says only costs memory here. */
static bool promises_too_much(const uint8_t *data, size_t size)
{
    size_t digits = 0;
    bool counting = false;
    for (size_t i = 0; i < size; i++) {
        counting = data[i] == '*' || (counting && data[i] != '\r');
        digits = counting && data[i] != '*' ? digits + 1 : 0;
        if (digits > COUNT_DIGITS_MOST)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (promises_too_much(data, size))
        return 0;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    DEMAND(reader, "no memory");
    if (redisReaderFeed(reader, (const char *)data, size) == REDIS_OK) {
        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
            check(reply);
            freeReplyObject(reply);
        }
    }
    redisReaderFree(reader);
    return 0;
}
