/* probe: what became of an attempt whose outcome nobody knows, asked of the node that can find out.
 *
 *   attempt ──probe──> done: the node has completed        before an attempt, when an earlier one's
 *                 ├──> not_done: the attempt, for sure     outcome is unknown; and behind the last one,
 *                 └──> unknown: the attempt, as without    before its failure is the node's
 *
 * It is a part of its node's execution: executed under the node's token, a job like the node's own, and
 * gone with it. docs/design/011-probes.md says why.
 */
#include "worker/probe.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "exec/plugins.h"
#include "http/identity.h"
#include <inttypes.h>
#include <stdio.h>

enum answer { ANSWER_DONE, ANSWER_NOT_DONE, ANSWER_UNKNOWN, ANSWER_FAILED, ANSWER_WRONG };

struct probing {
    struct exec_task own;    /* the node's, not begun yet */
    struct graph_text input; /* the node's: what it is in the run's values between */
    int64_t began_us;        /* Redis' clock */
    bool last;               /* no attempt comes behind it */
};

static const char unknown_text[] = " (outcome unknown: it may have had its effect)";

bool probe_is_due(const struct run *run)
{
    return run->node->probe && !run->resumed && (run->doubted || token_had_holders(run->token));
}

bool probe_is_due_at_the_end(const struct run *run)
{
    return run->node && run->node->probe && !run->routing && !run->asked &&
           run->values.input.text.ptr && (run->verdict.unknown || run->doubted);
}

/* --- the question --- */

/* As the node's own attempts say it: http and programs in their header and variable, remote workers in
 * their task. */
static int write_key(struct run *run, struct buf *out)
{
    char key[HTTP_IDEMPOTENCY_KEY_LEN + 1];
    const struct token *token = run->token;
    struct uuid id;
    if (run->node->remote.ptr) {
        run_write_task_key(run, out);
        return 0;
    }
    if (!uuid_parse(token->run, &id))
        return failure_fill(&run->failure, "internal", "the run's id is no UUID");
    if (!http_idempotency_key(&id, run->node->id, token->scope, key))
        return failure_fill(&run->failure, "too_large", "out of memory for a probe");
    json_write_string(out, slice_str(key));
    return 0;
}

/* {"input", "idempotency_key", "attempt", "node"}; ptr NULL with the run's failure. */
static struct slice write_question(struct run *run)
{
    struct buf *out = run->by->scratch;
    out->cap_bytes = run->by->max_value_bytes + RECORD_EXTRA_BYTES;
    buf_reset(out);
    buf_str(out, "{\"input\":");
    buf_slice_append(out, run->values.input.text);
    buf_str(out, ",\"idempotency_key\":");
    if (write_key(run, out) != 0)
        return SLICE_NONE;
    buf_str(out, ",\"attempt\":");
    buf_uint(out, run->token->attempt);
    buf_str(out, ",\"node\":");
    json_write_string(out, run->node->id);
    buf_char(out, '}');
    struct slice text = run_keep_scratch(run);
    if (!text.ptr)
        (void)failure_fill(&run->failure, "too_large", "out of memory for a probe");
    else if (json_text_depth(text) > json_default_limits.max_depth) {
        (void)failure_fill(&run->failure, "too_large",
                           "the input of the probe is nested deeper than %u levels",
                           json_default_limits.max_depth);
        text = SLICE_NONE;
    }
    return text;
}

/* What the calls of the probe say of themselves is said once: a server that remembers answers by their
 * key would give that of an earlier question. */
static struct slice own_scope(const struct run *run, bool last)
{
    struct buf text;
    buf_init(&text, 0);
    buf_slice_append(&text, run->token->scope);
    buf_printf(&text, "?%u.%u%s", run->token->attempt, run->token->generation, last ? "e" : "");
    struct slice kept =
        buf_ok(&text) ? arena_copy(&run->token->arena, buf_slice(&text)) : SLICE_NONE;
    buf_free(&text);
    return kept;
}

/* A function that is not built in: by a plugin, which is asked as a remote worker would be. */
static int find_plugin(struct run *run, struct exec_task *task)
{
    struct run asks = *run;
    asks.node = task->node;
    task->plugin = execute_plugin(run->by, task->node);
    if (!task->plugin)
        return failure_fill(&task->failure, "rejected",
                            "no plugin of this worker has the function '%.*s', and a probe is no "
                            "task for remote workers",
                            SLICE_ARG(utf8_cut(task->node->remote, 80)));
    if (run_ask(&asks, &task->asked) == 0)
        return 0;
    task->failure = asks.failure;
    return -1;
}

static int begin(struct run *run, struct exec_task *task, struct slice question)
{
    task->output->cap_bytes = run->by->max_value_bytes;
    buf_reset(task->output);
    if (exec_resolve_input(task, question) != 0)
        return -1;
    if (task->node->remote.ptr && find_plugin(run, task) != 0)
        return -1;
    buf_reset(task->output);
    return 0;
}

