/* settings: making a worker of its settings, and its end. */
#include "base/alloc.h"
#include "base/hash.h"
#include "libtroupe/worker.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { THREADS_MOST = 1024, LEASE_LEAST_MS = 1000, LEASE_MOST_MS = 3600000 };

static void write_name(char *out, size_t size)
{
    char host[64] = "host";
    uint32_t random;
    (void)gethostname(host, sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    random_bytes(&random, sizeof(random));
    (void)snprintf(out, size, "%s-%ld-%08x", host, (long)getpid(), random);
}

static int take_name(struct troupe_worker *worker, const char *name, struct err *err)
{
    if (name && strlen(name) < sizeof(worker->name))
        memcpy(worker->name, name, strlen(name) + 1);
    else if (!name)
        write_name(worker->name, sizeof(worker->name));
    bool good = worker->name[0] != '\0';
    for (const char *c = worker->name; *c && good; c++)
        good = *c > ' ' && *c <= '~' && !strchr("|,*", *c);
    return good ? 0
                : err_set(err, ERR_USAGE,
                          "a worker's name has 1 to 128 printable ASCII characters without blanks, "
                          "'|', ',' and '*', unlike '%.150s'",
                          name ? name : worker->name);
}

static int take_settings(struct troupe_worker *worker, const struct troupe_settings *settings,
                         struct err *err)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const char *url = settings->redis_url ? settings->redis_url : getenv("TROUPE_REDIS_URL");
    const uint32_t lease_ms = settings->lease_ms ? settings->lease_ms : 15000;
    worker->threads = settings->threads ? settings->threads : cores > 0 ? 2 * (uint32_t)cores : 2;
    worker->lease_us = (int64_t)lease_ms * 1000;
    worker->drain_us =
        (int64_t)(settings->drain_timeout_ms ? settings->drain_timeout_ms : 30000) * 1000;
    worker->prefetch_us = settings->prefetch_us ? settings->prefetch_us : 20000;
    worker->keep_signals = settings->keep_signals != 0;
    if (worker->threads > THREADS_MOST)
        return err_set(err, ERR_USAGE, "threads: %u is more than %d", worker->threads,
                       THREADS_MOST);
    if (lease_ms < LEASE_LEAST_MS || lease_ms > LEASE_MOST_MS)
        return err_set(err, ERR_USAGE, "lease_ms: %u is not %d to %d", lease_ms, LEASE_LEAST_MS,
                       LEASE_MOST_MS);
    if (take_name(worker, settings->name, err) != 0)
        return -1;
    if (redis_parse_url(url && *url ? url : "redis://127.0.0.1:6379", &worker->wire.address, err) !=
        0)
        return -1;
    worker->bell.address = worker->wire.address;
    worker->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return worker->wake < 0 ? err_set(err, ERR_IO, "eventfd: %s", strerror(errno)) : 0;
}

struct troupe_worker *troupe_worker_new(const struct troupe_settings *settings)
{
    struct err err = ERR_INIT;
    struct troupe_worker silent = {0};
    if (!settings || settings->size < sizeof(*settings)) {
        worker_say(&silent, TROUPE_ERROR,
                   "the settings have %zu bytes, not the %zu of this ABI: was `size` set?",
                   settings ? settings->size : 0, sizeof(*settings));
        return NULL;
    }
    struct troupe_worker *worker = mem_calloc(1, sizeof(*worker));
    if (!worker)
        return NULL;
    worker->log = settings->log;
    worker->log_context = settings->log_context;
    worker->wake = worker->signals = -1;
    if (take_settings(worker, settings, &err) == 0)
        return worker;
    worker_say(worker, TROUPE_ERROR, "%s", err.message);
    troupe_worker_free(worker);
    return NULL;
}

int troupe_worker_add(struct troupe_worker *worker, const struct troupe_handler *handler)
{
    struct err err = ERR_INIT;
    if (!worker->ran && registry_add(&worker->registry, handler, &err) == 0)
        return 0;
    worker_say(worker, TROUPE_ERROR, "%s", worker->ran ? "it runs already" : err.message);
    return -1;
}

int troupe_worker_function(struct troupe_worker *worker, const char *name, troupe_run_fn *run,
                           void *context)
{
    return troupe_worker_add(worker, &(struct troupe_handler){.size = sizeof(struct troupe_handler),
                                                              .kind = TROUPE_FUNCTION,
                                                              .name = name,
                                                              .run = run,
                                                              .context = context});
}

bool worker_close(struct troupe_worker *worker)
{
    if (!worker)
        return true;
    struct troupe_task *task = worker->pool ? pool_take(worker->pool) : NULL;
    while (task) { /* dropped jobs that ended since */
        struct troupe_task *next = task->next;
        job_free(task->owner);
        task = next;
    }
    if (!pool_close(worker->pool))
        return false; /* its threads still use what is here */
    for (uint32_t i = 0; i < worker->lane_count; i++)
        lane_free(&worker->lanes[i]);
    free(worker->lanes);
    free(worker->calls);
    free(worker->beats);
    words_free(&worker->words);
    registry_free(&worker->registry);
    if (worker->wake >= 0)
        (void)close(worker->wake);
    if (worker->signals >= 0)
        (void)close(worker->signals);
    free(worker);
    return true;
}

void troupe_worker_free(struct troupe_worker *worker) { (void)worker_close(worker); }
