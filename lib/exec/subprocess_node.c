/* subprocess_node: from config to an order. */
#include "base/utf8.h"
#include "base/uuid7.h"
#include "exec/config.h"
#include "exec/subprocess.h"
#include "http/identity.h"
#include <stdio.h>
#include <string.h>

enum {
    OWN_VARIABLES = 5,
    NUMBER_BYTES = 24,
    MAX_CODE_BYTES = 63,
    ARGV_MAX_BYTES =
        1 << 20, /* with the environment: below what the kernel takes, 2 MiB as a rule */
};

struct reading {
    struct exec_task *task;
    struct json_ref config;
    struct subprocess_node *node;
    size_t bytes; /* of argv and the environment */
};

static const char *part_name(unsigned part) { return exec_part_name((enum graph_exec_part)part); }

/* The same again would be the same. */
static int misfit(struct exec_task *task, const char *code, const char *what, const char *why)
{
    task->verdict.final = true;
    (void)exec_failed(task, code, "exec: %s %s", what, why);
    return -1;
}

static int no_memory(struct exec_task *task)
{
    (void)exec_failed(task, "too_large", "exec: out of memory for it");
    return -1;
}

/* JSON_NONE when it is absent; null counts as that: a binding may say so. */
static struct json_ref part(const struct reading *reading, enum graph_exec_part which)
{
    struct json_ref value = json_member(reading->config, slice_str(exec_part_name(which)));
    return json_present(value) && json_type(value) == JSON_NULL ? JSON_NONE : value;
}

/* Strings as they are, numbers, true and false as JSON has them; NUL-terminated, in the arena. */
static int read_word(struct reading *reading, struct json_ref value, const char *what,
                     struct slice *word)
{
    struct exec_task *task = reading->task;
    const enum json_type type = json_type(value);
    *word = SLICE_NONE;
    if (type == JSON_STRING)
        *word = json_string(value, task->arena);
    else if (type == JSON_NUMBER || type == JSON_BOOL)
        *word = json_text(value);
    else
        return misfit(task, "type", what, "must hold texts, numbers or booleans");
    *word = word->ptr ? arena_copy(task->arena, *word) : SLICE_NONE;
    if (!word->ptr)
        return no_memory(task);
    if (memchr(word->ptr, '\0', word->len))
        return misfit(task, "type", what, "must not hold NUL characters");
    reading->bytes += word->len + sizeof(char *) + 1;
    if (reading->bytes > ARGV_MAX_BYTES)
        return misfit(task, "too_large", "argv and env", "are larger than 1 MiB");
    return 0;
}

/* --- argv --- */

static int reject(struct exec_task *task, struct slice name)
{
    const struct slice shown = utf8_cut(name, 100);
    task->verdict.final = true;
    if (!task->host->processes)
        return exec_failed(task, "rejected",
                           "exec: this worker runs no programs: its setting allow-exec is empty");
    return exec_failed(task, "rejected",
                       "exec: '%.*s' is not among the programs of this worker's setting allow-exec",
                       SLICE_ARG(shown));
}

static int read_argv(struct reading *reading)
{
    struct exec_task *task = reading->task;
    struct json_ref value = part(reading, EXEC_PART_ARGV);
    if (!json_present(value) || json_type(value) != JSON_ARRAY || json_count(value) == 0)
        return misfit(task, "type", "argv", "must be a list that begins with a program");
    const char **argv = arena_array(task->arena, (size_t)json_count(value) + 1, sizeof(*argv));
    if (!argv)
        return no_memory(task);
    struct json_iter it = json_iter(value);
    for (size_t i = 0; json_next(&it); i++) {
        struct slice word;
        if (read_word(reading, it.value, "argv", &word) != 0)
            return -1;
        argv[i] = word.ptr;
    }
    reading->node->order.argv = argv;
    reading->node->name = argv[0];
    const struct slice name = slice_str(argv[0]);
    reading->node->order.program =
        task->host->processes ? process_host_program(task->host->processes, name) : NULL;
    return reading->node->order.program ? 0 : reject(task, name);
}

/* --- env --- */

/* Names by which the dynamic linker would run something else within the program that was allowed. */
static bool is_forbidden(struct slice name)
{
    static const char *const begins[] = {"LD_", "GLIBC_", "GCONV_", "TROUPE_"};
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        const size_t len = strlen(begins[i]);
        if (name.len >= len && memcmp(name.ptr, begins[i], len) == 0)
            return true;
    }
    return slice_eq_str(name, "TRACEPARENT");
}

static int read_variables(struct reading *reading, struct json_ref value,
                          struct process_pair *pairs, size_t *count)
{
    struct exec_task *task = reading->task;
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        struct process_pair *pair = &pairs[*count];
        if (json_type(it.value) == JSON_NULL)
            continue;
        if (read_word(reading, it.key, "env", &pair->name) != 0 ||
            read_word(reading, it.value, "env", &pair->value) != 0)
            return -1;
        if (pair->name.len == 0 || memchr(pair->name.ptr, '=', pair->name.len))
            return misfit(task, "type", "env", "has a name that is empty or holds '='");
        if (is_forbidden(pair->name))
            return misfit(task, "rejected", pair->name.ptr, "must not be set by env");
        (*count)++;
    }
    return 0;
}

static int add_variable(struct exec_task *task, struct process_pair *pairs, size_t *count,
                        const char *name, struct slice value)
{
    const struct slice kept = arena_copy(task->arena, value);
    pairs[(*count)++] = (struct process_pair){slice_str(name), kept};
    return kept.ptr ? 0 : no_memory(task);
}

