#include "worker/serving.h"
#include "base/log.h"
#include "libtroupe/worker.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { LEASE_LEAST_MS = 1000, LEASE_MOST_MS = 3600000 };

struct serving {
    struct troupe_worker *worker;
    pthread_t thread;
    bool started, draining;
    struct plugins *plugins;
    atomic_bool ended;
};

static void on_log(void *context, enum troupe_level level, const char *text)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    (void)context;
    log_write(levels[level], "tasks for plugins", LOG_S("what", text));
}

static void *run(void *context)
{
    struct serving *serving = context;
    (void)troupe_worker_run(serving->worker); /* what was wrong is in the log */
    atomic_store(&serving->ended, true);
    plugins_ring(serving->plugins);
    return NULL;
}

/* Signals are for the thread that runs the loop. */
static int begin(struct serving *serving)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    serving->started = pthread_create(&serving->thread, NULL, run, serving) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return serving->started ? 0 : -1;
}

static int add_handlers(struct serving *serving, const struct registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const struct handler *of = registry->handlers[i];
        const struct troupe_handler handler = {.size = sizeof(handler),
                                               .kind = of->kind,
                                               .name = of->name,
                                               .run = of->run,
                                               .context = of->context};
        if (troupe_worker_add(serving->worker, &handler) != 0)
            return -1;
    }
    return 0;
}

static uint32_t lease_of(int64_t ms)
{
    return (uint32_t)(ms < LEASE_LEAST_MS  ? LEASE_LEAST_MS
                      : ms > LEASE_MOST_MS ? LEASE_MOST_MS
                                           : ms);
}

struct serving *serving_new(struct plugins *plugins, const struct serving_options *options,
                            struct err *err)
{
    const struct troupe_settings settings = {
        .size = sizeof(settings),
        .redis_url = options->redis_url,
        .name = options->name,
        .threads = plugins_threads(plugins),
        .lease_ms = lease_of(options->lease_ms),
        .drain_timeout_ms = options->drain_timeout_ms > 0 ? (uint32_t)options->drain_timeout_ms : 1,
        .keep_signals = 1,
        .log = on_log,
    };
    struct serving *serving = calloc(1, sizeof(*serving));
    if (!serving) {
        (void)err_set(err, ERR_LIMIT, "tasks for plugins cannot be served: no memory");
        return NULL;
    }
    serving->worker = troupe_worker_new(&settings);
    if (!serving->worker || add_handlers(serving, plugins_registry(plugins)) != 0) {
        troupe_worker_free(serving->worker);
        free(serving);
        (void)err_set(err, ERR_USAGE, "tasks for plugins cannot be served: the log says why");
        return NULL;
    }
    serving->plugins = plugins;
    serving->worker->share = plugins_pool(plugins);
    serving->worker->ended = plugins_ring;
    serving->worker->ended_context = plugins;
    if (begin(serving) == 0)
        return serving;
    (void)serving_free(serving);
    (void)err_set(err, ERR_LIMIT, "tasks for plugins cannot be served: no thread for them");
    return NULL;
}

void serving_drain(struct serving *serving)
{
    if (!serving || serving->draining)
        return;
    serving->draining = true;
    troupe_worker_stop(serving->worker);
}

void serving_pause(struct serving *serving, bool paused)
{
    if (serving)
        atomic_store(&serving->worker->paused, paused);
}

bool serving_drained(const struct serving *serving)
{
    return !serving || atomic_load(&serving->ended);
}

bool serving_free(struct serving *serving)
{
    if (!serving)
        return true;
    if (serving->started) {
        serving_drain(serving);
        if (!serving_drained(serving))
            troupe_worker_stop(serving->worker); /* the second one: no more waiting */
        (void)pthread_join(serving->thread, NULL);
    }
    if (!worker_close(serving->worker))
        return false;
    free(serving);
    return true;
}
