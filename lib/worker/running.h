/* running: executions that take their time (execute.h: jobs), while they are under way.
 *
 *   ready ──execute──> running ──done, timeout, cancelled──> results
 *                         └──drain's time is over, nobody's any more──> ended and freed
 *
 * A channel's running tokens are held, but take no room that others need: worker.c counts them apart.
 * They survive a new session, since what is under way outside must not be done twice: until the hello
 * has told all that is ours they are doubted, and those that it does not name are ended.
 *
 * Nobody tells a worker that a run was cancelled; so once a second it looks whether those tokens are
 * still live and its own that have been under way for longer than that.
 */
#ifndef TROUPE_WORKER_RUNNING_H
#define TROUPE_WORKER_RUNNING_H

#include "worker/channel.h"

/* Of a running token whose answer is on its way. */
struct running_question {
    struct running_question *next;
    struct channel *channel;
    uint64_t job;
};

/* The token's execution has begun and is under way. */
void running_add(struct channel *channel, struct token *token);
/* What execution->done is: the context is the worker. */
void running_done(void *worker, struct token *token);
/* What execution->words is: says so to the partition, whose answer changes nothing. */
void running_words(void *worker, const struct token *token, struct slice body);
/* Ends and frees one, which is in channel->running. */
void running_end(struct channel *channel, struct token *token);
void running_end_all(struct channel *channel);
/* A hello is to tell whose they are; it has told of the token; of all. */
void running_doubt(struct channel *channel);
void running_confirm(struct token *token);
void running_end_doubted(struct channel *channel);
/* Timeouts, and who is still wanted. */
void running_tick(struct worker *worker);
/* Questions that were not answered. */
void running_free(struct worker *worker);

#endif
