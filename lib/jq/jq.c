#include "jq/jq.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "jq/child.h"
#include "jq/numbers.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATH_BYTES = 4096,
    OUTPUT_BYTES = 16 << 20,
    REPLY_EXTRA_BYTES = 64 << 10, /* a message, when the output may be small */
    KEPT_BYTES = 1 << 20,         /* of the reply's buffer, between two calls */
    SHOWN_BYTES = 80,
};

struct jq {
    struct jq_child child;
    size_t memory_bytes;
    bool served; /* the child answered something already */
    struct buf reply;
    struct jq_stats stats;
    char helper[PATH_BYTES];
};

/* --- life --- */

/* troupe-jq stands where the running program does. */
static int beside_program(char path[PATH_BYTES], struct err *err)
{
    static const char name[] = "troupe-jq";
    const ssize_t length = readlink("/proc/self/exe", path, PATH_BYTES - sizeof(name));
    if (length <= 0)
        return err_set(err, ERR_IO, "cannot find troupe-jq: /proc/self/exe cannot be read");
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return err_set(err, ERR_IO, "cannot find troupe-jq beside '%s'", path);
    memcpy(slash + 1, name, sizeof(name));
    return 0;
}

struct jq *jq_new(const char *helper, size_t memory_bytes, struct err *err)
{
    struct jq *jq = calloc(1, sizeof(*jq));
    if (!jq) {
        (void)err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    jq->child = JQ_CHILD_NONE;
    jq->memory_bytes = memory_bytes ? memory_bytes : JQ_MEMORY_BYTES;
    buf_init(&jq->reply, 0);
    int rc = 0;
    if (!helper)
        rc = beside_program(jq->helper, err);
    else if ((size_t)snprintf(jq->helper, sizeof(jq->helper), "%s", helper) >= sizeof(jq->helper))
        rc = err_set(err, ERR_USAGE, "the path of troupe-jq is too long");
    if (rc == 0)
        return jq;
    jq_free(jq);
    return NULL;
}

void jq_free(struct jq *jq)
{
    if (!jq)
        return;
    (void)jq_child_end(&jq->child);
    buf_free(&jq->reply);
    free(jq);
}

void jq_stats(const struct jq *jq, struct jq_stats *stats)
{
    *stats = jq->stats;
    stats->child_pid = jq->child.pid;
}

/* --- errors --- */

/* One line of UTF-8, whatever the child sent. */
static void plain(char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        const size_t bytes = utf8_sequence(text, left);
        if (bytes == 0)
            *text = '?';
        else if ((unsigned char)*text < 0x20)
            *text = ' ';
        text += bytes ? bytes : 1;
        left -= bytes ? bytes : 1;
    }
}

static int failed(struct jq_error *error, enum jq_fault fault, const char *format, ...)
    PRINTF(3, 4);

static int failed(struct jq_error *error, enum jq_fault fault, const char *format, ...)
{
    va_list arguments;
    char text[sizeof(error->message) + 4]; /* so that a character that is cut is seen to be */
    *error = (struct jq_error){.fault = fault};
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const struct slice cut = utf8_cut(slice_str(text), sizeof(error->message) - 1);
    memcpy(error->message, cut.ptr, cut.len);
    error->message[cut.len] = '\0';
    plain(error->message);
    return -1;
}

/* The child ended in the middle of an evaluation. */
static int ended(struct jq *jq, struct jq_error *error)
{
    const int status = jq_child_reap(&jq->child);
    const int number = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    switch (number) {
    case SIGXCPU:
        return failed(error, JQ_FAULT_COST, "the program used too much processor time");
    case SIGKILL: /* not ours; the kernel does it when the machine is out of memory */
        return failed(error, JQ_FAULT_COST, "troupe-jq was killed while it ran the program");
    case SIGSYS:
        return failed(error, JQ_FAULT_EXPRESSION,
                      "the program made jq ask the system for what it may not have");
    case SIGSEGV:
        return failed(error, JQ_FAULT_EXPRESSION,
                      "the program made jq crash (signal %d); values that nest very deep do",
                      number);
    case 0:
        return failed(error, JQ_FAULT_EXPRESSION, "the program made jq end");
    default:
        return failed(error, JQ_FAULT_EXPRESSION, "the program made jq crash (signal %d)", number);
    }
}

/* --- asking --- */

struct question {
    struct jq_request head;
    struct slice program, input;
    int64_t time_ms, wall_ms;
};

static int ensure_child(struct jq *jq, struct jq_error *error)
{
    struct err err = ERR_INIT;
    if (jq_child_lives(&jq->child))
        return 0;
    (void)jq_child_end(&jq->child);
    jq->served = false;
    if (jq_child_start(&jq->child, jq->helper, jq->memory_bytes, &err) != 0)
        return failed(error, JQ_FAULT_UNAVAILABLE, "%s", err.message);
    jq->stats.started++;
    return 0;
}

