/* bench_cpu: processor time of each part, which a busy machine changes less than the rate. */
#include "bench.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const bench_cpu_names[BENCH_CPU_PARTS] = {"redis", "workers", "supervisor", "postgres"};

enum { FIELD_PARENT = 4, FIELD_UTIME = 14, FIELD_CSTIME = 17 };

/* Ticks of a process and of those of its children that have ended. */
static double ticks_of(pid_t pid, pid_t *parent)
{
    char path[64], line[1024];
    double ticks = 0;
    *parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const char *at = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (file)
        (void)fclose(file);
    /* Fields are separated by a blank; ")" ends the second. */
    for (int field = 3; at && (at = strchr(at, ' ')) != NULL && field <= FIELD_CSTIME; field++) {
        at++;
        if (field == FIELD_PARENT)
            *parent = (pid_t)strtol(at, NULL, 10);
        else if (field >= FIELD_UTIME)
            ticks += (double)strtol(at, NULL, 10);
    }
    return ticks;
}

void bench_cpu(const struct bench *bench, double seconds[BENCH_CPU_PARTS])
{
    const struct dev *dev = bench->dev;
    const double per_second = (double)sysconf(_SC_CLK_TCK);
    DIR *processes = opendir("/proc");
    memset(seconds, 0, BENCH_CPU_PARTS * sizeof(*seconds));
    const struct dirent *entry;
    /* One thread. */
    /* cppcheck-suppress readdirCalled */
    while (processes && (entry = readdir(processes)) != NULL) {
        pid_t parent;
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        const double used = pid > 0 ? ticks_of(pid, &parent) / per_second : 0;
        if (pid <= 0)
            continue;
        if (pid == dev->redis.pid || parent == dev->redis.pid)
            seconds[0] += used;
        for (uint32_t i = 0; i < dev->worker_count; i++)
            if (pid == dev->workers[i].pid)
                seconds[1] += used;
        if (pid == dev->supervisor.pid)
            seconds[2] += used;
        if (pid == dev->postgres.pid || parent == dev->postgres.pid)
            seconds[3] += used;
    }
    if (processes)
        (void)closedir(processes);
}
