/* clock: the system's clocks, and RFC 3339. */
#include "base/clock.h"
#include <stdio.h>
#include <time.h>

#define US_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    /* Cannot fail: both clocks exist on Linux and the pointer is good. */
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static int64_t system_mono_us(void *context UNUSED) { return read_clock(CLOCK_MONOTONIC); }

static int64_t system_wall_us(void *context UNUSED) { return read_clock(CLOCK_REALTIME); }

const struct clock clock_system = {system_mono_us, system_wall_us, NULL};

struct date {
    int year, month, day; /* month and day from 1 */
};

static bool leap_year(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && leap_year(year) ? 29 : days[month - 1];
}

/* Days from 0001-01-01 to the first of January of a year from 1. */
static int64_t days_before_year(int year)
{
    int64_t past = year - 1;
    return past * 365 + past / 4 - past / 100 + past / 400;
}

#define DAYS_TO_1970 INT64_C(719162)

static int64_t days_from_date(struct date date)
{
    int64_t days = days_before_year(date.year) - DAYS_TO_1970 + date.day - 1;
    for (int month = 1; month < date.month; month++)
        days += month_days(date.year, month);
    return days;
}

/* days since 1970-01-01, within the years 1 to 9999 */
static struct date date_from_days(int64_t days)
{
    int64_t since_one = days + DAYS_TO_1970;
    struct date date = {.year = (int)(since_one / 366) + 1, .month = 1};
    /* At most a few years too early: 366 days a year is nearly right. */
    while (days_before_year(date.year + 1) <= since_one)
        date.year++;
    int day = (int)(since_one - days_before_year(date.year));
    while (day >= month_days(date.year, date.month))
        day -= month_days(date.year, date.month++);
    date.day = day + 1;
    return date;
}

/* 0001-01-01T00:00:00Z, and the second behind year 9999 */
#define FIRST_SECOND (-DAYS_TO_1970 * SECONDS_PER_DAY)
#define BEHIND_LAST_SECOND INT64_C(253402300800)

static int64_t floor_div(int64_t value, int64_t by) { return value / by - (value % by < 0); }

/* `count` digits, zeros before them. */
static void put_number(char *at, int value, int count)
{
    for (; count > 0; value /= 10)
        at[--count] = (char)('0' + value % 10);
}

void clock_write_rfc3339(struct buf *buf, int64_t wall_us)
{
    int64_t seconds = floor_div(wall_us, US_PER_SECOND);
    if (seconds < FIRST_SECOND || seconds >= BEHIND_LAST_SECOND) {
        buf->failed = true; /* there is no such text */
        return;
    }
    int micros = (int)(wall_us - seconds * US_PER_SECOND);
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    int second = (int)(seconds - days * SECONDS_PER_DAY);
    struct date date = date_from_days(days);
    char text[] = "0000-00-00T00:00:00.000000Z";
    put_number(text, date.year, 4);
    put_number(text + 5, date.month, 2);
    put_number(text + 8, date.day, 2);
    put_number(text + 11, second / 3600, 2);
    put_number(text + 14, second / 60 % 60, 2);
    put_number(text + 17, second % 60, 2);
    put_number(text + 20, micros, 6);
    buf_append(buf, text, sizeof(text) - 1);
}

/* Takes `count` digits off the front; false when there are fewer. */
static bool take_number(struct slice *text, int count, int *number)
{
    *number = 0;
    if (text->len < (size_t)count)
        return false;
    for (int i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        *number = *number * 10 + (text->ptr[i] - '0');
    }
    *text = slice_of(text->ptr + count, text->len - (size_t)count);
    return true;
}

static bool take_char(struct slice *text, char upper, char lower)
{
    if (text->len == 0 || (text->ptr[0] != upper && text->ptr[0] != lower))
        return false;
    *text = slice_of(text->ptr + 1, text->len - 1);
    return true;
}

/* ".1" to ".123456789", or nothing; cut to microseconds. */
static bool take_fraction(struct slice *text, int *micros)
{
    *micros = 0;
    if (!take_char(text, '.', '.'))
        return true;
    int digits = 0;
    for (int digit; take_number(text, 1, &digit); digits++) {
        if (digits < 6)
            *micros = *micros * 10 + digit;
    }
    for (int i = digits; i < 6; i++)
        *micros *= 10;
    return digits >= 1 && digits <= 9;
}

/* "Z" or "+01:30", as seconds east of UTC. */
static bool take_offset(struct slice *text, int *seconds)
{
    *seconds = 0;
    if (take_char(text, 'Z', 'z'))
        return true;
    bool west = take_char(text, '-', '-');
    int hours, minutes;
    if ((!west && !take_char(text, '+', '+')) || !take_number(text, 2, &hours) ||
        !take_char(text, ':', ':') || !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool clock_parse_rfc3339(struct slice text, int64_t *wall_us)
{
    struct date date;
    int hour, minute, second, micros, offset;
    if (!take_number(&text, 4, &date.year) || !take_char(&text, '-', '-') ||
        !take_number(&text, 2, &date.month) || !take_char(&text, '-', '-') ||
        !take_number(&text, 2, &date.day) || !take_char(&text, 'T', 't') ||
        !take_number(&text, 2, &hour) || !take_char(&text, ':', ':') ||
        !take_number(&text, 2, &minute) || !take_char(&text, ':', ':') ||
        !take_number(&text, 2, &second) || !take_fraction(&text, &micros) ||
        !take_offset(&text, &offset) || text.len != 0)
        return false;
    if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > month_days(date.year, date.month) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t seconds =
        days_from_date(date) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    /* A leap second stands at the end of a UTC day; as in POSIX time it is the second behind. */
    if (second == 60 && seconds % SECONDS_PER_DAY != 0)
        return false;
    if (seconds < FIRST_SECOND || seconds >= BEHIND_LAST_SECOND)
        return false;
    *wall_us = seconds * US_PER_SECOND + micros;
    return true;
}