/* The time that an evaluation took belongs to it, whoever asks the child next. */
static enum jq_talk talk(struct jq *jq, const struct question *question, int64_t deadline_us,
                         struct jq_reply *reply)
{
    const int64_t before_us = jq_child_cpu_us(&jq->child);
    const struct jq_until until = {
        deadline_us, before_us < 0 ? INT64_MAX : before_us + question->time_ms * 1000};
    const struct slice parts[] = {slice_of((const char *)&question->head, sizeof(question->head)),
                                  question->program, question->input};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const enum jq_talk said = jq_child_send(&jq->child, parts[i].ptr, parts[i].len, &until);
        if (said == JQ_TALK_GONE)
            break; /* perhaps it said why */
        if (said != JQ_TALK_OK)
            return said;
    }
    const enum jq_talk said = jq_child_receive(&jq->child, reply, &jq->reply, &until);
    const int64_t after_us = said == JQ_TALK_OK ? jq_child_cpu_us(&jq->child) : -1;
    if (before_us >= 0 && after_us > before_us)
        jq->stats.cpu_us += after_us - before_us;
    return said;
}

/* One child, one try. 0 with its reply, or -1 with *error and no child. */
static int ask_once(struct jq *jq, const struct question *question, int64_t deadline_us,
                    struct jq_reply *reply, struct jq_error *error)
{
    if (ensure_child(jq, error) != 0)
        return -1;
    jq->reply.cap_bytes = question->head.output_max_bytes + REPLY_EXTRA_BYTES;
    jq->stats.evaluated++;
    switch (talk(jq, question, deadline_us, reply)) {
    case JQ_TALK_OK:
        return 0;
    case JQ_TALK_LATE:
        (void)jq_child_end(&jq->child);
        return failed(error, JQ_FAULT_LATE, "the program took longer than %lld ms",
                      (long long)question->wall_ms);
    case JQ_TALK_SPENT:
        (void)jq_child_end(&jq->child);
        return failed(error, JQ_FAULT_COST,
                      "the program took longer than %lld ms of processor time",
                      (long long)question->time_ms);
    case JQ_TALK_GONE:
        return ended(jq, error);
    case JQ_TALK_BROKEN:
        break;
    }
    (void)jq_child_end(&jq->child);
    return failed(error, JQ_FAULT_EXPRESSION, "troupe-jq did not answer as it should");
}

static int ask(struct jq *jq, const struct question *question, struct jq_reply *reply,
               struct jq_error *error)
{
    if (question->program.len > JQ_PROGRAM_MAX_BYTES)
        return failed(error, JQ_FAULT_TOO_LARGE, "the program has %zu bytes; the limit is %u",
                      question->program.len, JQ_PROGRAM_MAX_BYTES);
    const int64_t deadline_us = clock_mono_us(&clock_system) + question->wall_ms * 1000;
    for (;;) {
        if (ask_once(jq, question, deadline_us, reply, error) != 0)
            return -1;
        if (reply->status != JQ_REPLY_MEMORY)
            break;
        const bool served = jq->served;
        (void)jq_child_end(&jq->child);
        if (!served)
            return failed(error, JQ_FAULT_COST, "the program needs more than %zu MiB of memory",
                          jq->memory_bytes >> 20);
    }
    jq->served = true;
    return 0;
}

/* --- answers --- */

/* Lines and columns of a byte, as base/json.h counts them. */
static int invalid(const struct slice program, const struct jq_reply *reply, struct slice message,
                   struct jq_error *error)
{
    const size_t offset = reply->number < program.len ? (size_t)reply->number : program.len;
    const struct json_position position = json_offset_position(program, offset);
    (void)failed(error, JQ_FAULT_PROGRAM, "%.*s", SLICE_ARG(message));
    error->offset = offset;
    error->line = position.line;
    error->column = position.column;
    return -1;
}

static int miscounted(uint64_t count, struct jq_error *error)
{
    static const char advice[] = "[...] makes a list of them, first(...) takes the first";
    if (count == 0)
        return failed(error, JQ_FAULT_EXPRESSION, "the program made no value; it must make one");
    if (count > JQ_VALUES_COUNTED)
        return failed(error, JQ_FAULT_EXPRESSION,
                      "the program made more than %u values; it must make one: %s",
                      JQ_VALUES_COUNTED, advice);
    return failed(error, JQ_FAULT_EXPRESSION, "the program made %llu values; it must make one: %s",
                  (unsigned long long)count, advice);
}

