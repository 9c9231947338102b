#include "cel/calendar.h"
#include <stdio.h>

#define SECONDS_PER_DAY 86400
#define FIRST_SECOND (-62135596800)
#define LAST_SECOND 253402300799

/* --- civil days --- */

static bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int cel_days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Days from 0000-01-01 to the first day of the year. */
static int64_t days_before_year(int64_t year)
{
    int64_t last = year - 1;
    return 365 * year + floor_div(last, 4) - floor_div(last, 100) + floor_div(last, 400) + 1;
}

#define DAYS_TO_1970 719528

int64_t cel_days_from_civil(int64_t year, int month, int day)
{
    int64_t days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++)
        days += cel_days_in_month(year, m);
    return days - DAYS_TO_1970;
}

struct cel_civil cel_civil_from_seconds(int64_t seconds)
{
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    int64_t second_of_day = seconds - days * SECONDS_PER_DAY;
    int64_t since_0000 = days + DAYS_TO_1970;
    int64_t year = floor_div(since_0000, 366); /* never too late */
    while (days_before_year(year + 1) <= since_0000)
        year += (since_0000 - days_before_year(year)) / 366 > 0
                    ? (since_0000 - days_before_year(year)) / 366
                    : 1;
    struct cel_civil civil = {.year = (int32_t)year, .month = 1};
    int64_t day_of_year = since_0000 - days_before_year(year);
    civil.day_of_year = (int32_t)day_of_year;
    while (day_of_year >= cel_days_in_month(year, civil.month))
        day_of_year -= cel_days_in_month(year, civil.month++);
    civil.day = (int32_t)day_of_year + 1;
    civil.weekday = (int32_t)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    civil.hour = (int32_t)(second_of_day / 3600);
    civil.minute = (int32_t)(second_of_day / 60 % 60);
    civil.second = (int32_t)(second_of_day % 60);
    return civil;
}

/* --- reading text --- */

struct reader {
    const char *at;
    const char *end;
};

static bool read_char(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool at_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* Exactly `count` digits. */
static bool read_field(struct reader *reader, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, reader->at++) {
        if (!at_digit(reader))
            return false;
        *value = *value * 10 + (*reader->at - '0');
    }
    return true;
}

/* The digits behind a point as nanoseconds; more than nine are cut. */
static bool read_fraction(struct reader *reader, int32_t *nanos)
{
    int32_t scale = CEL_NANOS_PER_SECOND;
    if (!at_digit(reader))
        return false;
    for (*nanos = 0; at_digit(reader); reader->at++) {
        scale /= 10;
        *nanos += scale * (*reader->at - '0');
    }
    return true;
}

/* --- timestamps --- */

bool cel_timestamp_make(int64_t seconds, int32_t nanos, struct cel_value *timestamp)
{
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
        return false;
    *timestamp = (struct cel_value){.kind = CEL_TIMESTAMP, .time = {seconds, nanos}};
    return true;
}

