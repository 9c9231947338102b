#include "libtroupe/task.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define AMOUNT_MOST 1e15

/* --- what is asked --- */

static bool read_text(struct troupe_task *task, struct json_ref of, const char *name,
                      struct slice *out)
{
    struct json_ref value = json_member(of, slice_str(name));
    const bool there = json_present(value) && json_type(value) == JSON_STRING;
    *out = there ? json_string(value, &task->arena) : SLICE("");
    *out = out->ptr ? arena_copy(&task->arena, *out) : *out; /* NUL-terminated */
    return out->ptr != NULL;
}

static bool read_json(struct troupe_task *task, struct json_ref of, const char *name,
                      const char *otherwise, struct slice *out)
{
    struct json_ref value = json_member(of, slice_str(name));
    *out = arena_copy(&task->arena, json_present(value) ? json_text(value) : slice_str(otherwise));
    return out->ptr != NULL;
}

static int64_t read_number(struct json_ref of, const char *name, int64_t otherwise)
{
    struct json_ref value = json_member(of, slice_str(name));
    int64_t number;
    return json_present(value) && json_type(value) == JSON_NUMBER && json_int(value, &number)
               ? number
               : otherwise;
}

static bool read_task(struct troupe_task *task, struct slice text, bool *bad)
{
    static const struct json_limits limits = {
        .max_depth = 80, .max_bytes = 64u << 20, .max_nodes = 8u << 20};
    struct json_error error;
    struct json_doc doc;
    struct slice kind;
    if (json_read(&task->arena, text, &limits, &doc, &error) != 0) {
        *bad = !error.out_of_memory;
        return false;
    }
    struct json_ref root = json_root(&doc);
    *bad = json_type(root) != JSON_OBJECT;
    if (*bad || !read_text(task, root, "type", &kind))
        return false;
    *bad = !kind_read(kind, &task->kind);
    task->attempt = (uint32_t)read_number(root, "attempt", 1);
    task->timeout_ms = read_number(root, "timeout_ms", 0);
    return !*bad && read_text(task, root, "name", &task->name) &&
           read_text(task, root, "run_id", &task->run_id) &&
           read_text(task, root, "workflow", &task->workflow) &&
           read_text(task, root, "node_id", &task->node_id) &&
           read_text(task, root, "scope", &task->scope) &&
           read_text(task, root, "idempotency_key", &task->key) &&
           read_json(task, root, "input", "null", &task->input) &&
           read_json(task, root, "config", "{}", &task->config);
}

struct troupe_task *task_new(struct slice text, bool *bad)
{
    struct troupe_task *task = mem_calloc(1, sizeof(*task));
    *bad = false;
    if (!task)
        return NULL;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&task->lock, NULL);
    (void)pthread_cond_init(&task->ends, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    arena_init(&task->arena, ARENA_BYTES);
    buf_init(&task->output, TASK_BODY_BYTES);
    buf_init(&task->body, TASK_BODY_BYTES + NOTES_BODY_BYTES);
    task->retry = true;
    if (read_task(task, text, bad))
        return task;
    task_free(task);
    return NULL;
}

void task_free(struct troupe_task *task)
{
    if (!task)
        return;
    (void)pthread_cond_destroy(&task->ends);
    (void)pthread_mutex_destroy(&task->lock);
    notes_free(&task->notes);
    free(task->measures);
    buf_free(&task->output);
    buf_free(&task->body);
    arena_free(&task->arena);
    free(task);
}

static const char *text_of(struct slice text, size_t *len)
{
    if (len)
        *len = text.len;
    return text.ptr;
}

const char *troupe_task_input(const struct troupe_task *task, size_t *len)
{
    return text_of(task->input, len);
}

const char *troupe_task_config(const struct troupe_task *task, size_t *len)
{
    return text_of(task->config, len);
}

