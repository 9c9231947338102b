/* troupe.h: executing nodes of troupe's workflows in C.
 *
 * Nodes of type `agent` and `tool`, and a `function` that is not built in, are executed by code of
 * yours: a callback per name. It runs in one of two places, and is the same in both:
 *
 *   a plugin   a shared object that troupe-worker loads (troupe-worker --plugin ./score.so)
 *   a worker   a program of its own, linked with libtroupe (troupe_worker_new, troupe_worker_run)
 *
 *     static int score(struct troupe_task *task, void *context)
 *     {
 *         if (troupe_task_input(task, NULL)[0] != '{')
 *             return troupe_task_fail(task, "no_object", "the input must be an object", 0);
 *         return troupe_task_output(task, "{\"score\": 1}", 12);
 *     }
 *
 * A callback runs on a thread of a pool, several at a time, and may block. It is executed at least
 * once: again after its process was lost, so effects outside need troupe_task_idempotency_key.
 *
 * Texts are UTF-8, NUL-terminated, and JSON where it says so. What an accessor returns belongs to the
 * task, and lives until the callback returns. Functions of a task may be called from any thread until
 * then. Functions that return an int return 0, or -1 when they did nothing; the reason stands there.
 *
 * The ABI: TROUPE_ABI rises when something that was there changes; functions and members at the end
 * of structs are added without. Whoever fills a struct says how large its own is, so both sides know.
 */
#ifndef TROUPE_TROUPE_H
#define TROUPE_TROUPE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TROUPE_ABI 1

#if defined(__GNUC__)
#define TROUPE_PUBLIC __attribute__((visibility("default")))
#else
#define TROUPE_PUBLIC
#endif

struct troupe_task;
struct troupe_host;
struct troupe_worker;

/* --- Callbacks --- */

/* Executes a task. 0: it completes, with what troupe_task_output was given last (null without). Else
 * it fails, as troupe_task_fail said, or with the code `exception`. Once troupe_task_fail was called it
 * fails whatever is returned. */
typedef int troupe_run_fn(struct troupe_task *task, void *context);

enum troupe_kind { TROUPE_FUNCTION, TROUPE_AGENT, TROUPE_TOOL };

/* What executes nodes of that kind and name. Texts are copied; the context is yours, and must live as
 * long as callbacks may run. Callbacks of one name run at the same time on several threads. */
struct troupe_handler {
    size_t size; /* of this struct: sizeof(struct troupe_handler) */
    enum troupe_kind kind;
    const char
        *name; /* the node's function_name, or name: printable ASCII without blanks, | and , */
    const char *queue; /* the node's queue, if it names one; NULL: none. Not for plugins. */
    troupe_run_fn *run;
    void *context;
};

/* --- What is asked --- */

/* The node's input, JSON. `len`, which may be NULL, gets its length without the NUL. */
TROUPE_PUBLIC const char *troupe_task_input(const struct troupe_task *task, size_t *len);
/* The further fields of the node's config, evaluated: a JSON object. */
TROUPE_PUBLIC const char *troupe_task_config(const struct troupe_task *task, size_t *len);
/* What is executed: plain texts, "" for what is not known. */
TROUPE_PUBLIC const char *troupe_task_run_id(const struct troupe_task *task);
TROUPE_PUBLIC const char *troupe_task_workflow(const struct troupe_task *task);
TROUPE_PUBLIC const char *troupe_task_node_id(const struct troupe_task *task);
/* The iterations of loops it stands in; "" outside of any. */
TROUPE_PUBLIC const char *troupe_task_scope(const struct troupe_task *task);
/* The name in the node: that of the handler. */
TROUPE_PUBLIC const char *troupe_task_name(const struct troupe_task *task);
/* The same for all attempts and claims of this execution: for what must not be done twice. */
TROUPE_PUBLIC const char *troupe_task_idempotency_key(const struct troupe_task *task);
/* 1 for the first. */
TROUPE_PUBLIC uint32_t troupe_task_attempt(const struct troupe_task *task);
/* How long an attempt may take; 0: no limit. */
TROUPE_PUBLIC int64_t troupe_task_timeout_ms(const struct troupe_task *task);

/* 1 once nobody wants the result any more: the run was cancelled, the attempt timed out, another
 * worker has it, or this one ends. Nothing ends a callback: one that takes long should look. */
TROUPE_PUBLIC int troupe_task_cancelled(const struct troupe_task *task);
/* Waits so long, or until it is cancelled: then 1, else 0. In place of sleep. */
TROUPE_PUBLIC int troupe_task_wait(struct troupe_task *task, int64_t ms);

/* --- What is said --- */

/* The output: one JSON value of `len` bytes, copied; of several calls the last counts. -1: it is no
 * valid JSON (the task fails with `bad_output`, not tried again), is larger than 32 MiB (`too_large`;
 * the fleet takes 16 MiB unless it was told otherwise), or there is no memory. The -1 may be returned
 * from the callback as it is. */
TROUPE_PUBLIC int troupe_task_output(struct troupe_task *task, const char *json, size_t len);
/* The task fails: `code` (63 bytes of it) is what the node's retry and on_error go by, `message` (499)
 * is for people, NULL for none. retry 0: another attempt makes no sense, whatever the node's retry
 * says. Always returns -1, so that `return troupe_task_fail(...)` reads well. */
