#include "worker/running.h"
#include "base/log.h"
#include "protocol/keys.h"
#include "protocol/redis.h"
#include "worker/state.h"
#include <inttypes.h>
#include <stdlib.h>

enum {
    LOOK_EVERY_US = 1000000,
    LOOKS_PER_TICK = 200,
    TELL_EVERY_US = 500000, /* progress and lines, for the run's events */
    GRACE_US = 100000,      /* a job with a timeout of its own says it better */
};

static void leave_list(struct channel *channel, struct token *token)
{
    token_list_remove(&channel->running, token);
    channel->worker->running--;
}

void running_add(struct channel *channel, struct token *token)
{
    struct worker *worker = channel->worker;
    token->channel = channel;
    token->job_number = ++worker->last_job;
    token->job_doubted = false;
    token->job_began_us = token->job_looked_us = token->job_told_us = worker_mono_us(worker);
    worker->running++;
    token_list_push(&channel->running, token);
}

/* It has a result, or there was no memory for one (rc). */
static void finished(struct channel *channel, struct token *token, int rc)
{
    struct worker *worker = channel->worker;
    if (token->job) { /* the next one of its stretch takes its time too */
        running_add(channel, token);
        return;
    }
    worker_executed(channel, token, rc);
    worker_wake(worker);
}

void running_done(void *context, struct token *token)
{
    struct worker *worker = context;
    struct channel *channel = token->channel;
    const struct execution execution = worker_execution(worker);
    leave_list(channel, token);
    finished(channel, token, execute_finish(&execution, token));
}

/* --- what they say --- */

static void on_noted(void *context, const redisReply *reply)
{
    (void)context;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        log_write(LOG_WARN, "what an execution said was refused", LOG_S("reason", reply->str));
}

void running_words(void *context, const struct token *token, struct slice body)
{
    struct worker *worker = context;
    const struct channel *channel = token->channel;
    if (!channel || !link_is_up(worker->link))
        return;
    note_build(&worker->command, channel->partition, channel_epoch(channel),
               slice_str(worker->name), token->run, token->number, token->live, body);
    (void)worker_send(worker, on_noted, NULL); /* what cannot be sent is lost, as if never said */
}

static void tell(struct channel *channel, int64_t now_us)
{
    for (struct token *token = channel->running.head; token; token = token->next) {
        if (now_us - token->job_told_us < TELL_EVERY_US)
            continue;
        token->job_told_us = now_us;
        execute_tell(token);
    }
}

void running_end(struct channel *channel, struct token *token)
{
    execute_cancel(token);
    leave_list(channel, token);
    token_free(&channel->worker->pool, token);
}

void running_end_all(struct channel *channel)
{
    while (channel->running.head)
        running_end(channel, channel->running.head);
}

/* --- sessions --- */

void running_doubt(struct channel *channel)
{
    for (struct token *token = channel->running.head; token; token = token->next)
        token->job_doubted = true;
}

void running_confirm(struct token *token) { token->job_doubted = false; }

void running_end_doubted(struct channel *channel)
{
    struct token *next;
    for (struct token *token = channel->running.head; token; token = next) {
        next = token->next;
        if (!token->job_doubted)
            continue;
        log_write(LOG_INFO, "ending an execution that is not ours any more",
                  LOG_B("run_id", token->run), LOG_B("token", token->number));
        running_end(channel, token);
    }
}

/* --- who is still wanted --- */

static struct token *find_job(const struct channel *channel, uint64_t job)
{
    for (struct token *token = channel->running.head; token; token = token->next) {
        if (token->job_number == job)
            return token;
    }
    return NULL;
}

static void drop_question(struct worker *worker, struct running_question *question)
{
    struct running_question **at = &worker->questions;
    while (*at && *at != question)
        at = &(*at)->next;
    if (*at)
        *at = question->next;
    free(question);
}

static void on_answer(void *context, const redisReply *reply)
{
    struct running_question *question = context;
    struct channel *channel = question->channel;
    struct worker *worker = channel->worker;
    struct token *token = find_job(channel, question->job);
    drop_question(worker, question);
    if (!token || !reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return;
    const struct slice head = reply_slice(reply->element[0]);
    const struct slice live = reply_slice(reply->element[1]);
    const bool runs = head.len > 0 && head.ptr[0] == 'r';
    if (runs && live.ptr && slice_eq(live, token->live))
        return;
    const struct execution execution = worker_execution(worker);
    log_write(LOG_INFO, "ending an execution that nobody waits for", LOG_B("run_id", token->run),
              LOG_B("token", token->number),
              LOG_S("reason", runs ? "taken over" : "the run is over"));
    leave_list(channel, token);
    finished(
        channel, token,
        execute_abandon(&execution, token, runs ? "another worker has it" : "the run is over"));
}

static bool ask(struct channel *channel, const struct token *token)
{
    struct worker *worker = channel->worker;
    char key[KEY_MAX];
    struct running_question *question = malloc(sizeof(*question));
    if (!question)
        return false;
    *question = (struct running_question){.channel = channel, .job = token->job_number};
    command_begin(&worker->command, "HMGET");
    command_arg(&worker->command, key_run(key, channel->partition, token->run));
    command_arg_str(&worker->command, "h");
    command_arg_parts(&worker->command, SLICE("t"), token->number);
    if (!worker_send(worker, on_answer, question)) {
        free(question);
        return false;
    }
    question->next = worker->questions;
    worker->questions = question;
    return true;
}

static void look_after(struct channel *channel, int64_t now_us, uint32_t *left)
{
    for (struct token *token = channel->running.head; token && *left > 0; token = token->next) {
        if (now_us - token->job_looked_us < LOOK_EVERY_US)
            continue;
        if (!ask(channel, token))
            return;
        token->job_looked_us = now_us;
        (*left)--;
    }
}

/* --- time --- */

static void end_overdue(struct channel *channel, int64_t redis_us)
{
    struct token *next;
    for (struct token *token = channel->running.head; token; token = next) {
        const int64_t deadline_us = execute_deadline_us(token);
        next = token->next;
        if (deadline_us > redis_us - GRACE_US)
            continue;
        const struct execution execution = worker_execution(channel->worker);
        leave_list(channel, token);
        finished(channel, token, execute_time_out(&execution, token));
    }
}

void running_tick(struct worker *worker)
{
    const int64_t now_us = worker_mono_us(worker);
    uint32_t left = LOOKS_PER_TICK;
    if (worker->running == 0)
        return;
    for (uint32_t i = 0; i < worker->channel_count; i++) {
        struct channel *channel = &worker->channels[i];
        end_overdue(channel, worker_redis_us(worker));
        if (channel->state == CHANNEL_OPEN && link_is_up(worker->link))
            look_after(channel, now_us, &left);
        if (channel->state == CHANNEL_OPEN && worker->host.plugins)
            tell(channel, now_us);
    }
}

void running_free(struct worker *worker)
{
    while (worker->questions)
        drop_question(worker, worker->questions);
}