const char *troupe_task_run_id(const struct troupe_task *task) { return task->run_id.ptr; }
const char *troupe_task_workflow(const struct troupe_task *task) { return task->workflow.ptr; }
const char *troupe_task_node_id(const struct troupe_task *task) { return task->node_id.ptr; }
const char *troupe_task_scope(const struct troupe_task *task) { return task->scope.ptr; }
const char *troupe_task_name(const struct troupe_task *task) { return task->name.ptr; }
const char *troupe_task_idempotency_key(const struct troupe_task *task) { return task->key.ptr; }
uint32_t troupe_task_attempt(const struct troupe_task *task) { return task->attempt; }
int64_t troupe_task_timeout_ms(const struct troupe_task *task) { return task->timeout_ms; }

/* --- being wanted --- */

int troupe_task_cancelled(const struct troupe_task *task) { return atomic_load(&task->cancelled); }

int troupe_task_wait(struct troupe_task *task, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    ms = ms < 0 ? 0 : ms;
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&task->lock);
    while (!atomic_load(&task->cancelled)) {
        if (pthread_cond_timedwait(&task->ends, &task->lock, &until) == ETIMEDOUT)
            break;
    }
    (void)pthread_mutex_unlock(&task->lock);
    return troupe_task_cancelled(task);
}

void task_cancel(struct troupe_task *task)
{
    (void)pthread_mutex_lock(&task->lock);
    atomic_store(&task->cancelled, true);
    (void)pthread_cond_broadcast(&task->ends);
    (void)pthread_mutex_unlock(&task->lock);
}

/* --- what is said --- */

static void copy_text(char *out, size_t size, const char *text)
{
    size_t at = 0, left = strlen(text);
    while (left > 0) {
        const size_t step = utf8_sequence(text + at, left);
        if (step == 0 || at + step >= size)
            break;
        at += step;
        left -= step;
    }
    memcpy(out, text, at);
    out[at] = '\0';
}

/* The lock is held. */
static void fail(struct troupe_task *task, const char *code, const char *message, bool retry)
{
    task->failed = true;
    task->retry = retry;
    copy_text(task->code, sizeof(task->code), code && *code ? code : "failed");
    copy_text(task->message, sizeof(task->message), message ? message : "");
}

int troupe_task_fail(struct troupe_task *task, const char *code, const char *message, int retry)
{
    (void)pthread_mutex_lock(&task->lock);
    fail(task, code, message, retry != 0);
    (void)pthread_mutex_unlock(&task->lock);
    return -1;
}

int troupe_task_output(struct troupe_task *task, const char *json, size_t len)
{
    int rc = -1;
    const bool fits = len <= TASK_BODY_BYTES;
    /* What is larger than any value is not looked through here: the fleet refuses it. */
    const bool valid =
        fits && json && (len > json_default_limits.max_bytes || json_valid(slice_of(json, len)));
    (void)pthread_mutex_lock(&task->lock);
    buf_reset(&task->output);
    if (!fits)
        fail(task, "too_large", "the output is larger than 32 MiB", false);
    else if (!valid)
        fail(task, "bad_output", "what it gave as its output is no JSON", false);
    else
        buf_append(&task->output, json, len);
    if (fits && valid && !buf_ok(&task->output))
        fail(task, "too_large", "out of memory for the output", true);
    else if (fits && valid)
        rc = 0;
    (void)pthread_mutex_unlock(&task->lock);
    return rc;
}

static void tell(struct troupe_task *task)
{
    if (task->noted)
        task->noted(task);
}

int troupe_task_progress(struct troupe_task *task, double value, const char *message)
{
    if (!isfinite(value))
        return -1;
    (void)pthread_mutex_lock(&task->lock);
    const int rc = notes_progress(&task->notes, value, message);
    (void)pthread_mutex_unlock(&task->lock);
    tell(task);
    return rc;
}

int troupe_task_log(struct troupe_task *task, const char *line)
{
    (void)pthread_mutex_lock(&task->lock);
    const int rc = notes_line(&task->notes, line);
    (void)pthread_mutex_unlock(&task->lock);
    tell(task);
    return rc;
}

