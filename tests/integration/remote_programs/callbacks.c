/* The functions of worker.py and worker.mjs in C, as a plugin (-DPLUGIN) or a worker of its own. Each
 * execution leaves a line in the file MARKS: what happened, run, attempt. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <troupe.h>
#include <unistd.h>

static void mark(const char *what, const struct troupe_task *task)
{
    char line[200];
    const int fd = open(getenv("MARKS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int len = snprintf(line, sizeof(line), "%s %s %u\n", what, troupe_task_run_id(task),
                             troupe_task_attempt(task));
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        abort();
    close(fd);
}

/* The text of a member of the input, up to a comma or brace: enough for these inputs. */
static const char *member(const struct troupe_task *task, const char *name, char *out, size_t size)
{
    char key[100];
    snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = strstr(troupe_task_input(task, NULL), key);
    out[0] = '\0';
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " ");
    snprintf(out, size, "%.*s", (int)strcspn(at, ",}"), at);
    return out;
}

static double number(const struct troupe_task *task, const char *name)
{
    char text[100];
    return member(task, name, text, sizeof(text)) ? strtod(text, NULL) : 0;
}

static int say(struct troupe_task *task, const char *text)
{
    return troupe_task_output(task, text, strlen(text));
}

static int hello(struct troupe_task *task, void *context)
{
    char out[2000], name[200];
    (void)context;
    mark("hello", task);
    if (!member(task, "name", name, sizeof(name)))
        return troupe_task_fail(task, "no_name", NULL, 1);
    snprintf(out, sizeof(out), "{\"hello\":%s,\"config\":%s,\"node\":\"%s\",\"key\":\"%s\"}", name,
             troupe_task_config(task, NULL), troupe_task_node_id(task),
             troupe_task_idempotency_key(task));
    return say(task, out);
}

static int hello_async(struct troupe_task *task, void *context)
{
    char out[300], name[200];
    (void)context;
    snprintf(out, sizeof(out), "{\"hello\":%s}", member(task, "name", name, sizeof(name)));
    return say(task, out);
}

static int writer(struct troupe_task *task, void *context)
{
    char out[300], topic[200];
    (void)context;
    if (troupe_task_usage(task, "tokens", 800) || troupe_task_usage(task, "tokens", 12) ||
        troupe_task_usage(task, "cost", 0.25))
        return -1;
    snprintf(out, sizeof(out), "\"about %s", member(task, "topic", topic, sizeof(topic)) + 1);
    return say(task, out);
}

static int search(struct troupe_task *task, void *context)
{
    char out[500], query[200];
    (void)context;
    member(task, "query", query, sizeof(query));
    snprintf(out, sizeof(out), "[%s,%s]", query, query);
    return say(task, out);
}

static int sorter(struct troupe_task *task, void *context)
{
    (void)context;
    return say(task, strstr(troupe_task_input(task, NULL), "b") ? "[\"a\",\"b\"]" : "null");
}

static int flaky(struct troupe_task *task, void *context)
{
    char text[50];
    (void)context;
    mark("flaky", task);
    if (troupe_task_attempt(task) < number(task, "until")) {
        snprintf(text, sizeof(text), "attempt %u", troupe_task_attempt(task));
        return troupe_task_fail(task, "not_yet", text, 1);
    }
    snprintf(text, sizeof(text), "%u", troupe_task_attempt(task));
    return say(task, text);
}

static int hopeless(struct troupe_task *task, void *context)
{
    (void)context;
    mark("hopeless", task);
    troupe_task_usage(task, "tokens", 5);
    return troupe_task_fail(task, "hopeless", "no use in trying again", 0);
}

static int broken(struct troupe_task *task, void *context)
{
    (void)context;
    mark("broken", task);
    return 42;
}

static int no_json(struct troupe_task *task, void *context)
{
    (void)context;
    mark("no_json", task);
    return say(task, "{1, 2}");
}

static int big(struct troupe_task *task, void *context)
{
    const size_t bytes = (size_t)number(task, "bytes");
    char *text = malloc(bytes + 2);
    (void)context;
    if (!text)
        return -1;
    memset(text, 'x', bytes + 2);
    text[0] = text[bytes + 1] = '"';
    const int rc = troupe_task_output(task, text, bytes + 2);
    free(text);
    return rc;
}

static int ended(struct troupe_task *task)
{
    char text[50];
    mark("ended", task);
    snprintf(text, sizeof(text), "%ld", (long)getpid());
    return say(task, text);
}

