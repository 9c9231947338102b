/* actor: a supervisor's thread, which runs only while the scheduler waits for it. */
#include "base/log.h"
#include "sim.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    REST_MS = 400,        /* in worlds whose supervisors are slow */
    LOOK_MS = 100,        /* supervisors wait no longer than that for work, for Postgres they do */
    PATIENCE_MS = 3,      /* real: then Postgres may be waiting for a lock of another supervisor */
    NOTIFICATION_MS = 50, /* real */
    ANSWER_MS = 20000,    /* real: nobody has one */
};

static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t scheduler_turn = PTHREAD_COND_INITIALIZER;
static _Thread_local struct actor *self;

struct actor *actor_self(void) { return self; }

static void wait_for_turn(struct actor *actor)
{
    while (!actor->running)
        (void)pthread_cond_wait(&actor->turn, &baton);
}

void actor_yield(struct actor *actor, enum actor_wants wants)
{
    if (actor->dying)
        return;
    (void)pthread_mutex_lock(&baton);
    actor->wants = wants;
    actor->running = false;
    (void)pthread_cond_signal(&scheduler_turn);
    wait_for_turn(actor);
    actor->wants = WANTS_NOTHING;
    (void)pthread_mutex_unlock(&baton);
}

static void *live(void *context)
{
    struct actor *actor = context;
    struct err err = ERR_INIT;
    self = actor;
    (void)pthread_mutex_lock(&baton);
    wait_for_turn(actor);
    (void)pthread_mutex_unlock(&baton);
    if (supervisor_run(actor->supervisor, &actor->stop, NULL, NULL, &err) != 0 && !actor->dying)
        violated("%s ended: %s", actor->name, err.message);
    supervisor_free(actor->supervisor);
    (void)pthread_mutex_lock(&baton);
    actor->supervisor = NULL;
    actor->ended = true;
    actor->running = false;
    (void)pthread_cond_signal(&scheduler_turn);
    (void)pthread_mutex_unlock(&baton);
    return NULL;
}

static void bury(struct actor *actor)
{
    (void)pthread_join(actor->thread, NULL);
    (void)pthread_cond_destroy(&actor->turn);
    actor->alive = false;
}

void actor_resume(struct actor *actor)
{
    struct supervisor_stats stats = {0};
    (void)pthread_mutex_lock(&baton);
    actor->running = true;
    (void)pthread_cond_signal(&actor->turn);
    while (actor->running)
        (void)pthread_cond_wait(&scheduler_turn, &baton);
    (void)pthread_mutex_unlock(&baton);
    if (actor->supervisor)
        supervisor_stats(actor->supervisor, &stats);
    if (stats.alarms > 0)
        violated("%s raised an alarm", actor->name);
    for (; actor->given_back < stats.partitions_given_back; actor->given_back++)
        happened("partitions given back");
    if (actor->ended && !actor->dying) {
        happened("supervisors ended in order");
        bury(actor);
        actor->back_us = clock_now_us() + chance_below(2 * OWNER_LEASE_MS) * INT64_C(1000);
        actor->same_name = chance_of(50);
    }
}

void actor_start_supervisor(struct actor *actor)
{
    static const char *const queues[] = {"default"};
    struct err err = ERR_INIT;
    const struct supervisor_options options = {.redis_url = "redis://127.0.0.1",
                                               .database_url = sim.database_url,
                                               .name = actor->name,
                                               .partitions = PARTITIONS,
                                               .queues = queues,
                                               .queue_count = 1,
                                               .lease_ms = OWNER_LEASE_MS,
                                               .batch_entries = chance_of(15) ? 2 : 256,
                                               .inline_bytes = chance_of(50) ? 16 : 4096,
                                               .clock = &clock_system};
    sim.newborn = actor;
    actor->stop = 0;
    actor->dying = actor->ended = actor->running = false;
    actor->runaway_us = 0;
    actor->given_back = 0;
    actor->misfortune = FINE;
    actor->wants = WANTS_NOTHING;
    actor->in_transaction = actor->listens = actor->notified = actor->awaits_lock = false;
    actor->loses_commit = false;
    actor->supervisor = supervisor_new(&options, &err);
    if (!actor->supervisor || pthread_cond_init(&actor->turn, NULL) != 0 ||
        pthread_create(&actor->thread, NULL, live, actor) != 0)
        violated("no supervisor: %s", err.message);
    actor->alive = true;
    actor_resume(actor);
}

