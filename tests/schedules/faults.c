/* faults: what may befall a fleet between any two commands. */
#include "sim.h"

static int64_t in_ms(uint32_t most)
{
    return clock_now_us() + (1 + chance_below(most)) * INT64_C(1000);
}

static struct actor *some_worker(void)
{
    struct actor *worker = &sim.workers[chance_below(sim.worker_count)];
    return worker->alive && !worker->paused_until_us ? worker : NULL;
}

static struct actor *some_supervisor(void)
{
    struct actor *supervisor = &sim.supervisors[chance_below(sim.supervisor_count)];
    return supervisor->alive && !supervisor->paused_until_us ? supervisor : NULL;
}

static void kill_worker(void)
{
    struct actor *worker = some_worker();
    if (!worker)
        return;
    happened("kills of a worker");
    worker_kill(worker);
    worker->same_name = chance_of(50);
    worker->back_us = in_ms(chance_of(50) ? 100 : 2 * WORKER_LEASE_MS);
}

static void end_worker(void)
{
    struct actor *worker = some_worker();
    if (worker)
        worker_end(worker);
}

static void pause_worker(void)
{
    struct actor *worker = some_worker();
    if (!worker)
        return;
    happened("pauses of a worker");
    worker->paused_until_us = in_ms(3 * WORKER_LEASE_MS);
}

static void break_link(void)
{
    struct actor *worker = some_worker();
    if (worker)
        link_break(worker, (int)chance_below(3) - 1, "broken by the schedule");
}

static void lose_reply(void)
{
    struct actor *worker = some_worker();
    if (worker && link_lose_reply(worker))
        happened("replies to a worker lost");
}

static enum misfortune some_misfortune(void)
{
    static const enum misfortune all[] = {FINE, LOSE_REQUEST, LOSE_REPLY};
    return all[chance_below(3)];
}

static void kill_supervisor(void)
{
    struct actor *supervisor = some_supervisor();
    if (!supervisor)
        return;
    happened("kills of a supervisor");
    supervisor->misfortune = some_misfortune();
    actor_kill_supervisor(supervisor);
    supervisor->same_name = chance_of(50);
    supervisor->back_us = in_ms(chance_of(50) ? 100 : 2 * OWNER_LEASE_MS);
}

static void end_supervisor(void)
{
    struct actor *supervisor = some_supervisor();
    if (supervisor)
        actor_end_supervisor(supervisor);
}

static void pause_supervisor(void)
{
    struct actor *supervisor = some_supervisor();
    if (!supervisor)
        return;
    happened("pauses of a supervisor");
    supervisor->paused_until_us = in_ms(3 * OWNER_LEASE_MS);
}

static void confuse_supervisor(void)
{
    struct actor *supervisor = some_supervisor();
    if (supervisor)
        supervisor->misfortune = chance_of(50) ? LOSE_REQUEST : LOSE_REPLY;
}

/* What was committed is known to Postgres alone. */
static void lose_commit(void)
{
    struct actor *supervisor = some_supervisor();
    if (supervisor)
        supervisor->loses_commit = true;
}

static void flush_scripts(void)
{
    happened("script flushes");
    freeReplyObject(wire_words("SCRIPT FLUSH"));
}

/* All stand still, as when the machine does. */
static void stand_still(void)
{
    happened("all stood still past their leases");
    (void)late_step(true);
    clock_advance((WORKER_LEASE_MS + chance_below(2000)) * INT64_C(1000));
}

void fault_strike(void)
{
    static void (*const all[])(void) = {
        kill_worker,        kill_worker,     end_worker,     pause_worker,     pause_worker,
        break_link,         lose_reply,      lose_reply,     late_repeat,      late_repeat,
        kill_supervisor,    kill_supervisor, end_supervisor, pause_supervisor, confuse_supervisor,
        confuse_supervisor, lose_commit,     lose_commit,    flush_scripts,    stand_still};
    all[chance_below(sizeof(all) / sizeof(*all))]();
}
