#include "cel/zone.h"
#include "cel/calendar.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (256u * 1024u)
#define MAX_NAME_BYTES 64u

/* When, in each year, summer time begins or ends: the m-th month's w-th weekday d (week 5: the last),
 * or day n of the year, with or without counting February 29. */
struct rule {
    enum { BY_WEEKDAY, BY_DAY, BY_DAY_WITHOUT_LEAP } kind;
    int month, week, day;
    int64_t time; /* seconds of the local day */
};

struct cel_zone {
    const unsigned char *times; /* big-endian, 8 bytes each */
    const unsigned char *types; /* one byte each: index into offsets */
    const unsigned char *infos; /* 6 bytes each: offset, is summer, name */
    uint32_t time_count;
    uint32_t type_count;
    bool has_rule; /* what holds behind the last transition; else its type goes on */
    bool has_summer;
    int64_t standard, summer; /* seconds east */
    struct rule start, end;
};

/* --- the file --- */

static uint64_t big_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

struct counts {
    uint64_t utc, standard, leaps, times, types, chars;
};

#define HEADER_BYTES 44u

static bool read_header(const unsigned char *data, size_t size, struct counts *counts)
{
    if (size < HEADER_BYTES || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return false;
    counts->utc = big_endian(data + 20, 4);
    counts->standard = big_endian(data + 24, 4);
    counts->leaps = big_endian(data + 28, 4);
    counts->times = big_endian(data + 32, 4);
    counts->types = big_endian(data + 36, 4);
    counts->chars = big_endian(data + 40, 4);
    return true;
}

static uint64_t body_bytes(const struct counts *counts, uint64_t time_bytes)
{
    return counts->times * (time_bytes + 1) + counts->types * 6 + counts->chars +
           counts->leaps * (time_bytes + 4) + counts->standard + counts->utc;
}

/* --- the rule behind the data, as in POSIX TZ: CET-1CEST,M3.5.0,M10.5.0/3 --- */

static bool skip_name(const char **at)
{
    const char *start = *at;
    if (**at == '<') {
        while (**at && **at != '>')
            (*at)++;
        if (**at != '>')
            return false;
        (*at)++;
        return true;
    }
    while ((**at >= 'a' && **at <= 'z') || (**at >= 'A' && **at <= 'Z'))
        (*at)++;
    return *at - start >= 3;
}

static bool read_number(const char **at, int most, int *value)
{
    if (**at < '0' || **at > '9')
        return false;
    for (*value = 0; **at >= '0' && **at <= '9' && *value <= most; (*at)++)
        *value = *value * 10 + (**at - '0');
    return *value <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int64_t *seconds)
{
    int parts[3] = {0, 0, 0};
    bool negative = **at == '-';
    if (**at == '-' || **at == '+')
        (*at)++;
    if (!read_number(at, 167, &parts[0]))
        return false;
    for (int i = 1; i < 3 && **at == ':'; i++) {
        (*at)++;
        if (!read_number(at, 59, &parts[i]))
            return false;
    }
    *seconds = (int64_t)parts[0] * 3600 + parts[1] * 60 + parts[2];
    if (negative)
        *seconds = -*seconds;
    return true;
}

static bool read_rule(const char **at, struct rule *rule)
{
    *rule = (struct rule){.kind = BY_DAY, .time = 7200};
    if (*(*at)++ != ',')
        return false;
    if (**at == 'M') {
        rule->kind = BY_WEEKDAY;
        (*at)++;
        if (!read_number(at, 12, &rule->month) || *(*at)++ != '.' ||
            !read_number(at, 5, &rule->week) || *(*at)++ != '.' ||
            !read_number(at, 6, &rule->day) || rule->month < 1 || rule->week < 1)
            return false;
    } else {
        if (**at == 'J') {
            rule->kind = BY_DAY_WITHOUT_LEAP;
            (*at)++;
        }
        if (!read_number(at, 365, &rule->day))
            return false;
    }
    if (**at != '/')
        return true;
    (*at)++;
    return read_time(at, &rule->time);
}

static bool read_rules(struct cel_zone *zone, const char *at)
{
    if (!skip_name(&at) || !read_time(&at, &zone->standard))
        return false;
    zone->standard = -zone->standard; /* POSIX counts west */
    zone->has_rule = true;
    if (*at == '\0')
        return true;
    zone->summer = zone->standard + 3600;
    if (!skip_name(&at))
        return false;
    if (*at != ',') {
        if (!read_time(&at, &zone->summer))
            return false;
        zone->summer = -zone->summer;
    }
    zone->has_summer = true;
    return read_rule(&at, &zone->start) && read_rule(&at, &zone->end) && *at == '\0';
}

/* Local seconds since 1970 at which the rule fires in that year. */
static int64_t rule_seconds(const struct rule *rule, int64_t year)
{
    int64_t days = cel_days_from_civil(year, 1, 1);
    if (rule->kind == BY_DAY) {
        days += rule->day;
    } else if (rule->kind == BY_DAY_WITHOUT_LEAP) {
        bool leap = cel_days_in_month(year, 2) == 29;
        days += rule->day - 1 + (leap && rule->day >= 60);
    } else {
        days = cel_days_from_civil(year, rule->month, 1);
        int weekday = cel_civil_from_seconds(days * 86400).weekday;
        int day = (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
        while (day >= cel_days_in_month(year, rule->month))
            day -= 7;
        days += day;
    }
    return days * 86400 + rule->time;
}

static int64_t offset_by_rule(const struct cel_zone *zone, int64_t seconds)
{
    if (!zone->has_summer)
        return zone->standard;
    int64_t year = cel_civil_from_seconds(seconds + zone->standard).year;
    int64_t start = rule_seconds(&zone->start, year) - zone->standard;
    int64_t end = rule_seconds(&zone->end, year) - zone->summer;
    bool summer = start < end ? seconds >= start && seconds < end
                              : seconds >= start || seconds < end; /* southern hemisphere */
    return summer ? zone->summer : zone->standard;
}

/* --- loading --- */

static bool read_zone(struct cel_zone *zone, const unsigned char *data, size_t size)
{
    struct counts counts;
    if (!read_header(data, size, &counts))
        return false;
    uint64_t skip = HEADER_BYTES + body_bytes(&counts, 4); /* the 32-bit part for old readers */
    if (skip > size || !read_header(data + skip, size - skip, &counts))
        return false;
    uint64_t at = skip + HEADER_BYTES;
    uint64_t behind = at + body_bytes(&counts, 8);
    if (behind >= size || data[behind] != '\n' || counts.types == 0)
        return false;
    zone->time_count = (uint32_t)counts.times;
    zone->type_count = (uint32_t)counts.types;
    zone->times = data + at;
    zone->types = zone->times + counts.times * 8;
    zone->infos = zone->types + counts.times;
    for (uint32_t i = 0; i < zone->time_count; i++)
        if (zone->types[i] >= zone->type_count)
            return false;
    char rule[128];
    const char *line = (const char *)data + behind + 1;
    const char *end = memchr(line, '\n', size - behind - 1);
    if (!end || (size_t)(end - line) >= sizeof(rule))
        return false;
    memcpy(rule, line, (size_t)(end - line));
    rule[end - line] = '\0';
    return rule[0] == '\0' || read_rules(zone, rule);
}

/* The whole file into the arena. */
static enum cel_zone_status read_file(struct arena *arena, const char *path,
                                      const unsigned char **data, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return CEL_ZONE_UNKNOWN;
    struct stat stat;
    enum cel_zone_status status = CEL_ZONE_UNKNOWN;
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0 &&
        stat.st_size <= MAX_FILE_BYTES) {
        *size = (size_t)stat.st_size;
        unsigned char *bytes = arena_alloc(arena, *size);
        *data = bytes;
        status = CEL_ZONE_NO_MEMORY;
        if (bytes)
            status = read(fd, bytes, *size) == (ssize_t)*size ? CEL_ZONE_OK : CEL_ZONE_UNKNOWN;
    }
    (void)close(fd); /* only read: nothing can be lost */
    return status;
}

/* Letters, digits and "_+-/" only, so that the name stays inside the directory. */
static bool good_name(struct slice name)
{
    if (name.len == 0 || name.len > MAX_NAME_BYTES || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c && strchr("_+-/", c)))
            return false;
    }
    return true;
}

