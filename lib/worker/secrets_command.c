#include "worker/secrets_command.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OUTPUT_BYTES = 4 << 20,
    DOCUMENT_BYTES = 64 << 20,
    TIME_US = 10000000,
    LOOK_MS = 10, /* whether it has ended, once it closed its output */
};

extern char **environ;

struct secrets_command {
    struct event_base *base;
    char *text;
    struct timeval every;
    struct event *again, *readable, *look;
    pid_t child; /* 0: it does not run */
    int output;  /* -1: closed */
    int64_t began_us;
    struct buf said;
    bool failed;

    /* what it said the last time that it was well */
    bool known;
    struct arena arena;
    struct json_doc doc;
};

/* --- what it says --- */

/* The members that are text; what is not makes all of it wrong, as nobody can say what was meant. Not
 * even the reader's message is shown: it may quote. */
static const char *read_document(struct secrets_command *c, struct arena *arena,
                                 struct json_doc *doc)
{
    struct json_error error;
    const struct slice text = arena_copy(arena, buf_slice(&c->said));
    if (!text.ptr)
        return "out of memory";
    if (json_read(arena, text, NULL, doc, &error) != 0)
        return "it printed no JSON";
    if (json_type(json_root(doc)) != JSON_OBJECT)
        return "it printed no object";
    struct json_iter it = json_iter(json_root(doc));
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_STRING)
            return "a secret is not a string";
        const struct slice value = json_string(it.value, arena);
        if (!value.ptr || memchr(value.ptr, '\0', value.len))
            return "a secret is no text";
    }
    return NULL;
}

static void forget(struct secrets_command *c)
{
    if (c->known)
        explicit_bzero((char *)(uintptr_t)c->doc.text.ptr, c->doc.text.len);
    c->known = false;
    arena_free(&c->arena);
}

static const char *take(struct secrets_command *c)
{
    struct arena arena;
    struct json_doc doc = {0};
    arena_init(&arena, DOCUMENT_BYTES);
    const char *wrong = read_document(c, &arena, &doc);
    if (wrong) {
        arena_free(&arena);
        return wrong;
    }
    forget(c);
    c->arena = arena;
    c->doc = doc;
    c->known = true;
    return NULL;
}

bool secrets_command_find(const struct secrets_command *c, struct slice name, struct arena *arena,
                          struct slice *value)
{
    if (!c->known)
        return false;
    const struct json_ref ref = json_member(json_root(&c->doc), name);
    *value = json_present(ref) ? json_string(ref, arena) : SLICE_NONE;
    return value->ptr != NULL;
}

/* --- its life --- */

static void close_output(struct secrets_command *c)
{
    if (c->readable)
        event_free(c->readable);
    c->readable = NULL;
    if (c->output >= 0)
        (void)close(c->output);
    c->output = -1;
}

static void end(struct secrets_command *c, const char *wrong)
{
    close_output(c);
    c->child = 0;
    if (!wrong)
        wrong = take(c);
    if (c->said.data)
        explicit_bzero(c->said.data, c->said.len);
    buf_reset(&c->said);
    c->failed = wrong != NULL;
    (void)event_del(c->look);
    if (wrong)
        log_write(LOG_WARN, "the command for secrets failed; what it said before stays",
                  LOG_S("reason", wrong));
    (void)event_add(c->again, &c->every);
}

static void kill_child(struct secrets_command *c)
{
    if (c->child <= 0)
        return;
    (void)kill(-c->child, SIGKILL);
    (void)waitpid(c->child, NULL, 0);
    c->child = 0;
}

/* Has it ended? Only with its output closed, or when its time is over. */
static void on_look(evutil_socket_t fd, short what, void *context)
{
    struct secrets_command *c = context;
    int status = 0;
    (void)fd;
    (void)what;
    if (c->child == 0)
        return;
    if (clock_mono_us(&clock_system) - c->began_us > TIME_US) {
        kill_child(c);
        end(c, "it took longer than 10 s");
        return;
    }
    if (c->output >= 0 || waitpid(c->child, &status, WNOHANG) != c->child)
        return;
    if (!buf_ok(&c->said))
        end(c, "it printed more than 4 MiB");
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        end(c, "it did not end with status 0");
    else
        end(c, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct secrets_command *c = context;
    char bytes[16384];
    (void)what;
    const ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got > 0)
        buf_append(&c->said, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_output(c);
    explicit_bzero(bytes, sizeof(bytes));
}

/* In a group of its own, so that all of it can be ended, with the default signals. */
static int spawn(struct secrets_command *c, int write_end)
{
    char shell[] = "sh", flag[] = "-c";
    char *const argv[] = {shell, flag, c->text, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults, none;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return -1;
    }
    int rc = posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
    rc |= posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    rc |= posix_spawnattr_setpgroup(&attributes, 0);
    rc |= posix_spawnattr_setsigdefault(&attributes, &defaults);
    rc |= posix_spawnattr_setsigmask(&attributes, &none);
    rc |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSIGMASK);
    if (rc == 0)
        rc = posix_spawn(&c->child, "/bin/sh", &actions, &attributes, argv, environ);
    if (rc != 0)
        c->child = 0;
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? 0 : -1;
}

void secrets_command_run(struct secrets_command *c)
{
    static const struct timeval often = {0, LOOK_MS * 1000};
    int ends[2];
    if (c->child != 0)
        return;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        end(c, "no pipe for it");
        return;
    }
    /* The command's end blocks, as it expects. */
    (void)fcntl(ends[1], F_SETFL, 0);
    c->output = ends[0];
    c->began_us = clock_mono_us(&clock_system);
    const int rc = spawn(c, ends[1]);
    (void)close(ends[1]);
    c->readable = event_new(c->base, c->output, EV_READ | EV_PERSIST, on_readable, c);
    if (rc == 0 && c->readable && event_add(c->readable, NULL) == 0 &&
        event_add(c->look, &often) == 0)
        return;
    kill_child(c);
    end(c, "it cannot be started");
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    secrets_command_run(context);
}

struct secrets_command *secrets_command_new(struct event_base *base, const char *command,
                                            int64_t ttl_ms, struct err *err)
{
    struct secrets_command *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)err_set(err, ERR_LIMIT, "no memory for secrets-command");
        return NULL;
    }
    c->base = base;
    c->output = -1;
    c->every = (struct timeval){ttl_ms / 1000, ttl_ms % 1000 * 1000};
    buf_init(&c->said, OUTPUT_BYTES);
    arena_init(&c->arena, 0);
    c->text = strdup(command);
    c->again = evtimer_new(base, on_again, c);
    c->look = event_new(base, -1, EV_PERSIST, on_look, c);
    if (!c->text || !c->again || !c->look) {
        (void)err_set(err, ERR_LIMIT, "no memory for secrets-command");
        secrets_command_free(c);
        return NULL;
    }
    secrets_command_run(c);
    while (c->child != 0 && event_base_loop(base, EVLOOP_ONCE) == 0)
        ;
    if (c->known)
        return c;
    (void)err_set(err, ERR_USAGE, "secrets-command did not print {\"NAME\": \"value\", …}");
    secrets_command_free(c);
    return NULL;
}

void secrets_command_free(struct secrets_command *c)
{
    if (!c)
        return;
    kill_child(c);
    close_output(c);
    if (c->again)
        event_free(c->again);
    if (c->look)
        event_free(c->look);
    if (c->said.data)
        explicit_bzero(c->said.data, c->said.len);
    buf_free(&c->said);
    forget(c);
    free(c->text);
    free(c);
}