/* Everything but a value; -1. */
static int refused(const struct question *question, const struct jq_reply *reply, struct slice text,
                   struct jq_error *error)
{
    switch ((enum jq_reply_status)reply->status) {
    case JQ_REPLY_INVALID:
        return invalid(question->program, reply, text, error);
    case JQ_REPLY_ERROR:
        return failed(error, JQ_FAULT_EXPRESSION, "%.*s", SLICE_ARG(text));
    case JQ_REPLY_COUNT:
        return miscounted(reply->number, error);
    case JQ_REPLY_TOO_LARGE:
        return failed(error, JQ_FAULT_TOO_LARGE, "the output has %llu bytes; the limit is %llu",
                      (unsigned long long)reply->number,
                      (unsigned long long)question->head.output_max_bytes);
    case JQ_REPLY_NUMBER:
        return failed(error, JQ_FAULT_TYPE, "the output holds a NaN or an infinity");
    case JQ_REPLY_READY:
    case JQ_REPLY_BROKEN:
    case JQ_REPLY_VALUE:
    case JQ_REPLY_MEMORY:
        break;
    }
    return failed(error, JQ_FAULT_EXPRESSION, "troupe-jq did not answer as it should");
}

static int refuse_lossy(struct slice json, const char *what, struct jq_error *error)
{
    const struct slice number = jq_lossy_number(json);
    if (!number.ptr)
        return 0;
    const struct slice cut = utf8_cut(number, SHOWN_BYTES);
    const char *more = cut.len < number.len ? "…" : "";
    if (!memchr(number.ptr, 'e', number.len) && !memchr(number.ptr, 'E', number.len))
        return failed(error, JQ_FAULT_TYPE,
                      "the %s holds %.*s%s: jq has no exact integers from 2^53 "
                      "(9007199254740992) on; make it a string",
                      what, SLICE_ARG(cut), more);
    return failed(error, JQ_FAULT_TYPE, "the %s holds %.*s%s: jq has no number as large as that",
                  what, SLICE_ARG(cut), more);
}

/* What comes from libjq is not believed: everybody behind takes outputs for valid JSON. */
static int check_output(struct slice json, struct jq_error *error)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error why;
    const struct json_limits limits = {.max_bytes = (uint32_t)json.len};
    if (json_text_depth(json) > json_default_limits.max_depth)
        return failed(error, JQ_FAULT_TOO_LARGE, "the output nests deeper than %u levels",
                      json_default_limits.max_depth);
    if (refuse_lossy(json, "output", error) != 0)
        return -1;
    arena_init(&arena, 0);
    int rc = json_read(&arena, json, &limits, &doc, &why);
    if (rc != 0)
        rc = failed(error, JQ_FAULT_TOO_LARGE, "the output cannot be read: %s", why.message);
    arena_free(&arena);
    return rc;
}

/* A large reply is not kept for the small ones behind it. */
static void forget_reply(struct jq *jq)
{
    if (jq->reply.size > KEPT_BYTES)
        buf_free(&jq->reply);
}

static struct question question_of(uint32_t kind, struct slice program, struct slice input,
                                   const struct jq_limits *limits)
{
    const int64_t time_ms = limits && limits->time_ms > 0 ? limits->time_ms : JQ_TIME_MS;
    const int64_t least_ms = time_ms > JQ_WALL_MS ? time_ms : JQ_WALL_MS;
    const size_t most = limits && limits->output_bytes > 0 ? limits->output_bytes : OUTPUT_BYTES;
    return (struct question){.head = {.kind = kind,
                                      .program_bytes = (uint32_t)program.len,
                                      .input_bytes = (uint32_t)input.len,
                                      .cpu_seconds = (uint32_t)(time_ms / 1000) + 1,
                                      .output_max_bytes = most},
                             .program = program,
                             .input = input,
                             .time_ms = time_ms,
                             .wall_ms = limits && limits->wall_ms > 0 ? limits->wall_ms : least_ms};
}

int jq_check(struct jq *jq, struct slice program, struct jq_error *error)
{
    struct jq_reply reply = {.status = 0};
    const struct question question = question_of(JQ_REQUEST_CHECK, program, slice_of("", 0), NULL);
    *error = (struct jq_error){.fault = JQ_FAULT_NONE};
    if (ask(jq, &question, &reply, error) != 0)
        return -1;
    if (reply.status == JQ_REPLY_VALUE)
        return 0;
    return refused(&question, &reply, buf_slice(&jq->reply), error);
}

int jq_run(struct jq *jq, struct slice program, struct slice input, const struct jq_limits *limits,
           struct buf *out, struct jq_error *error)
{
    struct jq_reply reply = {.status = 0};
    const struct question question = question_of(JQ_REQUEST_RUN, program, input, limits);
    *error = (struct jq_error){.fault = JQ_FAULT_NONE};
    buf_reset(out);
    if (input.len > INT32_MAX)
        return failed(error, JQ_FAULT_TOO_LARGE, "the input has %zu bytes", input.len);
    if (refuse_lossy(input, "input", error) != 0 || ask(jq, &question, &reply, error) != 0)
        return -1;
    const struct slice text = buf_slice(&jq->reply);
    int rc = reply.status == JQ_REPLY_VALUE ? check_output(text, error)
                                            : refused(&question, &reply, text, error);
    if (rc == 0)
        buf_slice_append(out, text);
    if (rc == 0 && !buf_ok(out))
        rc = failed(error, JQ_FAULT_TOO_LARGE, "no room for an output of %zu bytes", text.len);
    forget_reply(jq);
    return rc;
}