static int long_one(struct troupe_task *task, void *context)
{
    (void)context;
    mark("began", task);
    if (!troupe_task_wait(task, (int64_t)(number(task, "seconds") * 1000)))
        return ended(task);
    mark("cancelled", task);
    return 0;
}

/* Does not look whether it is wanted. */
static int deaf(struct troupe_task *task, void *context)
{
    const int64_t ms = (int64_t)(number(task, "seconds") * 1000);
    const struct timespec length = {ms / 1000, ms % 1000 * 1000000};
    (void)context;
    mark("began", task);
    nanosleep(&length, NULL);
    return ended(task);
}

static int talks(struct troupe_task *task, void *context)
{
    char text[50];
    (void)context;
    for (int step = 1; step <= 3; step++) {
        snprintf(text, sizeof(text), "step %d", step);
        troupe_task_progress(task, step / 4.0, text);
        snprintf(text, sizeof(text), "line %d", step);
        troupe_task_log(task, text);
        troupe_task_wait(task, 700);
    }
    troupe_task_log(task, "last words");
    return say(task, "\"said\"");
}

/* Takes its process along, if it is told to. */
static int crashes(struct troupe_task *task, void *context)
{
    (void)context;
    if (number(task, "crash") > 0) {
        mark("crashed", task);
        abort();
    }
    mark("survived", task);
    troupe_task_wait(task, (int64_t)(number(task, "seconds") * 1000));
    return 0;
}

static int noop(struct troupe_task *task, void *context)
{
    (void)task;
    (void)context;
    return 0;
}

static const struct troupe_handler handlers[] = {
#define HANDLER(kind, name, run)                                                                   \
    {                                                                                              \
        sizeof(struct troupe_handler), kind, name, NULL, run, NULL                                 \
    }
    HANDLER(TROUPE_FUNCTION, "hello", hello),
    HANDLER(TROUPE_FUNCTION, "hello_async", hello_async),
    HANDLER(TROUPE_AGENT, "writer", writer),
    HANDLER(TROUPE_TOOL, "search", search),
    HANDLER(TROUPE_FUNCTION, "flaky", flaky),
    HANDLER(TROUPE_FUNCTION, "hopeless", hopeless),
    HANDLER(TROUPE_FUNCTION, "broken", broken),
    HANDLER(TROUPE_FUNCTION, "no_json", no_json),
    HANDLER(TROUPE_FUNCTION, "big", big),
    HANDLER(TROUPE_FUNCTION, "long", long_one),
    HANDLER(TROUPE_FUNCTION, "deaf", deaf),
    HANDLER(TROUPE_FUNCTION, "talks", talks),
    HANDLER(TROUPE_FUNCTION, "crashes", crashes),
    HANDLER(TROUPE_FUNCTION, "noop", noop),
};

#ifdef PLUGIN

#ifndef ABI
#define ABI TROUPE_ABI
#endif
#ifndef NAME
#define NAME "tests"
#endif

int troupe_plugin(const struct troupe_host *host)
{
    if (troupe_host_begin(host, ABI, NAME) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (troupe_host_add(host, &handlers[i]) != 0)
            return -1;
    }
    (void)sorter;
    return 0;
}

#else

static uint32_t setting(const char *name, double otherwise, double factor)
{
    const char *text = getenv(name);
    return (uint32_t)((text ? strtod(text, NULL) : otherwise) * factor);
}

int main(void)
{
    const struct troupe_settings settings = {.size = sizeof(settings),
                                             .name = getenv("NAME"),
                                             .threads = setting("CONCURRENCY", 32, 1),
                                             .lease_ms = setting("LEASE", 15, 1000),
                                             .drain_timeout_ms = setting("DRAIN", 30, 1000)};
    struct troupe_worker *worker = troupe_worker_new(&settings);
    if (!worker)
        return 2;
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (troupe_worker_add(worker, &handlers[i]) != 0)
            return 2;
    }
    const struct troupe_handler queued = {.size = sizeof(queued),
                                          .kind = TROUPE_TOOL,
                                          .name = "sorter",
                                          .queue = "gpu",
                                          .run = sorter};
    if (troupe_worker_add(worker, &queued) != 0)
        return 2;
    const int rc = troupe_worker_run(worker);
    troupe_worker_free(worker);
    return rc == 0 ? 0 : 1;
}

#endif
