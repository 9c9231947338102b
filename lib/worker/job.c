/* job: an execution that takes its time, from its begin to its result. */
#include "base/attr.h"
#include "exec/plugins.h"
#include "worker/probe.h"
#include "worker/run.h"
#include <inttypes.h>

static void on_done(struct exec_task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    job->done(job->context, job->run.token);
}

static void on_words(struct exec_task *task, struct slice body)
{
    const struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    if (job->words)
        job->words(job->context, job->run.token, body);
}

int job_start(struct run *run, const struct exec_task *task)
{
    struct token *token = run->token;
    struct job *job = arena_zalloc(&token->arena, sizeof(*job));
    if (!job)
        return failure_fill(&run->failure, "too_large", "out of memory for the execution");
    *job = (struct job){.run = *run,
                        .task = *task,
                        .done = run->by->done,
                        .words = run->by->words,
                        .context = run->by->context};
    /* The copies know one another, not what they were made from. */
    job->run.conditions = exec_conditions(&job->run.jq);
    job->run.values.jq = &job->run.conditions;
    job->task.values = &job->run.values;
    job->task.jq = &job->run.jq;
    job->task.done = on_done;
    job->task.words = on_words;
    const bool failed = exec_run(&job->task) != 0;
    if ((failed || !job->task.job) && run->probing)
        return probe_finish(run, &job->task);
    if (failed)
        return run_failed(run, &job->task);
    if (!job->task.job)
        return run_executed(run, &job->task);
    job->run.by = NULL;
    job->task.output = NULL;
    token->job = job;
    return 0;
}

/* The execution goes on where it was begun, in this call of the worker's. */
static struct run *resume(const struct execution *execution, struct token *token)
{
    struct job *job = token->job;
    struct run *run = &job->run;
    token->job = NULL;
    run->by = execution;
    run->jq = run_jq(execution);
    job->task.now_us = execution->now_us(execution->context);
    run_limit_jq(run, job->task.now_us);
    execution->scratch->cap_bytes = execution->max_value_bytes;
    buf_reset(execution->scratch);
    job->task.output = execution->scratch;
    return run;
}

int job_finish(const struct execution *execution, struct token *token)
{
    struct exec_task *task = &token->job->task;
    struct run *run = resume(execution, token);
    int rc = 0;
    if (run->probing) {
        rc = probe_finish(run, task);
        return rc == 0 ? 0 : run_handle_failure(run);
    }
    if (task->said.kind)
        rc = run_take_said(run, &task->said, &task->passed);
    else if (task->failure.code[0])
        rc = run_failed(run, task);
    if (rc == 0)
        rc = run_executed(run, task);
    return rc == 0 ? 0 : run_handle_failure(run);
}

static void end(struct job *job)
{
    if (job->task.job)
        job->task.cancel(&job->task);
    job->run.verdict.unknown = job->run.probing || job->task.verdict.unknown;
}

void execute_cancel(struct token *token)
{
    if (!token->job)
        return;
    end(token->job);
    token->job = NULL;
}

int execute_time_out(const struct execution *execution, struct token *token)
{
    end(token->job);
    struct run *run = resume(execution, token);
    if (run->probing)
        return probe_time_out(run) == 0 ? 0 : run_handle_failure(run);
    (void)failure_fill(&run->failure, "timeout", "node '%.*s' took longer than %" PRId64 " ms%s",
                       SLICE_ARG(run->node->id), run->node->timeout_ms,
                       run->verdict.unknown ? " (outcome unknown: it may have had its effect)"
                                            : "");
    return run_handle_failure(run);
}

int execute_abandon(const struct execution *execution, struct token *token, const char *why)
{
    end(token->job);
    struct run *run = resume(execution, token);
    (void)failure_fill(&run->failure, "cancelled", "%s", why);
    return run_fail(run);
}

void execute_tell(const struct token *token)
{
    if (token->job && token->job->task.plugin)
        plugins_tell(&token->job->task);
}

int64_t execute_deadline_us(const struct token *token)
{
    const struct run *run = &token->job->run;
    const int64_t overdue_ms = token->job->task.overdue_ms;
    if (run->probing) {
        const int64_t deadline_us = probe_deadline_us(run);
        return deadline_us < INT64_MAX ? deadline_us + overdue_ms * 1000 : INT64_MAX;
    }
    return run->node->timeout_ms > 0 ? run->started_us + (run->node->timeout_ms + overdue_ms) * 1000
                                     : INT64_MAX;
}
