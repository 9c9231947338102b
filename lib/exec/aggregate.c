/* aggregate: one value out of several: the live predecessors' outputs in edge order, or a list. */
#include "exec/executors.h"
#include "exec/items.h"
#include <math.h>

static int not_a(struct exec_task *task, const char *wanted, struct json_ref found)
{
    return exec_failed(task, "type", "aggregate %s: every input must be %s, and one is %s",
                       aggregate_strategy_name(task->node->strategy), wanted,
                       json_type_name(json_type(found)));
}

/* --- lists --- */

static int write_lists(struct exec_task *task, struct json_ref inputs, bool unique)
{
    struct strmap set;
    bool first = true;
    int result = 0;
    strmap_init(&set);
    buf_char(task->output, '[');
    struct json_iter it = json_iter(inputs);
    while (result == 0 && json_next(&it)) {
        if (json_type(it.value) != JSON_ARRAY) {
            result = not_a(task, "a list", it.value);
            break;
        }
        struct json_iter elements = json_iter(it.value);
        while (result == 0 && json_next(&elements)) {
            if (unique) {
                result = items_write_new(task, &set, elements.value, &first);
                continue;
            }
            if (!first)
                buf_char(task->output, ',');
            first = false;
            buf_slice_append(task->output, json_text(elements.value));
        }
    }
    buf_char(task->output, ']');
    strmap_free(&set);
    return result;
}

/* --- numbers --- */

static int add_up(struct exec_task *task, struct json_ref inputs)
{
    int64_t integer = 0, one;
    double sum = 0;
    bool whole = true;
    struct json_iter it = json_iter(inputs);
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_NUMBER)
            return not_a(task, "a number", it.value);
        sum += json_double(it.value);
        if (!json_int(it.value, &one))
            whole = false;
        else if (whole && __builtin_add_overflow(integer, one, &integer))
            return exec_failed(task, "type", "aggregate sum: the sum does not fit 64 bits");
    }
    if (task->node->strategy == STRATEGY_AVG) {
        const uint32_t count = json_count(inputs);
        if (count == 0)
            return exec_failed(task, "type", "aggregate avg: there is no input");
        sum /= count;
        whole = false;
    }
    if (whole) {
        buf_int(task->output, integer);
        return 0;
    }
    if (!isfinite(sum))
        return exec_failed(task, "type", "aggregate: the result is no finite number");
    json_write_double(task->output, sum);
    return 0;
}

static bool less(struct json_ref a, struct json_ref b)
{
    int64_t one, other;
    if (json_int(a, &one) && json_int(b, &other))
        return one < other;
    return json_double(a) < json_double(b);
}

static int extreme(struct exec_task *task, struct json_ref inputs, bool largest)
{
    struct json_ref best = JSON_NONE;
    struct json_iter it = json_iter(inputs);
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_NUMBER)
            return not_a(task, "a number", it.value);
        if (!json_present(best) || (largest ? less(best, it.value) : less(it.value, best)))
            best = it.value;
    }
    if (!json_present(best))
        return exec_failed(task, "type", "aggregate %s: there is no input",
                           aggregate_strategy_name(task->node->strategy));
    buf_slice_append(task->output, json_text(best));
    return 0;
}

/* --- objects --- */

/* Objects are merged deeply, of anything else the later wins. Nested at most as deep as the reader lets
 * through. */
static int merge(struct exec_task *task, const struct json_ref *values, uint32_t count)
{
    struct strmap seen;
    uint32_t first = count;
    bool begun = false;
    int result = 0;
    while (first > 0 && json_type(values[first - 1]) == JSON_OBJECT)
        first--;
    if (first == count) {
        buf_slice_append(task->output, json_text(values[count - 1]));
        return 0;
    }
    struct json_ref *same = arena_array(task->arena, count, sizeof(*same));
    if (!same)
        return exec_failed(task, "too_large", "out of memory to merge");
    strmap_init(&seen);
    buf_char(task->output, '{');
    for (uint32_t i = first; i < count && result == 0; i++) {
        struct json_iter it = json_iter(values[i]);
        while (result == 0 && json_next(&it)) {
            struct slice name = json_string(it.key, task->arena);
            uint32_t n = 0;
            if (!name.ptr)
                result = exec_failed(task, "too_large", "out of memory to merge");
            if (result != 0 || strmap_get(&seen, name))
                continue;
            for (uint32_t k = i; k < count; k++) {
                struct json_ref member = json_member(values[k], name);
                if (json_present(member))
                    same[n++] = member;
            }
            if (strmap_put(&seen, name, task) != 0)
                result = exec_failed(task, "too_large", "out of memory to merge");
            if (begun)
                buf_char(task->output, ',');
            begun = true;
            buf_slice_append(task->output, json_text(it.key));
            buf_char(task->output, ':');
            if (result == 0)
                result = merge(task, same, n);
        }
    }
    buf_char(task->output, '}');
    strmap_free(&seen);
    return result;
}

static int merge_all(struct exec_task *task, struct json_ref inputs)
{
    const uint32_t count = json_count(inputs);
    struct json_ref *values = arena_array(task->arena, count, sizeof(*values));
    uint32_t n = 0;
    if (!values)
        return exec_failed(task, "too_large", "out of memory to merge");
    struct json_iter it = json_iter(inputs);
    while (json_next(&it))
        values[n++] = it.value;
    if (n > 0)
        return merge(task, values, n);
    buf_str(task->output, "{}");
    return 0;
}

/* --- one of them --- */

static int pick(struct exec_task *task, struct json_ref inputs, uint32_t index)
{
    if (json_count(inputs) == 0)
        return exec_failed(task, "type", "aggregate %s: there is no input",
                           aggregate_strategy_name(task->node->strategy));
    buf_slice_append(task->output, json_text(json_element(inputs, index)));
    return 0;
}

static int evaluate(struct exec_task *task, struct json_ref inputs)
{
    task->values->inputs = (struct graph_text){.text = json_text(inputs)};
    return graph_expr_write(task->node->expression, task->values, task->arena, task->output,
                            &task->failure);
}

int exec_aggregate(struct exec_task *task)
{
    struct json_ref inputs;
    struct graph_text *otherwise =
        task->node->pred_count > 0 ? &task->values->inputs : &task->values->input;
    if (items_read(task, otherwise, "the input of an aggregate without predecessors", &inputs) != 0)
        return -1;
    switch (task->node->strategy) {
    case STRATEGY_NONE:
        return evaluate(task, inputs);
    case STRATEGY_MERGE:
        return merge_all(task, inputs);
    case STRATEGY_UNION:
        return write_lists(task, inputs, true);
    case STRATEGY_CONCAT:
        return write_lists(task, inputs, false);
    case STRATEGY_SUM:
    case STRATEGY_AVG:
        return add_up(task, inputs);
    case STRATEGY_MIN:
        return extreme(task, inputs, false);
    case STRATEGY_MAX:
        return extreme(task, inputs, true);
    case STRATEGY_COUNT:
        buf_uint(task->output, json_count(inputs));
        return 0;
    case STRATEGY_FIRST:
        return pick(task, inputs, 0);
    case STRATEGY_LAST:
        return pick(task, inputs, json_count(inputs) - 1);
    case STRATEGY_COLLECT:
        buf_slice_append(task->output, json_text(inputs));
        return 0;
    }
    panic("strategy %d", (int)task->node->strategy);
}