/* Which execution this is. */
static int add_own(struct exec_task *task, struct process_pair *pairs, size_t *count)
{
    char key[HTTP_IDEMPOTENCY_KEY_LEN + 1], trace[HTTP_TRACEPARENT_LEN + 1], attempt[NUMBER_BYTES];
    struct uuid run;
    if (!uuid_parse(task->run_id, &run))
        return exec_failed(task, "internal", "exec: the run's id is no UUID");
    if (!http_idempotency_key(&run, task->node->id, task->scope, key) ||
        !http_traceparent(&run, task->node->id, task->scope, task->attempt, trace))
        return no_memory(task);
    (void)snprintf(attempt, sizeof(attempt), "%u", task->attempt);
    if (add_variable(task, pairs, count, "TROUPE_RUN_ID", task->run_id) != 0 ||
        add_variable(task, pairs, count, "TROUPE_NODE_ID", task->node->id) != 0 ||
        add_variable(task, pairs, count, "TROUPE_ATTEMPT", slice_str(attempt)) != 0 ||
        add_variable(task, pairs, count, "TROUPE_IDEMPOTENCY_KEY", slice_str(key)) != 0)
        return -1;
    return add_variable(task, pairs, count, "TRACEPARENT", slice_str(trace));
}

static int read_env(struct reading *reading)
{
    struct exec_task *task = reading->task;
    struct json_ref value = part(reading, EXEC_PART_ENV);
    struct process_order *order = &reading->node->order;
    if (json_present(value) && json_type(value) != JSON_OBJECT)
        return misfit(task, "type", "env", "must be an object");
    const size_t most = (json_present(value) ? json_count(value) : 0) + (size_t)OWN_VARIABLES;
    struct process_pair *pairs = arena_array(task->arena, most, sizeof(*pairs));
    if (!pairs)
        return no_memory(task);
    order->environment = pairs;
    if (json_present(value) &&
        read_variables(reading, value, pairs, &order->environment_count) != 0)
        return -1;
    return add_own(task, pairs, &order->environment_count);
}

/* --- the rest --- */

static int read_input(struct reading *reading)
{
    struct exec_task *task = reading->task;
    struct graph_text *input = &task->values->input;
    struct process_order *order = &reading->node->order;
    struct json_ref how = part(reading, EXEC_PART_STDIN), value;
    if (json_present(how) && json_string_eq(how, SLICE("none")))
        return 0;
    order->input = input->text;
    if (!json_present(how) || !json_string_eq(how, SLICE("text")))
        return 0;
    if (graph_text_ref(input, task->arena, &value) != 0)
        return exec_failed(task, "too_large", "exec: the input cannot be read");
    if (json_type(value) != JSON_STRING)
        return misfit(task, "type", "stdin", "is text: the input must be one");
    order->input = json_string(value, task->arena);
    return order->input.ptr ? 0 : no_memory(task);
}

static int read_cwd(struct reading *reading)
{
    struct json_ref value = part(reading, EXEC_PART_CWD);
    struct slice path;
    if (!json_present(value))
        return 0;
    if (json_type(value) != JSON_STRING)
        return misfit(reading->task, "type", "cwd", "must be a text");
    if (read_word(reading, value, "cwd", &path) != 0)
        return -1;
    if (path.len == 0 || path.ptr[0] != '/')
        return misfit(reading->task, "type", "cwd", "must be an absolute path");
    reading->node->order.directory = path.ptr;
    return 0;
}

/* 1 to 255; 0: none of these. */
static unsigned read_exit_code(struct slice text)
{
    unsigned code = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || code > SUBPROCESS_EXIT_CODES)
            return 0;
        code = code * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return code < SUBPROCESS_EXIT_CODES ? code : 0;
}

static int read_exit_codes(struct reading *reading)
{
    struct exec_task *task = reading->task;
    struct json_ref value = part(reading, EXEC_PART_EXIT_CODES);
    if (!json_present(value))
        return 0;
    reading->node->codes =
        arena_array(task->arena, SUBPROCESS_EXIT_CODES, sizeof(*reading->node->codes));
    if (!reading->node->codes)
        return no_memory(task);
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        struct slice number, code;
        if (read_word(reading, it.key, "exit_codes", &number) != 0)
            return -1;
        const unsigned exit_code = read_exit_code(number);
        if (exit_code == 0)
            return misfit(task, "type", "exit_codes", "must name exit codes, 1 to 255");
        if (json_type(it.value) != JSON_STRING)
            return misfit(task, "type", "exit_codes", "must lead to error codes, which are texts");
        if (read_word(reading, it.value, "exit_codes", &code) != 0)
            return -1;
        if (code.len == 0 || code.len > MAX_CODE_BYTES)
            return misfit(task, "type", "exit_codes", "must lead to codes of 1 to 63 bytes");
        reading->node->codes[exit_code] = code;
    }
    return 0;
}

int subprocess_read(struct exec_task *task, struct subprocess_node *node)
{
    const struct exec_config config = {"exec", task->node->exec, part_name, EXEC_PART_COUNT};
    struct reading reading = {.task = task, .node = node};
    struct graph_text text;
    *node = (struct subprocess_node){.order = {.max_output_bytes = task->max_value_bytes}};
    if (exec_config_read(task, &config, &text, &reading.config) != 0 || read_argv(&reading) != 0 ||
        read_env(&reading) != 0 || read_input(&reading) != 0 || read_cwd(&reading) != 0)
        return -1;
    struct json_ref output = part(&reading, EXEC_PART_OUTPUT);
    if (json_present(output) && json_string_eq(output, SLICE("text")))
        node->output = SUBPROCESS_TEXT;
    return read_exit_codes(&reading);
}