int probe_ask(struct run *run, const struct exec_task *own)
{
    struct token *token = run->token;
    const bool last = !own;
    struct probing *probing = arena_zalloc(&token->arena, sizeof(*probing));
    struct slice scope = own_scope(run, last), question = write_question(run);
    if (!question.ptr)
        return -1;
    if (!probing || !scope.ptr)
        return failure_fill(&run->failure, "too_large", "out of memory for a probe");
    const int64_t now_us = run->by->now_us(run->by->context);
    *probing = (struct probing){.input = run->values.input, .began_us = now_us, .last = last};
    if (own)
        probing->own = *own;
    struct exec_task task = {.node = run->node->probe,
                             .values = &run->values,
                             .arena = run->arena,
                             .run_id = token->run,
                             .scope = scope,
                             .host = run->by->host,
                             .attempt = token->attempt,
                             .started_us = now_us,
                             .now_us = now_us,
                             .max_value_bytes = run->by->max_value_bytes,
                             .jq = &run->jq,
                             .output = run->by->scratch};
    run->probing = probing;
    run->asked = true;
    return begin(run, &task, question) == 0 ? job_start(run, &task) : probe_finish(run, &task);
}

/* --- the answer --- */

static const char *answer_name(enum answer answer)
{
    static const char *const names[] = {[ANSWER_DONE] = "done",
                                        [ANSWER_NOT_DONE] = "not_done",
                                        [ANSWER_UNKNOWN] = "unknown",
                                        [ANSWER_FAILED] = "failed",
                                        [ANSWER_WRONG] = "no answer"};
    return names[answer];
}

/* For whoever looks at the worker, and whoever looks at the run. */
static void tell(const struct run *run, enum answer answer, const struct graph_failure *failure)
{
    struct buf text, body;
    log_write(answer == ANSWER_FAILED || answer == ANSWER_WRONG ? LOG_WARN : LOG_INFO,
              "asked a probe", LOG_B("run_id", run->token->run), LOG_B("node_id", run->node->id),
              LOG_I("attempt", run->token->attempt), LOG_B("probe", run->node->probe->id),
              LOG_S("answer", answer_name(answer)), LOG_S("error", failure->message));
    if (!run->by->words)
        return;
    buf_init(&text, 0);
    buf_init(&body, 0);
    buf_printf(&text, "probe '%.*s' was asked: %s", SLICE_ARG(run->node->probe->id),
               answer_name(answer));
    buf_str(&body, "{\"log\":[");
    json_write_string(&body, buf_slice(&text));
    buf_str(&body, "]}");
    if (buf_ok(&text) && buf_ok(&body))
        run->by->words(run->by->context, run->token, buf_slice(&body));
    buf_free(&text);
    buf_free(&body);
}

/* An http node's output is about the answer too; what it says is the body. */
static struct json_ref said(const struct graph_node *probe, struct json_ref output)
{
    return probe->type == NODE_HTTP && json_type(output) == JSON_OBJECT
               ? json_member(output, SLICE("body"))
               : output;
}

static enum answer read_answer(struct run *run, struct slice text, struct slice *output)
{
    static const struct slice null_text = {"null", 4};
    struct graph_text view = {.text = text};
    struct json_ref whole;
    const int rc = graph_text_ref(&view, run->arena, &whole);
    const struct json_ref body = rc == 0 ? said(run->node->probe, whole) : JSON_NONE;
    const bool object = json_present(body) && json_type(body) == JSON_OBJECT;
    const struct json_ref outcome = object ? json_member(body, SLICE("outcome")) : JSON_NONE;
    if (json_present(outcome) && json_type(outcome) == JSON_STRING) {
        const struct json_ref value = json_member(body, SLICE("output"));
        *output = json_present(value) ? json_text(value) : null_text;
        for (enum answer a = ANSWER_DONE; a <= ANSWER_UNKNOWN; a++)
            if (json_string_eq(outcome, slice_str(answer_name(a))))
                return a;
    }
    (void)failure_fill(&run->failure, "type",
                       "probe '%.*s' of node '%.*s' must answer {\"outcome\": \"done\", "
                       "\"not_done\" or \"unknown\"}%s, not %.*s",
                       SLICE_ARG(run->node->probe->id), SLICE_ARG(run->node->id),
                       run->node->probe->type == NODE_HTTP ? " in the body" : "",
                       SLICE_ARG(utf8_cut(json_present(body) ? json_text(body) : text, 120)));
    return ANSWER_WRONG;
}

