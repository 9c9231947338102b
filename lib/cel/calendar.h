/* calendar: timestamps and durations as text, and the civil calendar. Internal to lib/cel.
 *
 * Timestamps lie between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z; their nanos are
 * 0 to 999999999. Durations are whole nanoseconds that fit 64 bits (about 292 years either way);
 * seconds and nanos have the same sign.
 */
#ifndef TROUPE_CEL_CALENDAR_H
#define TROUPE_CEL_CALENDAR_H

#include "cel/cel.h"

#define CEL_NANOS_PER_SECOND 1000000000
#define CEL_TIME_TEXT_SIZE 48

struct cel_civil {
    int32_t year;
    int32_t month;       /* 1 to 12 */
    int32_t day;         /* 1 to 31 */
    int32_t weekday;     /* 0 Sunday */
    int32_t day_of_year; /* from 0 */
    int32_t hour, minute, second;
};

/* Proleptic Gregorian; days since 1970-01-01. */
int64_t cel_days_from_civil(int64_t year, int month, int day);
struct cel_civil cel_civil_from_seconds(int64_t seconds);
int cel_days_in_month(int64_t year, int month);

/* False when out of range. */
bool cel_timestamp_make(int64_t seconds, int32_t nanos, struct cel_value *timestamp);
bool cel_timestamp_parse(struct slice text, struct cel_value *timestamp); /* RFC 3339 */
size_t cel_timestamp_write(const struct cel_value *timestamp, char out[CEL_TIME_TEXT_SIZE]);

struct cel_value cel_duration_from_nanos(int64_t nanos);
int64_t cel_duration_nanos(const struct cel_value *duration);
/* "1h30m", "-1.5s", "20ms", "0"; units h m s ms us µs ns. */
bool cel_duration_parse(struct slice text, struct cel_value *duration);
size_t cel_duration_write(const struct cel_value *duration, char out[CEL_TIME_TEXT_SIZE]);

#endif
