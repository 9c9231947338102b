/* times: arithmetic and parts of timestamps and durations. */
#include "cel/calendar.h"
#include "cel/evaluator.h"
#include "cel/library.h"
#include "cel/zone.h"

/* --- arithmetic --- */

static struct cel_value out_of_range(struct cel_evaluator *evaluator, const struct cel_ast *node)
{
    return cel_fail(evaluator, node, "'%.*s' leaves the range of times", SLICE_ARG(node->name));
}

static struct cel_value add_durations(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments, bool subtract)
{
    int64_t a = cel_duration_nanos(&arguments[0]);
    int64_t b = cel_duration_nanos(&arguments[1]);
    int64_t sum = 0;
    if (subtract ? __builtin_sub_overflow(a, b, &sum) : __builtin_add_overflow(a, b, &sum))
        return out_of_range(evaluator, node);
    return cel_duration_from_nanos(sum);
}

static struct cel_value shift(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *timestamp, const struct cel_value *duration,
                              int sign)
{
    int64_t seconds = timestamp->time.seconds + sign * duration->time.seconds;
    int32_t nanos = timestamp->time.nanos + sign * duration->time.nanos;
    if (nanos < 0) {
        nanos += CEL_NANOS_PER_SECOND;
        seconds--;
    } else if (nanos >= CEL_NANOS_PER_SECOND) {
        nanos -= CEL_NANOS_PER_SECOND;
        seconds++;
    }
    struct cel_value shifted;
    if (!cel_timestamp_make(seconds, nanos, &shifted))
        return out_of_range(evaluator, node);
    return shifted;
}

static struct cel_value between(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    int64_t nanos = 0;
    if (__builtin_mul_overflow(arguments[0].time.seconds - arguments[1].time.seconds,
                               CEL_NANOS_PER_SECOND, &nanos) ||
        __builtin_add_overflow(nanos, arguments[0].time.nanos - arguments[1].time.nanos, &nanos))
        return out_of_range(evaluator, node);
    return cel_duration_from_nanos(nanos);
}

struct cel_value cel_add_time(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments, bool subtract)
{
    enum cel_kind a = arguments[0].kind;
    enum cel_kind b = arguments[1].kind;
    if (a == CEL_DURATION && b == CEL_DURATION)
        return add_durations(evaluator, node, arguments, subtract);
    if (a == CEL_TIMESTAMP && b == CEL_DURATION)
        return shift(evaluator, node, &arguments[0], &arguments[1], subtract ? -1 : 1);
    if (a == CEL_DURATION && b == CEL_TIMESTAMP && !subtract)
        return shift(evaluator, node, &arguments[1], &arguments[0], 1);
    if (a == CEL_TIMESTAMP && b == CEL_TIMESTAMP && subtract)
        return between(evaluator, node, arguments);
    return cel_fail_overload(evaluator, node, arguments);
}

/* --- parts --- */

/* The zone of the second argument: loaded with the program when constant, else now. */
static struct cel_value in_zone(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments, struct cel_civil *civil)
{
    const struct cel_zone *zone = node->cached;
    int64_t seconds = arguments[0].time.seconds;
    if (!zone && node->argument_count == 2) {
        if (arguments[1].kind != CEL_STRING)
            return cel_fail_overload(evaluator, node, arguments);
        cel_charge(evaluator, 1000); /* a file is read */
        switch (cel_zone_load(evaluator->arena, arguments[1].text, &zone)) {
        case CEL_ZONE_NO_MEMORY:
            return cel_fail_memory(evaluator);
        case CEL_ZONE_UNKNOWN:
            return cel_fail(evaluator, node, "unknown time zone");
        case CEL_ZONE_OK:
            break;
        }
    }
    *civil = cel_civil_from_seconds(seconds + (zone ? cel_zone_offset(zone, seconds) : 0));
    return cel_null();
}

enum part {
    YEAR,
    MONTH,
    DATE,
    DAY_OF_MONTH,
    WEEKDAY,
    DAY_OF_YEAR,
    HOURS,
    MINUTES,
    SECONDS,
    MILLIS
};

static int64_t civil_part(const struct cel_civil *civil, enum part part, int32_t nanos)
{
    switch (part) {
    case YEAR:
        return civil->year;
    case MONTH:
        return civil->month - 1;
    case DATE:
        return civil->day;
    case DAY_OF_MONTH:
        return civil->day - 1;
    case WEEKDAY:
        return civil->weekday;
    case DAY_OF_YEAR:
        return civil->day_of_year;
    case HOURS:
        return civil->hour;
    case MINUTES:
        return civil->minute;
    case SECONDS:
        return civil->second;
    case MILLIS:
        return nanos / 1000000;
    }
    return 0;
}

/* Durations: the whole of it in that unit, but milliseconds only the rest behind the seconds. */
static bool duration_part(const struct cel_value *duration, enum part part, int64_t *value)
{
    int64_t seconds = duration->time.seconds;
    if (part == HOURS)
        *value = seconds / 3600;
    else if (part == MINUTES)
        *value = seconds / 60;
    else if (part == SECONDS)
        *value = seconds;
    else if (part == MILLIS)
        *value = duration->time.nanos / 1000000;
    else
        return false;
    return true;
}

static struct cel_value get(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments, enum part part)
{
    int64_t value = 0;
    if (arguments[0].kind == CEL_DURATION && node->argument_count == 1 &&
        duration_part(&arguments[0], part, &value))
        return cel_int(value);
    if (arguments[0].kind != CEL_TIMESTAMP)
        return cel_fail_overload(evaluator, node, arguments);
    struct cel_civil civil = {0};
    struct cel_value problem = in_zone(evaluator, node, arguments, &civil);
    if (cel_failed(&problem))
        return problem;
    return cel_int(civil_part(&civil, part, arguments[0].time.nanos));
}

#define GETTER(name, part)                                                                         \
    struct cel_value name(struct cel_evaluator *evaluator, const struct cel_ast *node,             \
                          const struct cel_value *arguments)                                       \
    {                                                                                              \
        return get(evaluator, node, arguments, part);                                              \
    }

GETTER(cel_get_full_year, YEAR)
GETTER(cel_get_month, MONTH)
GETTER(cel_get_date, DATE)
GETTER(cel_get_day_of_month, DAY_OF_MONTH)
GETTER(cel_get_day_of_week, WEEKDAY)
GETTER(cel_get_day_of_year, DAY_OF_YEAR)
GETTER(cel_get_hours, HOURS)
GETTER(cel_get_minutes, MINUTES)
GETTER(cel_get_seconds, SECONDS)
GETTER(cel_get_milliseconds, MILLIS)
