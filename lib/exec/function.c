/* function: the built-ins that do more than pass their input on. */
#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "base/uuid7.h"
#include "exec/executors.h"

enum { LOGGED_INPUT_BYTES = 2048 };

/* A string member of the input; *text stays as it is when there is none. */
static int read_string(struct exec_task *task, struct json_ref input, const char *name,
                       struct slice *text)
{
    struct json_ref member = json_member(input, slice_str(name));
    if (!json_present(member))
        return 0;
    if (json_type(member) != JSON_STRING)
        return exec_failed(task, "type", "fail: '%s' must be a string, not %s", name,
                           json_type_name(json_type(member)));
    *text = json_string(member, task->arena);
    return text->ptr ? 0 : exec_failed(task, "too_large", "fail: out of memory for '%s'", name);
}

/* {code, message, until_attempt}: fails with that code; with until_attempt only while the attempt is
 * below it, and then passes its input on. */
int exec_fail(struct exec_task *task)
{
    struct json_ref input;
    struct slice code = SLICE("failed"), message = SLICE("failed as it was told to");
    if (graph_text_ref(&task->values->input, task->arena, &input) != 0)
        return exec_failed(task, "too_large", "fail: its input cannot be read within the limits");
    if (json_type(input) != JSON_OBJECT)
        return exec_failed(task, "type",
                           "fail: its input must be an object {code, message}, not %s",
                           json_type_name(json_type(input)));
    if (read_string(task, input, "code", &code) != 0 ||
        read_string(task, input, "message", &message) != 0)
        return -1;
    struct json_ref until = json_member(input, SLICE("until_attempt"));
    int64_t attempt;
    if (json_present(until) && (json_type(until) != JSON_NUMBER || !json_int(until, &attempt)))
        return exec_failed(task, "type", "fail: 'until_attempt' must be an integer");
    if (json_present(until) && (int64_t)task->attempt >= attempt)
        return exec_pass(task);
    code = utf8_cut(code, sizeof(task->failure.code) - 1);
    message = utf8_cut(message, sizeof(task->failure.message) - 1);
    if (code.len == 0)
        return exec_failed(task, "type", "fail: 'code' is empty");
    char code_text[sizeof(task->failure.code)];
    memcpy(code_text, code.ptr, code.len);
    code_text[code.len] = '\0';
    return exec_failed(task, code_text, "%.*s", SLICE_ARG(message));
}

int exec_log(struct exec_task *task)
{
    const struct slice input = task->values->input.text;
    const struct slice shown = utf8_cut(input, LOGGED_INPUT_BYTES);
    log_write(LOG_INFO, "log", LOG_B("run_id", task->run_id), LOG_B("node_id", task->node->id),
              LOG_B("input", shown), LOG_I("input_bytes", input.len));
    return exec_pass(task);
}

/* Of a string its bytes, of anything else its JSON text. */
int exec_sha256(struct exec_task *task)
{
    struct json_ref input;
    char hex[SHA256_HEX_LEN + 1];
    struct slice bytes = task->values->input.text;
    if (graph_text_ref(&task->values->input, task->arena, &input) != 0)
        return exec_failed(task, "too_large", "sha256: its input cannot be read within the limits");
    if (json_type(input) == JSON_STRING)
        bytes = json_string(input, task->arena);
    if (!bytes.ptr)
        return exec_failed(task, "too_large", "sha256: out of memory for its input");
    sha256_hex(bytes, hex);
    buf_printf(task->output, "\"%s\"", hex);
    return 0;
}

/* Version 7: a new one for each attempt. */
int exec_uuid(struct exec_task *task)
{
    struct uuid random = uuid7_make(task->now_us / 1000, 0);
    struct uuid uuid =
        uuid7_make(task->now_us / 1000, (uint16_t)(random.bytes[12] << 8 | random.bytes[13]));
    char text[UUID_TEXT_LEN + 1];
    uuid_format(&uuid, text);
    buf_printf(task->output, "\"%s\"", text);
    return 0;
}

/* By Redis' clock, as all times are. */
int exec_now(struct exec_task *task)
{
    buf_char(task->output, '"');
    clock_write_rfc3339(task->output, task->now_us);
    buf_char(task->output, '"');
    return 0;
}