TROUPE_PUBLIC int troupe_task_fail(struct troupe_task *task, const char *code, const char *message,
                                   int retry);
/* How far it is, 0 to 1, and what it is at (800 bytes; NULL: as before): for the run's events. Two a
 * second are sent, the last ones. -1: no memory, or `value` is no number. */
TROUPE_PUBLIC int troupe_task_progress(struct troupe_task *task, double value, const char *message);
/* A line for the run's events (1,500 bytes). Of more than 1,000 that wait the oldest are left out.
 * -1: no memory. */
TROUPE_PUBLIC int troupe_task_log(struct troupe_task *task, const char *line);
/* Adds to what it used, such as 812 "tokens": goes to the record with the result, also of an attempt
 * that fails. -1: more than 32 measures, a name of more than 64 bytes, or an amount beyond 1e15. */
TROUPE_PUBLIC int troupe_task_usage(struct troupe_task *task, const char *measure, double amount);

/* --- Plugins --- */

/* What a plugin exports, besides nothing: called once, when the worker starts. It says who it is with
 * troupe_plugin_begin, then adds its handlers. Else than 0: the worker says so and does not start.
 * A plugin is never unloaded. It is not linked with libtroupe: what it calls is in troupe-worker. */
TROUPE_PUBLIC int troupe_plugin(const struct troupe_host *host);

/* First of all. `name`: that of the plugin, of which a worker loads no two. -1: the worker's ABI is
 * another, or begin was called already; it will say so. */
#define troupe_plugin_begin(host, name) troupe_host_begin(host, TROUPE_ABI, name)
TROUPE_PUBLIC int troupe_host_begin(const struct troupe_host *host, uint32_t abi, const char *name);
/* -1: the handler makes no sense, or there is one of that kind and name; the worker will say so. */
TROUPE_PUBLIC int troupe_host_add(const struct troupe_host *host,
                                  const struct troupe_handler *handler);
/* The same for a function. */
TROUPE_PUBLIC int troupe_host_function(const struct troupe_host *host, const char *name,
                                       troupe_run_fn *run, void *context);

/* --- Workers --- */

enum troupe_level { TROUPE_DEBUG, TROUPE_INFO, TROUPE_WARNING, TROUPE_ERROR };

/* 0 and NULL: the default. Texts are copied. */
struct troupe_settings {
    size_t size;           /* of this struct: sizeof(struct troupe_settings) */
    const char *redis_url; /* default: the environment's TROUPE_REDIS_URL, redis://127.0.0.1:6379 */
    const char *name;      /* unique; default: made from host and process */
    uint32_t threads;      /* callbacks at a time, up to 1,024; default: twice the cores */
    uint32_t
        lease_ms; /* 1,000 to 3,600,000, default 15,000: after so long without a word others get
                            * what it has; it beats three times as often, and hears of cancellations then */
    uint32_t drain_timeout_ms; /* that callbacks have to end; default 30,000 */
    uint32_t
        prefetch_us; /* of work claimed ahead of what runs, by what callbacks took; default 20,000 */
    uint32_t
        keep_signals; /* 1: SIGTERM and SIGINT are not for the worker; call troupe_worker_stop */
    /* Where it says what happens; default: lines on stderr. Called on the thread of troupe_worker_run, and
     * on that of troupe_worker_new and troupe_worker_add for what is wrong there. */
    void (*log)(void *context, enum troupe_level level, const char *text);
    void *log_context;
};

/* NULL: no memory, or settings that make no sense; said to the log. Does not connect yet. Owned by the
 * caller, and not thread-safe but for troupe_worker_stop. */
TROUPE_PUBLIC struct troupe_worker *troupe_worker_new(const struct troupe_settings *settings);
/* Before it runs. -1: no memory, or the handler makes no sense, or there is one of that kind and name;
 * said to the log. */
TROUPE_PUBLIC int troupe_worker_add(struct troupe_worker *worker,
                                    const struct troupe_handler *handler);
/* The same for a function. */
TROUPE_PUBLIC int troupe_worker_function(struct troupe_worker *worker, const char *name,
                                         troupe_run_fn *run, void *context);
/* Works until SIGTERM, SIGINT or troupe_worker_stop, then drains: begins nothing more, waits for what
 * runs, hands back the rest. A second one ends the waiting. Redis may come later, go and come back. The
 * two signals are blocked in the calling thread meanwhile: threads that others have must block them too.
 * 0: drained. -1: it has no handlers, was run before, there is no memory, or Redis was away at the end
 * and results were lost (others execute those tasks anew); said to the log. */
TROUPE_PUBLIC int troupe_worker_run(struct troupe_worker *worker);
/* From any thread, or a signal handler. */
TROUPE_PUBLIC void troupe_worker_stop(struct troupe_worker *worker);
/* NULL is fine. When callbacks still run, it is left as it is: end the process soon. */
TROUPE_PUBLIC void troupe_worker_free(struct troupe_worker *worker);

#ifdef __cplusplus
}
#endif

#endif
