/* follow: the silent wait, and what it shares with watching. */
#include "follow.h"
#include "base/clock.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

enum {
    POLL_MS = 250,       /* if a notification was lost */
    OUTAGE_LIMIT_S = 60, /* without a --timeout */
    OUTAGE_PAUSE_MS = 200,
    HINT_AFTER_S = 4,
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

int follow_listen(struct store *store, struct err *err)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return store_listen(store, "troupe_progress", err);
}

void follow_begin(struct follow *follow, struct cli *cli, struct view_source *source,
                  struct slice run_id, int64_t timeout_us)
{
    *follow = (struct follow){
        .cli = cli, .source = source, .run_id = run_id, .begun_us = clock_mono_us(&clock_system)};
    follow->deadline_us = timeout_us > 0 ? follow->begun_us + timeout_us : 0;
}

static bool is_over(const struct follow *follow, enum follow_end *end)
{
    if (interrupted)
        *end = FOLLOW_INTERRUPTED;
    else if (follow->deadline_us && clock_mono_us(&clock_system) >= follow->deadline_us)
        *end = FOLLOW_TIMEOUT;
    else
        return false;
    return true;
}

bool follow_pause(struct follow *follow, int64_t most_ms, enum follow_end *end, struct err *err)
{
    if (is_over(follow, end))
        return false;
    if (follow->deadline_us) {
        int64_t left_ms = (follow->deadline_us - clock_mono_us(&clock_system)) / 1000 + 1;
        most_ms = left_ms < most_ms ? left_ms : most_ms;
    }
    *err = ERR_INIT;
    if (store_wait(follow->source->store, most_ms, err) < 0 && !follow_outlasts(follow, err)) {
        *end = interrupted ? FOLLOW_INTERRUPTED : FOLLOW_FAILED;
        return false;
    }
    return !is_over(follow, end);
}

bool follow_outlasts(struct follow *follow, const struct err *err)
{
    int64_t now_us = clock_mono_us(&clock_system);
    if (interrupted || err->code != ERR_UNREACHABLE)
        return false;
    if (!follow->away_since_us) {
        follow->away_since_us = now_us;
        cli_note(follow->cli, "%s; waiting for it, the run is not affected", err->message);
    }
    if (!follow->deadline_us && now_us - follow->away_since_us > OUTAGE_LIMIT_S * INT64_C(1000000))
        return false;
    (void)poll(NULL, 0, OUTAGE_PAUSE_MS);
    return true;
}

static const char *why_it_waits(const struct store_health *health, enum run_status status)
{
    if (health->supervisors == 0)
        return "no supervisor is running";
    if (health->owned < health->partitions)
        return "no supervisor owns its partition yet";
    if (health->workers == 0)
        return "no worker is running";
    return status == RUN_QUEUED ? "it has not been started yet" : NULL;
}

void follow_hint(struct follow *follow, const struct store_run *run)
{
    int64_t waited_us = clock_mono_us(&clock_system) - follow->begun_us;
    if (follow->hinted || waited_us < HINT_AFTER_S * INT64_C(1000000))
        return;
    follow->hinted = true;
    struct store_health health;
    struct err err = ERR_INIT;
    if (store_health_get(follow->source->store, &health, &err) != 0)
        return; /* only a hint: the wait itself will notice the outage */
    const char *why = why_it_waits(&health, run->status);
    if (why)
        cli_note(follow->cli, "the run waits: %s (troupe doctor says more)", why);
}

enum follow_end follow_wait(struct follow *follow, struct arena *arena, struct store_run *run,
                            struct err *err)
{
    enum follow_end end = FOLLOW_FAILED;
    do {
        arena_reset(arena);
        *err = ERR_INIT;
        if (store_run_get(follow->source->store, follow->run_id, arena, run, err) == 0) {
            follow->away_since_us = 0;
            if (run_status_final(run->status))
                return FOLLOW_FINAL;
            follow_hint(follow, run);
        } else if (!follow_outlasts(follow, err))
            return interrupted ? FOLLOW_INTERRUPTED : FOLLOW_FAILED;
    } while (follow_pause(follow, POLL_MS, &end, err));
    return end;
}