void actor_kill_supervisor(struct actor *actor)
{
    actor->dying = true;
    actor->stop = 1;
    if (!actor->ended)
        actor_resume(actor);
    if (!actor->ended)
        violated("%s cannot die", actor->name);
    bury(actor);
}

void actor_end_supervisor(struct actor *actor) { actor->stop = 1; }

/* --- waiting --- */

static int real_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    return (int)syscall(SYS_ppoll, fds, count, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
}

static bool readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return fd >= 0 && real_poll(&one, 1, 0) > 0;
}

bool actor_can_step(struct actor *actor)
{
    switch (actor->wants) {
    case WANTS_REDIS:
    case WANTS_POSTGRES:
        return true;
    case WANTS_TIME:
        return clock_now_us() >= actor->until_us;
    case WANTS_WORK:
        if (clock_now_us() < actor->rests_until_us)
            return false;
        return clock_now_us() >= actor->until_us || actor->notified ||
               (actor->awaits_lock && readable(actor->postgres_fd)) ||
               (actor->bell && bell_try(actor->bell));
    case WANTS_NOTHING:
        break;
    }
    return false;
}

static int wait_for_work(struct actor *actor, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int found = 0;
    actor->until_us = clock_now_us() + timeout_ms * INT64_C(1000);
    actor->rests_until_us = sim.eager ? 0 : clock_now_us() + REST_MS * INT64_C(1000);
    actor->bell = bell_of_fd(fds[0].fd);
    actor->postgres_fd = fds[count - 1].fd;
    actor_yield(actor, WANTS_WORK);
    for (nfds_t i = 0; i < count; i++) {
        struct redis *bell = bell_of_fd(fds[i].fd);
        const bool there = !actor->dying && (bell ? bell_try(bell) : actor->notified);
        fds[i].revents = there ? POLLIN : 0;
        found += there;
    }
    /* It has been sent, and is on its way, unless it came with the answer to a statement. */
    if (actor->notified)
        (void)real_poll(&fds[count - 1], 1, NOTIFICATION_MS);
    actor->notified = false;
    actor->bell = NULL;
    return found;
}

static bool others_have_locks(const struct actor *actor)
{
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        if (&sim.supervisors[i] != actor && sim.supervisors[i].alive &&
            sim.supervisors[i].in_transaction)
            return true;
    }
    return false;
}

/* Postgres answers at once, but when it waits for a lock of somebody who waits for his turn. */
static int wait_for_postgres(struct actor *actor, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    for (int tries = 0; tries < ANSWER_MS / PATIENCE_MS; tries++) {
        const int ready = real_poll(fds, count, PATIENCE_MS);
        if (ready != 0)
            return ready;
        if (!others_have_locks(actor) || !postgres_somebody_waits())
            continue;
        if (actor->dying)
            return 0;
        happened("waits for somebody's lock");
        actor->until_us = clock_now_us() + timeout_ms * INT64_C(1000);
        actor->bell = NULL;
        actor->postgres_fd = fds[0].fd;
        actor->rests_until_us = 0;
        actor->awaits_lock = true;
        actor_yield(actor, WANTS_WORK);
        actor->awaits_lock = false;
        if (clock_now_us() >= actor->until_us)
            return real_poll(fds, count, 0);
    }
    violated("Postgres has not answered for %d s", ANSWER_MS / 1000);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct actor *actor = self;
    if (!actor || (count > 0 && timeout_ms == 0))
        return real_poll(fds, count, timeout_ms);
    if (count == 0) {
        actor->until_us = clock_now_us() + timeout_ms * INT64_C(1000);
        actor_yield(actor, WANTS_TIME);
        return 0;
    }
    return timeout_ms <= LOOK_MS ? wait_for_work(actor, fds, count, timeout_ms)
                                 : wait_for_postgres(actor, fds, count, timeout_ms);
}

/* What poll is when the array's size is known to the compiler. */
int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size);
int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
    (void)size;
    return __wrap_poll(fds, count, timeout_ms);
}