/* NULL: no room for another, or no memory. The lock is held. */
static struct task_measure *find_measure(struct troupe_task *task, const char *name)
{
    for (uint32_t i = 0; i < task->measure_count; i++) {
        if (strcmp(task->measures[i].name, name) == 0)
            return &task->measures[i];
    }
    if (!task->measures)
        task->measures = mem_calloc(TASK_MEASURES, sizeof(*task->measures));
    if (!task->measures || task->measure_count == TASK_MEASURES)
        return NULL;
    struct task_measure *added = &task->measures[task->measure_count++];
    memcpy(added->name, name, strlen(name) + 1);
    return added;
}

static bool is_utf8(const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        const size_t step = utf8_sequence(text, left);
        if (step == 0)
            return false;
        text += step;
        left -= step;
    }
    return true;
}

int troupe_task_usage(struct troupe_task *task, const char *measure, double amount)
{
    if (!measure || strlen(measure) > TASK_MEASURE_BYTES || !is_utf8(measure) ||
        !(fabs(amount) <= AMOUNT_MOST))
        return -1;
    (void)pthread_mutex_lock(&task->lock);
    struct task_measure *of = find_measure(task, measure);
    if (of)
        of->amount += amount;
    (void)pthread_mutex_unlock(&task->lock);
    return of ? 0 : -1;
}

bool task_words(struct troupe_task *task, struct slice *body)
{
    (void)pthread_mutex_lock(&task->lock);
    *body = notes_body(&task->notes);
    (void)pthread_mutex_unlock(&task->lock);
    return body->len > 0;
}

void task_said(struct troupe_task *task)
{
    (void)pthread_mutex_lock(&task->lock);
    notes_said(&task->notes);
    (void)pthread_mutex_unlock(&task->lock);
}

/* --- its end --- */

static void write_usage(const struct troupe_task *task, struct buf *out)
{
    if (task->measure_count == 0)
        return;
    buf_str(out, ",\"usage\":{");
    for (uint32_t i = 0; i < task->measure_count; i++) {
        if (i > 0)
            buf_char(out, ',');
        json_write_string(out, slice_str(task->measures[i].name));
        buf_char(out, ':');
        json_write_double(out, task->measures[i].amount);
    }
    buf_char(out, '}');
}

static void write_body(struct troupe_task *task)
{
    struct buf *out = &task->body;
    buf_reset(out);
    task->result_kind = task->failed ? 'f' : 'c';
    if (task->failed) {
        buf_str(out, "{\"code\":");
        json_write_string(out, slice_str(task->code));
        buf_str(out, ",\"message\":");
        json_write_string(out, slice_str(task->message));
        buf_printf(out, ",\"retry\":%s", task->retry ? "true" : "false");
    } else {
        buf_str(out, "{\"output\":");
        buf_slice_append(out, task->output.len > 0 ? buf_slice(&task->output) : SLICE("null"));
    }
    write_usage(task, out);
    buf_char(out, '}');
}

static void call(struct troupe_task *task)
{
    const struct handler *handler = task->handler;
    char text[100];
    if (!handler) {
        (void)snprintf(text, sizeof(text),
                       "the worker has no such %s, although it serves the queue",
                       kind_name(task->kind));
        (void)troupe_task_fail(task, "not_served", text, 1);
        return;
    }
    const int rc = handler->run(task, handler->context);
    if (rc == 0 || task->failed)
        return;
    (void)snprintf(text, sizeof(text), "its callback returned %d", rc);
    (void)troupe_task_fail(task, "exception", text, 1);
}

void task_execute(struct troupe_task *task)
{
    const int64_t began_us = clock_mono_us(&clock_system);
    call(task);
    (void)pthread_mutex_lock(&task->lock);
    write_body(task);
    if (!buf_ok(&task->body)) {
        buf_free(&task->output);
        fail(task, "too_large", "out of memory for the output", true);
        write_body(task);
    }
    (void)pthread_mutex_unlock(&task->lock);
    task->took_us = clock_mono_us(&clock_system) - began_us;
}
