/* bench_pin: which core runs what while single runs are timed. An idle system moves its processes between
 * cores at every waking, and what a run takes depends on who happened to sit beside whom: pinned, every
 * run has the same way to go.
 */
#include "bench.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Redis and the worker that has the run's token take turns, so they share a core, and no waking goes to
 * another one that sleeps; the record is written beside them: the supervisor, Postgres and we, who wait for
 * it, have the other. Of the ways of dividing them between two cores this one is the fastest and the
 * steadiest. */
enum { CORE_TOKENS, CORE_RECORD, CORES };

static int choose_cores(const cpu_set_t *allowed, size_t cores[CORES])
{
    int found = 0;
    for (size_t i = 0; i < CPU_SETSIZE && found < CORES; i++)
        if (CPU_ISSET(i, allowed))
            cores[found++] = i;
    return found == CORES ? 0 : -1;
}

/* Which of the two a process belongs to, by itself or by its parent; -1: it is none of ours. */
static int place_of(const struct dev *dev, pid_t pid, pid_t parent)
{
    const pid_t record[] = {dev->postgres.pid, dev->supervisor.pid, getpid()};
    if (pid == dev->redis.pid)
        return CORE_TOKENS;
    for (uint32_t i = 0; i < dev->worker_count; i++)
        if (dev->workers[i].pid > 0 &&
            (pid == dev->workers[i].pid || parent == dev->workers[i].pid))
            return CORE_TOKENS;
    for (size_t i = 0; i < ARRAY_LEN(record); i++)
        if (record[i] > 0 && (pid == record[i] || (i == 0 && parent == record[i])))
            return CORE_RECORD;
    return -1;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const char *at = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (file)
        (void)fclose(file);
    /* ") S PARENT" */
    return at && strlen(at) > 4 ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

/* All threads of a process; one that has just ended is no failure. */
static int pin_threads(pid_t pid, const cpu_set_t *set, struct err *err)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    int result = 0;
    const struct dirent *entry;
    /* One thread. */
    /* cppcheck-suppress readdirCalled */
    while (result == 0 && threads && (entry = readdir(threads)) != NULL) {
        const pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0 && sched_setaffinity(thread, sizeof(*set), set) != 0 && errno != ESRCH)
            result = err_set(err, ERR_IO, "cannot pin process %d: %s", (int)pid, strerror(errno));
    }
    if (threads)
        (void)closedir(threads);
    return result;
}

/* Every process of ours and its children, which inherit it: Postgres makes one per connection. */
static int place_all(const struct bench *bench, const cpu_set_t sets[CORES], struct err *err)
{
    DIR *processes = opendir("/proc");
    if (!processes)
        return err_set(err, ERR_IO, "cannot look at processes: %s", strerror(errno));
    int result = 0;
    const struct dirent *entry;
    /* One thread. */
    /* cppcheck-suppress readdirCalled */
    while (result == 0 && (entry = readdir(processes)) != NULL) {
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        const int place = pid > 0 ? place_of(bench->dev, pid, parent_of(pid)) : -1;
        if (place >= 0)
            result = pin_threads(pid, &sets[place], err);
    }
    (void)closedir(processes);
    return result;
}

int bench_pin(const struct bench *bench, struct bench_pins *pins, struct err *err)
{
    cpu_set_t sets[CORES];
    size_t cores[CORES];
    *pins = (struct bench_pins){.tokens = -1, .record = -1};
    if (sched_getaffinity(0, sizeof(pins->before), &pins->before) != 0)
        return err_set(err, ERR_IO, "cannot ask for the cores: %s", strerror(errno));
    if (choose_cores(&pins->before, cores) != 0)
        return 0;
    for (int i = 0; i < CORES; i++) {
        CPU_ZERO(&sets[i]);
        CPU_SET(cores[i], &sets[i]);
    }
    pins->tokens = (int)cores[CORE_TOKENS];
    pins->record = (int)cores[CORE_RECORD];
    return place_all(bench, sets, err);
}

int bench_unpin(const struct bench *bench, const struct bench_pins *pins, struct err *err)
{
    if (pins->tokens < 0)
        return 0;
    const cpu_set_t sets[CORES] = {pins->before, pins->before};
    return place_all(bench, sets, err);
}
