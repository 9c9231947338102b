#include "exec/config.h"

enum { LEVELS_AROUND = 2 }; /* of a value in the object that all of config becomes */

static int evaluate(struct exec_task *task, const struct exec_config *config,
                    struct graph_text *text)
{
    struct buf *out = task->output;
    char separator = '{';
    buf_reset(out);
    for (unsigned i = 0; config->parts && i < config->count; i++) {
        if (!config->parts[i])
            continue;
        buf_char(out, separator);
        separator = ',';
        json_write_string(out, slice_str(config->name(i)));
        buf_char(out, ':');
        if (binding_eval(config->parts[i], task->values, task->arena, out, &task->failure) != 0)
            return -1;
    }
    buf_str(out, separator == '{' ? "{}" : "}");
    if (!buf_ok(out))
        return exec_failed(task, "too_large", "%s: its config is larger than %zu bytes",
                           config->what, task->max_value_bytes);
    *text = (struct graph_text){.text = arena_copy(task->arena, buf_slice(out))};
    buf_reset(out);
    return text->text.ptr
               ? 0
               : exec_failed(task, "too_large", "%s: out of memory for its config", config->what);
}

int exec_config_read(struct exec_task *task, const struct exec_config *config,
                     struct graph_text *text, struct json_ref *object)
{
    struct json_limits limits = json_default_limits;
    struct json_error error;
    if (evaluate(task, config, text) != 0)
        return -1;
    limits.max_depth += LEVELS_AROUND;
    limits.max_bytes = 0;
    if (json_read(task->arena, text->text, &limits, &text->doc, &error) != 0)
        return exec_failed(task, "too_large", "%s: its config cannot be read: %s", config->what,
                           error.message);
    *object = json_root(&text->doc);
    return 0;
}
