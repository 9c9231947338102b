/* troupe-jq: runs jq programs for another program of troupe's, in a process that can do nothing else.
 *
 * lib/jq starts it, with a socket as its standard input and output, an empty environment and the
 * address space that it may have as its argument, and ends it when an evaluation takes too long.
 * See docs/design/006-jq.md.
 */
#include "base/version.h"
#include "confine.h"
#include "evaluate.h"
#include "programs.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

/* --- the socket --- */

/* False at its end: nobody is there to work for. */
static bool take(void *bytes, size_t count)
{
    char *at = bytes;
    while (count > 0) {
        const ssize_t got = read(STDIN_FILENO, at, count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        count -= (size_t)got;
    }
    return true;
}

static bool give(const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t put = write(STDOUT_FILENO, at, count);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        at += put;
        count -= (size_t)put;
    }
    return true;
}

static bool reply(enum jq_reply_status status, uint64_t number, const char *text)
{
    const struct jq_reply head = {
        .status = status, .bytes = (uint32_t)strlen(text), .number = number};
    return give(&head, sizeof(head)) && give(text, head.bytes);
}

/* libjq's own answer is to abort, which tells nobody why. */
static void out_of_memory(void *context)
{
    (void)context;
    _exit(reply(JQ_REPLY_MEMORY, 0, "") ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* --- requests --- */

static char *take_text(size_t bytes)
{
    char *text = malloc(bytes + 1);
    if (!text)
        out_of_memory(NULL);
    else if (take(text, bytes))
        text[bytes] = '\0';
    else
        _exit(EXIT_SUCCESS);
    return text;
}

static bool answer(struct programs *programs, const struct jq_request *request, const char *program,
                   const char *input)
{
    struct problem problem = {.offset = 0};
    jq_state *state = programs_get(programs, program, request->program_bytes, &problem);
    if (!state)
        return reply(JQ_REPLY_INVALID, problem.offset, problem.message);
    if (request->kind == JQ_REQUEST_CHECK)
        return reply(JQ_REPLY_VALUE, 0, "");
    struct outcome outcome =
        evaluate(state, input, request->input_bytes, request->output_max_bytes);
    const bool given = give(&outcome.reply, sizeof(outcome.reply)) &&
                       give(jv_string_value(outcome.text), outcome.reply.bytes);
    jv_free(outcome.text);
    return given;
}

static void serve(void)
{
    static struct programs programs;
    struct jq_request request;
    bool going = true;
    programs.out_of_memory = out_of_memory;
    while (going && take(&request, sizeof(request))) {
        confine_cpu(request.cpu_seconds);
        char *program = take_text(request.program_bytes);
        char *input = take_text(request.input_bytes);
        going = answer(&programs, &request, program, input);
        free(input);
        free(program);
    }
}

/* --- starting --- */

static bool is_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

static int usage(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("troupe-jq " TROUPE_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    const bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    (void)fputs("usage: troupe-jq BYTES\n\n"
                "Runs jq programs for troupe, troupe-worker and troupe-supervisor, which start it "
                "themselves,\nwith a socket as its standard input and output. It is of no use by "
                "hand.\n",
                help ? stdout : stderr);
    return help ? EXIT_SUCCESS : EXIT_USAGE;
}

int main(int argc, char **argv)
{
    char message[160];
    const char *step = NULL;
    char *end = NULL;
    const unsigned long long memory_bytes = argc == 2 ? strtoull(argv[1], &end, 10) : 0;
    if (memory_bytes == 0 || *end != '\0' || !is_socket(STDIN_FILENO) || !is_socket(STDOUT_FILENO))
        return usage(argc, argv);
    if (confine((size_t)memory_bytes, &step) != 0) {
        (void)snprintf(message, sizeof(message), "%s: %s", step, strerror(errno));
        (void)reply(JQ_REPLY_BROKEN, 0, message);
        return EXIT_FAILURE;
    }
    if (reply(JQ_REPLY_READY, JQ_WIRE_VERSION, ""))
        serve();
    _exit(EXIT_SUCCESS); /* no cleaning up: everything of ours is memory */
}