/* What it came to: a text, or its failure. */
static int take_output(struct run *run, struct exec_task *task, struct slice *text)
{
    if (task->said.kind) {
        struct run asked = *run;
        asked.node = task->node;
        asked.failure = (struct graph_failure){0};
        if (run_take_said(&asked, &task->said, text) == 0)
            return 0;
        task->failure = asked.failure;
        return -1;
    }
    if (task->failure.code[0])
        return -1;
    *text = task->passed.ptr ? task->passed : arena_copy(run->arena, buf_slice(task->output));
    return text->ptr ? 0
                     : failure_fill(&task->failure, "too_large", "out of memory for the answer");
}

static int keep_failure(struct run *run, const struct graph_failure *failure)
{
    struct graph_failure *kept = arena_zalloc(&run->token->arena, sizeof(*kept));
    if (!kept)
        return failure_fill(&run->failure, "too_large", "out of memory for a failure");
    *kept = *failure;
    run->probe_failure = kept;
    return 0;
}

/* The failure says no more that nobody knows. */
static void clear_doubt(struct run *run)
{
    char *at = strstr(run->failure.message, unknown_text);
    if (at)
        memmove(at, at + sizeof(unknown_text) - 1, strlen(at + sizeof(unknown_text) - 1) + 1);
    run->doubted = run->verdict.unknown = false;
    run->probe_failure = NULL;
}

static int attempt(struct run *run, const struct probing *probing)
{
    struct exec_task own = probing->own;
    own.values = &run->values;
    own.jq = &run->jq;
    own.output = run->by->scratch;
    own.output->cap_bytes = run->by->max_value_bytes;
    own.now_us = run->by->now_us(run->by->context);
    own.taken_over = own.taken_over && run->doubted;
    run_limit_jq(run, own.now_us);
    buf_reset(own.output);
    run->asked = false; /* what comes of it is another matter */
    return run_attempt(run, &own);
}

static int complete(struct run *run, const struct probing *probing, struct slice output)
{
    struct exec_task task = {.now_us = probing->began_us, .passed = output};
    run->failure = (struct graph_failure){0};
    run->verdict = (struct exec_verdict){0};
    return run_executed(run, &task);
}

int probe_finish(struct run *run, struct exec_task *task)
{
    const struct probing *probing = run->probing;
    struct slice text = SLICE_NONE, output = SLICE_NONE;
    enum answer answer = ANSWER_FAILED;
    run->probing = NULL;
    run->values.input = probing->input;
    run->doubted = true; /* until it says otherwise */
    if (take_output(run, task, &text) == 0)
        answer = read_answer(run, text, &output);
    tell(run, answer, answer == ANSWER_WRONG ? &run->failure : &task->failure);
    switch (answer) {
    case ANSWER_DONE:
        run->doubted = false;
        return complete(run, probing, output);
    case ANSWER_NOT_DONE:
        clear_doubt(run);
        break;
    case ANSWER_UNKNOWN:
        break;
    case ANSWER_FAILED:
        if (keep_failure(run, &task->failure) != 0)
            return -1;
        break;
    case ANSWER_WRONG:
        run->verdict = (struct exec_verdict){.final = true, .unknown = true};
        return -1;
    }
    return probing->last ? -1 : attempt(run, probing);
}

/* --- time --- */

int64_t probe_deadline_us(const struct run *run)
{
    const struct probing *probing = run->probing;
    const int64_t own_ms = run->node->timeout_ms, its_ms = run->node->probe->timeout_ms;
    const int64_t all_us =
        own_ms == 0 ? INT64_MAX
                    : own_ms * 1000 + (probing->last ? probing->began_us : run->started_us);
    const int64_t its_us = its_ms == 0 ? INT64_MAX : probing->began_us + its_ms * 1000;
    return its_us < all_us ? its_us : all_us;
}

int probe_time_out(struct run *run)
{
    const struct probing *probing = run->probing;
    const struct graph_node *node = run->node, *probe = node->probe;
    const int64_t now_us = run->by->now_us(run->by->context);
    const int64_t limit_ms = probe->timeout_ms > 0 ? probe->timeout_ms : node->timeout_ms;
    const bool all_over = !probing->last && node->timeout_ms > 0 &&
                          run->started_us + node->timeout_ms * 1000 <= now_us;
    struct exec_task task = {.node = probe};
    (void)failure_fill(&task.failure, "timeout", "probe '%.*s' took longer than %" PRId64 " ms",
                       SLICE_ARG(probe->id), limit_ms);
    if (!all_over)
        return probe_finish(run, &task);
    run->values.input = probing->input;
    run->probing = NULL;
    run->doubted = run->verdict.unknown = true;
    tell(run, ANSWER_FAILED, &task.failure);
    return failure_fill(&run->failure, "timeout",
                        "node '%.*s' took longer than %" PRId64
                        " ms: its probe '%.*s' had not answered yet%s",
                        SLICE_ARG(node->id), node->timeout_ms, SLICE_ARG(probe->id), unknown_text);
}
