/* fleet: workers and supervisors come and go. */
#include "base/clock.h"
#include "exec/exec.h"
#include "sim.h"
#include "worker/worker.h"
#include <event2/event.h>

bool __real_exec_is_instant(const struct graph_node *node);
bool __wrap_exec_is_instant(const struct graph_node *node);

/* As if every node took long: then each goes through Redis. */
bool __wrap_exec_is_instant(const struct graph_node *node)
{
    return !sim.plods && __real_exec_is_instant(node);
}

static void name_anew(struct actor *actor)
{
    (void)snprintf(actor->name, sizeof(actor->name), "%s%llu", actor->is_worker ? "w" : "s",
                   (unsigned long long)++sim.names);
}

void worker_begin(struct actor *actor, bool same_name)
{
    static const char *const queues[] = {"default"};
    static const uint32_t batches[] = {1, 4, 32}, room[] = {1, 3, 64};
    struct err err = ERR_INIT;
    if (!same_name || !actor->name[0])
        name_anew(actor);
    const struct worker_options options = {.redis_url = "redis://127.0.0.1",
                                           .name = actor->name,
                                           .queues = queues,
                                           .queue_count = 1,
                                           .batch = batches[chance_below(3)],
                                           .concurrency = room[chance_below(3)],
                                           .lease_ms = WORKER_LEASE_MS,
                                           .drain_timeout_ms = 2000,
                                           .max_value_bytes = 1 << 20,
                                           .inline_bytes = sim.inline_bytes,
                                           .jq_helper = sim.jq_helper,
                                           .clock = &clock_system};
    sim.newborn = actor;
    actor->links = NULL;
    actor->base = event_base_new();
    actor->worker = actor->base ? worker_new(actor->base, &options, &err) : NULL;
    if (!actor->worker)
        violated("no worker: %s", err.message);
    actor->alive = actor->dirty = true;
    actor->paused_until_us = 0;
}

static void bury(struct actor *actor)
{
    (void)worker_free(actor->worker);
    event_base_free(actor->base);
    actor->worker = NULL;
    actor->base = NULL;
    actor->alive = false;
}

void worker_loop(struct actor *actor)
{
    struct worker_stats stats;
    actor->dirty = false;
    if (event_base_loop(actor->base, EVLOOP_NONBLOCK) < 0)
        violated("the loop of %s failed", actor->name);
    worker_stats(actor->worker, &stats);
    if (stats.unknown > 0) /* it mends that, and has no reason to */
        violated("%s did not know of an entry that is pending for it", actor->name);
    if (event_base_got_exit(actor->base)) {
        happened("workers ended in order");
        bury(actor);
        actor->back_us = clock_now_us() + chance_below(500) * INT64_C(1000);
        actor->same_name = chance_of(50);
    }
}

void worker_kill(struct actor *actor)
{
    link_abandon(actor);
    bury(actor);
}

void worker_end(struct actor *actor) { worker_drain(actor->worker); }

/* --- together --- */

static void supervisor_begin(struct actor *actor, bool same_name)
{
    if (!same_name || !actor->name[0])
        name_anew(actor);
    actor->paused_until_us = 0;
    actor_start_supervisor(actor);
}

void fleet_begin(void)
{
    sim.worker_count = 2 + chance_below(WORKERS_MOST - 1);
    sim.supervisor_count = 1 + chance_below(SUPERVISORS_MOST);
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        sim.workers[i] = (struct actor){.is_worker = true};
        worker_begin(&sim.workers[i], false);
    }
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        sim.supervisors[i] = (struct actor){0};
        supervisor_begin(&sim.supervisors[i], false);
    }
}

void fleet_end(void)
{
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        if (sim.workers[i].alive)
            worker_kill(&sim.workers[i]);
    }
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        if (sim.supervisors[i].alive)
            actor_kill_supervisor(&sim.supervisors[i]);
    }
    late_clear();
}

void fleet_return(void)
{
    const int64_t now_us = clock_now_us();
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        struct actor *worker = &sim.workers[i];
        if (!worker->alive && now_us >= worker->back_us)
            worker_begin(worker, worker->same_name);
        if (worker->paused_until_us && now_us >= worker->paused_until_us) {
            worker->paused_until_us = 0;
            worker->dirty = true;
        }
    }
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        struct actor *supervisor = &sim.supervisors[i];
        if (!supervisor->alive && now_us >= supervisor->back_us)
            supervisor_begin(supervisor, supervisor->same_name);
        if (supervisor->paused_until_us && now_us >= supervisor->paused_until_us)
            supervisor->paused_until_us = 0;
    }
}
