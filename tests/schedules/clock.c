/* clock: the schedule's time, for this process, Redis and Postgres. */
#include "sim.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RUNAWAY_US = 1000000 };

static int64_t *shared_us;

static int64_t real_us(void)
{
    struct timespec now;
    (void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void clock_open(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        violated("no clock at %s", path);
    (void)close(fd);
    shared_us = map;
}

int64_t clock_now_us(void)
{
    struct actor *self = actor_self();
    if (!shared_us)
        return real_us();
    /* Who is dead shall not wait for anything. */
    if (self && self->dying)
        self->runaway_us += RUNAWAY_US;
    return *shared_us + (self ? self->runaway_us : 0);
}

void clock_set(int64_t unix_us) { *shared_us = unix_us; }
void clock_advance(int64_t us) { *shared_us += us; }

/* libevent asks here too: its timers follow. */
int clock_gettime(clockid_t id, struct timespec *now)
{
    const int64_t now_us = clock_now_us();
    (void)id;
    now->tv_sec = now_us / 1000000;
    now->tv_nsec = now_us % 1000000 * 1000;
    return 0;
}
