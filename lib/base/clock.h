/* clock: time, injectable.
 *
 * Monotonic time for waiting and deadlines, wall-clock time for records only. Both go through a
 * struct clock so that tests can drive them.
 */
#ifndef TROUPE_BASE_CLOCK_H
#define TROUPE_BASE_CLOCK_H

#include "base/buf.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t (*mono_us)(void *context); /* microseconds since an arbitrary start */
    int64_t (*wall_us)(void *context); /* microseconds since 1970-01-01 UTC */
    void *context;
};

extern const struct clock clock_system;

static inline int64_t clock_mono_us(const struct clock *clock)
{
    return clock->mono_us(clock->context);
}
static inline int64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->context);
}

/* "2026-01-31T12:34:56.123456Z": UTC, always six digits. Years 1 to 9999. */
void clock_write_rfc3339(struct buf *buf, int64_t wall_us);
/* RFC 3339 with any offset and up to nine digits (cut to microseconds); false when it is none. */
bool clock_parse_rfc3339(struct slice text, int64_t *wall_us);

#endif
