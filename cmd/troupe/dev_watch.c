/* dev_watch: what goes on while everything runs, and the end. */
#include "base/clock.h"
#include "dev.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SHORT_LIFE_S = 5,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 5000,
    IDLE_MS = 1000,
    END_LIMIT_S = 15,
    END_LOOK_MS = 50,
};

void dev_wait(struct dev *dev, int64_t timeout_ms)
{
    struct timespec limit = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    siginfo_t info;
    int number = sigtimedwait(&dev->signals, &info, &limit);
    if (number <= 0 || number == SIGCHLD)
        return;
    dev->stops++;
    dev->stop_signal = number;
    dev->stop_from_terminal = info.si_code == SI_KERNEL;
}

/* --- starting again --- */

static int64_t backoff_ms(uint32_t failures)
{
    int64_t ms = 0;
    for (uint32_t i = 0; i < failures && ms < BACKOFF_MOST_MS; i++)
        ms = ms ? ms * 2 : BACKOFF_FIRST_MS;
    return ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS;
}

static void note_end(struct dev *dev, struct child *child)
{
    char fate[64];
    child_fate(child, fate, sizeof(fate));
    bool short_life = child->ended_us - child->started_us < SHORT_LIFE_S * INT64_C(1000000);
    child->failures = short_life ? child->failures + 1 : 0;
    cli_note(dev->cli, "%s ended (%s), starting it again%s%s", child->name, fate,
             child->failures > 1 ? "; see " : "", child->failures > 1 ? child->log_path : "");
}

/* What is due now is started; returns when the next one is due, in ms from now. */
static int64_t start_again(struct dev *dev, struct child *child,
                           int (*start)(struct dev *dev, uint32_t index, struct err *err),
                           uint32_t index)
{
    if (child_reap(child))
        note_end(dev, child);
    if (child_runs(child))
        return IDLE_MS;
    int64_t due_us = child->ended_us + backoff_ms(child->failures) * 1000;
    int64_t left_ms = (due_us - clock_mono_us(&clock_system) + 999) / 1000;
    if (left_ms > 0)
        return left_ms;
    struct err err = ERR_INIT;
    uint32_t failures = child->failures;
    if (start(dev, index, &err) != 0) {
        cli_note(dev->cli, "%s", err.message);
        child->ended_us = clock_mono_us(&clock_system);
        failures++;
    }
    child->failures = failures;
    return IDLE_MS;
}

static int again_redis(struct dev *dev, uint32_t index, struct err *err)
{
    (void)index;
    return dev_start_redis(dev, err);
}

static int again_postgres(struct dev *dev, uint32_t index, struct err *err)
{
    (void)index;
    return dev_start_postgres(dev, err);
}

static int again_supervisor(struct dev *dev, uint32_t index, struct err *err)
{
    (void)index;
    return dev_start_supervisor(dev, err);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t keep_all_running(struct dev *dev)
{
    int64_t next_ms = start_again(dev, &dev->redis, again_redis, 0);
    next_ms = least(next_ms, start_again(dev, &dev->postgres, again_postgres, 0));
    next_ms = least(next_ms, start_again(dev, &dev->supervisor, again_supervisor, 0));
    for (uint32_t i = 0; i < dev->worker_count; i++)
        next_ms = least(next_ms, start_again(dev, &dev->workers[i], dev_start_worker, i));
    return next_ms;
}

/* The command gets what we got, unless the terminal told it already; at the second time it is
 * killed. */
static void pass_signal_on(struct dev *dev)
{
    if (dev->stop_from_terminal)
        dev->stops--;
    else
        child_signal(&dev->command, dev->stops > 1 ? SIGKILL : dev->stop_signal);
}

void dev_stay(struct dev *dev)
{
    bool with_command = child_runs(&dev->command);
    for (;;) {
        int64_t next_ms = keep_all_running(dev);
        uint32_t stops = dev->stops;
        dev_wait(dev, next_ms > 0 ? next_ms : 1);
        if (with_command && child_reap(&dev->command))
            return;
        if (with_command && dev->stops > stops)
            pass_signal_on(dev);
        if (!with_command && dev->stops > 0)
            return;
    }
}

/* --- the end --- */

static bool any_runs(struct child *const *children, uint32_t count)
{
    bool runs = false;
    for (uint32_t i = 0; i < count; i++) {
        (void)child_reap(children[i]);
        runs = runs || child_runs(children[i]);
    }
    return runs;
}

/* Asks all of them, waits, and kills what has not ended in time or when we are asked again. */
static void end_these(struct dev *dev, struct child *const *children, uint32_t count, int number)
{
    uint32_t stops = dev->stops;
    int64_t deadline_us = clock_mono_us(&clock_system) + END_LIMIT_S * INT64_C(1000000);
    for (uint32_t i = 0; i < count; i++)
        child_signal(children[i], dev->stops > 1 ? SIGKILL : number);
    bool killed = dev->stops > 1;
    while (any_runs(children, count)) {
        dev_wait(dev, END_LOOK_MS);
        bool late = clock_mono_us(&clock_system) > deadline_us;
        if (killed || (!late && dev->stops == stops))
            continue;
        for (uint32_t i = 0; i < count; i++) {
            if (late && child_runs(children[i]))
                cli_note(dev->cli, "%s does not end, killing it", children[i]->name);
            child_signal(children[i], SIGKILL);
        }
        killed = true;
    }
}

void dev_end_all(struct dev *dev)
{
    struct child *all[DEV_WORKERS_MOST];
    for (uint32_t i = 0; i < dev->worker_count; i++)
        all[i] = &dev->workers[i];
    /* Workers settle what they hold; the supervisor writes that down; then nobody needs servers.
     * A stopped Postgres of a temporary directory need not write a checkpoint. */
    end_these(dev, all, dev->worker_count, SIGTERM);
    end_these(dev, (struct child *[]){&dev->supervisor}, 1, SIGTERM);
    end_these(dev, (struct child *[]){&dev->redis}, 1, SIGTERM);
    end_these(dev, (struct child *[]){&dev->postgres}, 1, dev->temporary ? SIGQUIT : SIGINT);
}