/* Z or +hh:mm or -hh:mm, to the end of the text. */
static bool read_offset(struct reader *reader, int64_t *seconds)
{
    int hours = 0;
    int minutes = 0;
    *seconds = 0;
    if (read_char(reader, 'Z'))
        return reader->at == reader->end;
    bool east = read_char(reader, '+');
    if (!east && !read_char(reader, '-'))
        return false;
    if (!read_field(reader, 2, &hours) || !read_char(reader, ':') ||
        !read_field(reader, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = (int64_t)(hours * 60 + minutes) * (east ? 60 : -60);
    return reader->at == reader->end;
}

bool cel_timestamp_parse(struct slice text, struct cel_value *timestamp)
{
    struct reader reader = {text.ptr, text.ptr + text.len};
    int year, month, day, hour, minute, second;
    int32_t nanos = 0;
    int64_t offset = 0;
    if (!read_field(&reader, 4, &year) || !read_char(&reader, '-') ||
        !read_field(&reader, 2, &month) || !read_char(&reader, '-') ||
        !read_field(&reader, 2, &day) || !read_char(&reader, 'T') ||
        !read_field(&reader, 2, &hour) || !read_char(&reader, ':') ||
        !read_field(&reader, 2, &minute) || !read_char(&reader, ':') ||
        !read_field(&reader, 2, &second))
        return false;
    if (read_char(&reader, '.') && !read_fraction(&reader, &nanos))
        return false;
    if (!read_offset(&reader, &offset) || month < 1 || month > 12 || day < 1 ||
        day > cel_days_in_month(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t days = cel_days_from_civil(year, month, day);
    return cel_timestamp_make(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset,
                              nanos, timestamp);
}

/* ".5" for 500000000; nothing for 0. Returns the length. */
static size_t write_fraction(int32_t nanos, char *out)
{
    char digits[16];
    if (nanos == 0)
        return 0;
    (void)snprintf(digits, sizeof(digits), ".%09d", nanos);
    size_t length = 10;
    while (digits[length - 1] == '0')
        length--;
    memcpy(out, digits, length);
    return length;
}

size_t cel_timestamp_write(const struct cel_value *timestamp, char out[CEL_TIME_TEXT_SIZE])
{
    struct cel_civil civil = cel_civil_from_seconds(timestamp->time.seconds);
    int length = snprintf(out, CEL_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year,
                          civil.month, civil.day, civil.hour, civil.minute, civil.second);
    size_t at = (size_t)length;
    at += write_fraction(timestamp->time.nanos, out + at);
    out[at++] = 'Z';
    return at;
}

/* --- durations --- */

struct cel_value cel_duration_from_nanos(int64_t nanos)
{
    return (struct cel_value){
        .kind = CEL_DURATION,
        .time = {nanos / CEL_NANOS_PER_SECOND, (int32_t)(nanos % CEL_NANOS_PER_SECOND)}};
}

int64_t cel_duration_nanos(const struct cel_value *duration)
{
    return duration->time.seconds * CEL_NANOS_PER_SECOND + duration->time.nanos;
}

/* A unit's nanoseconds; 0 when there is none. */
static int64_t read_unit(struct reader *reader)
{
    static const struct {
        const char *name;
        int64_t nanos;
    } units[] = {{"ns", 1},
                 {"us", 1000},
                 {"\xC2\xB5s", 1000},
                 {"\xCE\xBCs", 1000},
                 {"ms", 1000000},
                 {"s", CEL_NANOS_PER_SECOND},
                 {"m", 60LL * CEL_NANOS_PER_SECOND},
                 {"h", 3600LL * CEL_NANOS_PER_SECOND}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) { /* "ms" stands before "m" */
        size_t length = strlen(units[i].name);
        if ((size_t)(reader->end - reader->at) >= length &&
            memcmp(reader->at, units[i].name, length) == 0) {
            reader->at += length;
            return units[i].nanos;
        }
    }
    return 0;
}

/* One "1.5h" added to *total. */
static bool read_part(struct reader *reader, int64_t *total)
{
    int64_t whole = 0;
    int32_t billionths = 0;
    const char *start = reader->at;
    for (; at_digit(reader); reader->at++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *reader->at - '0', &whole))
            return false;
    bool has_digits = reader->at > start;
    if (read_char(reader, '.'))
        has_digits |= read_fraction(reader, &billionths);
    int64_t unit = has_digits ? read_unit(reader) : 0;
    if (unit == 0 || __builtin_mul_overflow(whole, unit, &whole))
        return false;
    /* Both factors in two steps, so that 3600e9 * 999999999e0 does not overflow. */
    int64_t fraction = unit / 1000 * billionths / (CEL_NANOS_PER_SECOND / 1000) +
                       unit % 1000 * billionths / CEL_NANOS_PER_SECOND;
    return !__builtin_add_overflow(*total, whole, total) &&
           !__builtin_add_overflow(*total, fraction, total);
}

bool cel_duration_parse(struct slice text, struct cel_value *duration)
{
    struct reader reader = {text.ptr, text.ptr + text.len};
    bool negative = read_char(&reader, '-');
    if (!negative)
        (void)read_char(&reader, '+');
    int64_t total = 0;
    bool zero = reader.end - reader.at == 1 && *reader.at == '0';
    if (reader.at == reader.end)
        return false;
    while (!zero && reader.at < reader.end)
        if (!read_part(&reader, &total))
            return false;
    *duration = cel_duration_from_nanos(negative ? -total : total);
    return true;
}

size_t cel_duration_write(const struct cel_value *duration, char out[CEL_TIME_TEXT_SIZE])
{
    int64_t seconds = duration->time.seconds;
    int32_t nanos = duration->time.nanos;
    bool negative = seconds < 0 || nanos < 0;
    int length = snprintf(out, CEL_TIME_TEXT_SIZE, "%s%lld", negative ? "-" : "",
                          (long long)(seconds < 0 ? -seconds : seconds));
    size_t at = (size_t)length;
    at += write_fraction(nanos < 0 ? -nanos : nanos, out + at);
    out[at++] = 's';
    return at;
}
