/* troupe-worker: signals, wiring. */
#include "base/log.h"
#include "metrics.h"
#include "options.h"
#include "protocol/redis.h"
#include "protocol/scripts.h"
#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

enum { PROBE_MS = 3000, EXIT_FORCED = 1 };

struct member {
    struct program program;
    struct event_base *base;
    struct secrets *secrets;
    struct worker *worker;
    struct event *signals[3];
    int status;
};

/* A Redis that is not there yet is waited for; one that will not have us is an error now. */
static int probe(const char *url, struct err *err)
{
    struct redis *redis = redis_new(url, PROBE_MS, err);
    if (!redis)
        return -1;
    const int rc = redis_connect(redis, err);
    redis_free(redis);
    if (rc == 0 || err->code == ERR_UNREACHABLE || err->code == ERR_TIMEOUT)
        return 0;
    if (err->code == ERR_INTERNAL) /* it answered, and not as one that would have us */
        err->code = ERR_REFUSED;
    return -1;
}

/* --- signals --- */

static void on_stop(evutil_socket_t number, short what, void *context)
{
    struct member *member = context;
    struct worker_stats stats;
    (void)number;
    (void)what;
    worker_stats(member->worker, &stats);
    if (!stats.draining) {
        worker_drain(member->worker);
        return;
    }
    log_text(LOG_WARN, "forced to end: what is held is taken over when the lease lapses");
    member->status = EXIT_FORCED;
    (void)event_base_loopbreak(member->base);
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
    const struct member *member = context;
    (void)number;
    (void)what;
    program_reload(&member->program);
    secrets_refresh(member->secrets);
}

static int catch_signals(struct member *member, struct err *err)
{
    const struct {
        int number;
        event_callback_fn callback;
    } wanted[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        member->signals[i] =
            evsignal_new(member->base, wanted[i].number, wanted[i].callback, member);
        if (!member->signals[i] || event_add(member->signals[i], NULL) != 0)
            return err_set(err, ERR_IO, "cannot catch signal %d", wanted[i].number);
    }
    return 0;
}

/* --- life --- */

static int start(struct member *member, struct err *err)
{
    struct worker_options options = options_of_worker(&member->program.settings);
    const struct secrets_options secrets = options_of_secrets(&member->program.settings);
    member->base = event_base_new();
    if (!member->base)
        return err_set(err, ERR_IO, "cannot make an event loop");
    member->secrets = secrets_new(member->base, &secrets, err);
    if (!member->secrets)
        return -1;
    options.secrets = member->secrets;
    member->worker = worker_new(member->base, &options, err);
    if (!member->worker || probe(options.redis_url, err) != 0 || catch_signals(member, err) != 0)
        return -1;
    const struct probes_asks asks = worker_probes(member->worker);
    return program_serve(&member->program, member->base, &asks, err);
}

static void stop(struct member *member)
{
    probes_stop(member->program.probes);
    if (!worker_free(member->worker)) {
        log_text(LOG_WARN, "code of a plugin is still running: ending without it");
        _exit(member->status);
    }
    secrets_free(member->secrets);
    for (size_t i = 0; i < ARRAY_LEN(member->signals); i++) {
        if (member->signals[i])
            event_free(member->signals[i]);
    }
    if (member->base)
        event_base_free(member->base);
}

int main(int argc, char **argv)
{
    struct member member = {0};
    struct err err = ERR_INIT;
    if (program_open(&member.program, &options_about, argc, argv, &member.status)) {
        scripts_setup();
        if (start(&member, &err) != 0)
            member.status = program_fail(&options_about, &err);
        else if (event_base_dispatch(member.base) < 0)
            member.status = err_exit_code(ERR_IO);
        stop(&member);
    }
    program_close(&member.program);
    return member.status;
}