/* [+-]hh:mm */
static bool fixed_offset(struct slice name, int64_t *seconds)
{
    bool sign = name.len > 0 && (name.ptr[0] == '+' || name.ptr[0] == '-');
    const char *at = name.ptr + sign;
    if (name.len - sign != 5 || at[2] != ':')
        return false;
    for (int i = 0; i < 5; i++)
        if (i != 2 && (at[i] < '0' || at[i] > '9'))
            return false;
    int hours = (at[0] - '0') * 10 + at[1] - '0';
    int minutes = (at[3] - '0') * 10 + at[4] - '0';
    *seconds = (int64_t)(hours * 60 + minutes) * (name.ptr[0] == '-' ? -60 : 60);
    return hours <= 23 && minutes <= 59;
}

enum cel_zone_status cel_zone_load(struct arena *arena, struct slice name,
                                   const struct cel_zone **zone)
{
    struct cel_zone *loaded = arena_zalloc(arena, sizeof(*loaded));
    if (!loaded)
        return CEL_ZONE_NO_MEMORY;
    *zone = loaded;
    loaded->has_rule = true;
    if (slice_eq_str(name, "UTC") || slice_eq_str(name, "Z") ||
        fixed_offset(name, &loaded->standard))
        return CEL_ZONE_OK;
    loaded->has_rule = false;
    if (!good_name(name))
        return CEL_ZONE_UNKNOWN;
    char path[sizeof(TROUPE_ZONEINFO_DIR) + 1 + MAX_NAME_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%.*s", TROUPE_ZONEINFO_DIR, SLICE_ARG(name));
    const unsigned char *data = NULL;
    size_t size = 0;
    enum cel_zone_status status = read_file(arena, path, &data, &size);
    if (status == CEL_ZONE_OK && !read_zone(loaded, data, size))
        return CEL_ZONE_UNKNOWN;
    return status;
}

int64_t cel_zone_offset(const struct cel_zone *zone, int64_t seconds)
{
    /* The number of transitions at or before that time. */
    uint32_t low = 0;
    uint32_t high = zone->time_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((int64_t)big_endian(zone->times + (size_t)middle * 8, 8) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->time_count && zone->has_rule)
        return offset_by_rule(zone, seconds);
    uint32_t type = low == 0 ? 0 : zone->types[low - 1];
    return (int32_t)(uint32_t)big_endian(zone->infos + (size_t)type * 6, 4);
}
