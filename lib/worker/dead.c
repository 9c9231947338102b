#include "worker/dead.h"
#include "base/log.h"
#include "base/utf8.h"
#include "worker/state.h"

enum { LOGGED_BYTES = 1000 };

static void log_token(const struct channel *channel, const struct token *token, const char *message,
                      const char *why)
{
    log_write(LOG_ERROR, message, LOG_S("reason", why), LOG_I("partition", channel->partition),
              LOG_B("run_id", token->run), LOG_B("token", token->number),
              LOG_B("live", token->live), LOG_B("incarnation", token->incarnation),
              LOG_B("entry", token->entry_id), LOG_B("digest", token->digest),
              LOG_B("wanted", utf8_cut(token->wanted, LOGGED_BYTES)),
              LOG_I("failed", token->result.failed), LOG_I("operations", token->result.op_count),
              LOG_B("record", utf8_cut(token->result.record, LOGGED_BYTES)));
}

void dead_token(struct channel *channel, struct token *token, const char *why)
{
    struct worker *worker = channel->worker;
    const struct execution execution = worker_execution(worker);
    struct graph_failure failure = {0};
    (void)failure_fill(&failure, "internal", "Redis did not take the result: %.400s", why);
    if (!token->given_up && execute_give_up(&execution, token, &failure) == 0) {
        log_token(channel, token, "a token cannot be settled: failing it", why);
        token->given_up = true;
        token_list_push(&channel->results, token);
        return;
    }
    log_token(channel, token, "a token cannot be settled nor failed: giving it up", why);
    token_free(&worker->pool, token);
}

void dead_call(struct channel *channel, const struct err *err)
{
    const uint32_t count = channel->sent.count;
    struct token *culprit = count == 1 ? token_list_pop(&channel->sent) : NULL;
    log_write(LOG_ERROR, "a settle call failed as a whole", LOG_I("partition", channel->partition),
              LOG_I("tokens", count), LOG_S("reason", err->message));
    if (culprit)
        dead_token(channel, culprit, err->message);
    else
        channel->single = count;
}
