/* wait: what takes time and does nothing: sleep and delay. The worker parks the token meanwhile. */
#include "base/clock.h"
#include "exec/executors.h"

enum { MICROS_PER_MS = 1000 };
#define WAIT_MOST_MS (INT64_C(100) * 366 * 86400 * 1000)

/* Passes the input on once it is time. */
static int wait_until(struct exec_task *task, int64_t due_us)
{
    task->passed = task->values->input.text;
    if (task->now_us < due_us)
        task->wait_until_us = due_us;
    return 0;
}

/* A number of milliseconds, whole or not, not below 0. */
static bool read_ms(struct json_ref ref, int64_t *us)
{
    if (!json_present(ref) || json_type(ref) != JSON_NUMBER)
        return false;
    const double ms = json_double(ref);
    if (!(ms >= 0 && ms <= (double)WAIT_MOST_MS))
        return false;
    *us = (int64_t)(ms * MICROS_PER_MS);
    return true;
}

int exec_sleep(struct exec_task *task)
{
    struct json_ref input;
    int64_t us;
    if (graph_text_ref(&task->values->input, task->arena, &input) != 0)
        return exec_failed(task, "too_large", "sleep: its input cannot be read within the limits");
    if (json_type(input) != JSON_OBJECT || !read_ms(json_member(input, SLICE("ms")), &us))
        return exec_failed(task, "type",
                           "sleep: its input must be an object {ms} with a number not below 0");
    return wait_until(task, task->started_us + us);
}

/* config.ms, or config.until, a timestamp. */
int exec_delay(struct exec_task *task)
{
    const struct graph_node *node = task->node;
    struct graph_text value = {0};
    struct json_ref ref;
    int64_t us;
    buf_reset(task->output);
    if (binding_eval(node->delay, task->values, task->arena, task->output, &task->failure) != 0)
        return -1;
    value.text = arena_copy(task->arena, buf_slice(task->output));
    buf_reset(task->output);
    if (!value.text.ptr || graph_text_ref(&value, task->arena, &ref) != 0)
        return exec_failed(task, "too_large", "delay: out of memory for its config");
    if (!node->delay_until) {
        if (!read_ms(ref, &us))
            return exec_failed(task, "type", "delay: ms must be a number not below 0, not %.*s",
                               (int)(value.text.len > 80 ? 80 : value.text.len), value.text.ptr);
        return wait_until(task, task->started_us + us);
    }
    struct slice text = json_type(ref) == JSON_STRING ? json_string(ref, task->arena) : SLICE_NONE;
    if (!text.ptr || !clock_parse_rfc3339(text, &us))
        return exec_failed(
            task, "type",
            "delay: until must be a timestamp like \"2026-01-31T12:34:56Z\", not %.*s",
            (int)(value.text.len > 80 ? 80 : value.text.len), value.text.ptr);
    return wait_until(task, us);
}
