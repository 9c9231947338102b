#include "worker/lookup.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/inbox_item.h"

enum { UNPUBLISHED_MS = 500, ANSWER_MS = 5000 };
#define KEPT_US                                                                                    \
    INT64_C(10000000) /* names that nobody has asked for since are not asked for any more */
#define PUBLISHED "!published" /* a field that is there once the table is complete */

/* Its field of the table; false without memory. */
static bool write_field(struct buf *out, const struct request *request)
{
    buf_slice_append(out, request->workflow);
    if (request->version)
        buf_printf(out, "@%lld", (long long)request->version);
    return buf_ok(out);
}

static void wait_for_table(struct item *item)
{
    if (!item->said)
        log_write(LOG_WARN, "a workflow is not there, but the table of names is not complete yet",
                  LOG_B("workflow", item->request.workflow),
                  LOG_B("entry", item->request.entry_id));
    item->said = true;
    item_wait_ms(item, UNPUBLISHED_MS);
}

static void refuse_missing(struct item *item)
{
    struct request *request = &item->request;
    if (request->version)
        request_refuse(request, "workflow '%.*s' has no version %lld", SLICE_ARG(request->workflow),
                       (long long)request->version);
    else
        request_refuse(request, "there is no workflow '%.*s'", SLICE_ARG(request->workflow));
    item_refuse(item);
}

/* digest: of NAME@VERSION; of NAME it is VERSION DIGEST. SLICE_NONE: the table has no such name. */
static void decide(struct item *item, struct slice digest, bool published)
{
    if (!digest.ptr) {
        if (published)
            refuse_missing(item);
        else
            wait_for_table(item);
        return;
    }
    item->version = item->request.version;
    const char *blank = memchr(digest.ptr, ' ', digest.len);
    if (blank) {
        item->version = 0;
        for (const char *c = digest.ptr; c < blank && c < digest.ptr + 12; c++)
            item->version = item->version * 10 + (*c - '0');
        digest = slice_of(blank + 1, digest.len - (size_t)(blank + 1 - digest.ptr));
    }
    if (digest.len != SHA256_HEX_LEN) {
        request_refuse(&item->request, "the table of workflows is damaged");
        item_refuse(item);
        return;
    }
    memcpy(item->digest, digest.ptr, digest.len);
    item->digest[digest.len] = '\0';
    item->step = ITEM_START;
}

/* --- of one request --- */

static void on_answer(void *context, const redisReply *reply)
{
    struct item *item = context;
    struct inbox *inbox = item->inbox;
    struct buf field;
    item->under_way = false;
    worker_wake(inbox->worker);
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        item_wait_ms(item, INBOX_RETRY_MS);
        return;
    }
    decide(item, reply_slice(reply->element[1]), reply->element[0]->type == REDIS_REPLY_STRING);
    buf_init(&field, NAMES_BYTES);
    if (item->step == ITEM_START && write_field(&field, &item->request))
        names_note(&inbox->lookups.recent, buf_slice(&field), worker_mono_us(inbox->worker));
    buf_free(&field);
}

void lookup_item(struct item *item)
{
    struct worker *worker = item->inbox->worker;
    struct buf field;
    buf_init(&field, 4096);
    command_begin(&worker->command, "HMGET");
    command_arg_str(&worker->command, KEY_WORKFLOWS);
    command_arg_str(&worker->command, PUBLISHED);
    const bool fits = write_field(&field, &item->request);
    command_arg(&worker->command, buf_slice(&field));
    item->under_way = fits && worker_send(worker, on_answer, item);
    buf_free(&field);
}

/* --- behind a read --- */

/* One that was not asked for asks by itself then. */
static void decide_behind(struct item *item, const struct lookup *lookup, const redisReply *reply)
{
    struct inbox *inbox = item->inbox;
    struct buf field;
    buf_init(&field, 4096);
    const int at =
        write_field(&field, &item->request) ? names_find(&lookup->names, buf_slice(&field)) : -1;
    if (at >= 0) {
        names_note(&inbox->lookups.recent, buf_slice(&field), worker_mono_us(inbox->worker));
        decide(item, reply_slice(reply->element[at + 1]),
               reply->element[0]->type == REDIS_REPLY_STRING);
    }
    buf_free(&field);
}

static void on_behind(void *context, const redisReply *reply)
{
    struct lookup *lookup = context;
    struct inbox *inbox = lookup->inbox;
    const bool answered =
        reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == lookup->names.count + 1;
    for (struct item *item = inbox->items; item; item = item->next) {
        if (item->behind != lookup)
            continue;
        item->behind = NULL;
        item->under_way = false;
        worker_wake(inbox->worker);
        if (answered)
            decide_behind(item, lookup, reply);
    }
    lookup->inbox = NULL;
}

static struct lookup *find_free(struct lookups *lookups)
{
    for (uint32_t i = 0; i < LOOKUPS_MOST; i++) {
        if (!lookups->behind[i].inbox)
            return &lookups->behind[i];
    }
    return NULL;
}

struct lookup *lookup_behind(struct inbox *inbox, struct link *link)
{
    struct command *command = &inbox->worker->command;
    struct names *recent = &inbox->lookups.recent;
    struct lookup *lookup = find_free(&inbox->lookups);
    names_forget(recent, worker_mono_us(inbox->worker) - KEPT_US);
    if (!lookup || recent->count == 0)
        return NULL;
    command_begin(command, "HMGET");
    command_arg_str(command, KEY_WORKFLOWS);
    command_arg_str(command, PUBLISHED);
    for (uint32_t i = 0; i < recent->count; i++)
        command_arg_str(command, recent->names[i].text);
    if (link_send(link, command, ANSWER_MS, on_behind, lookup) != 0)
        return NULL;
    lookup->inbox = inbox;
    lookup->names = *recent;
    return lookup;
}
