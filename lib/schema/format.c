/* Dates by RFC 3339, addresses by RFC 5321 (ASCII, no comments, a domain by its name), URIs by RFC 3986
 * (absolute), UUIDs by RFC 4122 (any version). */
#include "schema/format.h"
#include "base/attr.h"
#include <stdint.h>

struct reader {
    const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

static bool take(struct reader *r, const char *set)
{
    if (r->at == r->end || !is_one_of(*r->at, set))
        return false;
    r->at++;
    return true;
}

/* Exactly so many digits, not above `most`. */
static bool number(struct reader *r, unsigned digits, unsigned most, unsigned *value)
{
    *value = 0;
    for (; digits > 0; digits--) {
        if (r->at == r->end || !is_digit(*r->at))
            return false;
        *value = *value * 10 + (unsigned)(*r->at++ - '0');
    }
    return *value <= most;
}

/* --- date-time --- */

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool date_time(struct slice text)
{
    struct reader r = {text.ptr, text.ptr + text.len};
    unsigned year, month, day, hour, minute, second, offset_hour = 0, offset_minute = 0;
    if (!number(&r, 4, 9999, &year) || !take(&r, "-") || !number(&r, 2, 12, &month) || month == 0 ||
        !take(&r, "-") || !number(&r, 2, 31, &day) || day == 0 || day > days_of(year, month))
        return false;
    if (!take(&r, "Tt") || !number(&r, 2, 23, &hour) || !take(&r, ":") ||
        !number(&r, 2, 59, &minute) || !take(&r, ":") || !number(&r, 2, 60, &second))
        return false;
    if (take(&r, ".")) {
        const char *from = r.at;
        while (r.at < r.end && is_digit(*r.at))
            r.at++;
        if (r.at == from)
            return false;
    }
    const bool east = r.at < r.end && *r.at == '+';
    if (!take(&r, "Zz") && (!take(&r, "+-") || !number(&r, 2, 23, &offset_hour) || !take(&r, ":") ||
                            !number(&r, 2, 59, &offset_minute)))
        return false;
    /* A leap second is the last of a day of UTC. */
    const unsigned local = hour * 60 + minute, offset = offset_hour * 60 + offset_minute;
    const unsigned utc = (local + (east ? 1440 - offset : offset)) % 1440;
    return r.at == r.end && (second < 60 || utc == 1439);
}

/* --- email --- */

static bool quoted_local(struct slice local)
{
    for (size_t i = 1; i + 1 < local.len; i++) {
        const char c = local.ptr[i];
        if (c == '\\' && i + 2 < local.len)
            i++;
        else if (c == '\\' || c == '"')
            return false;
        if (local.ptr[i] < 0x20 || local.ptr[i] > 0x7E)
            return false;
    }
    return true;
}

static bool local_part(struct slice local)
{
    if (local.len == 0 || local.len > 64)
        return false;
    if (local.len >= 2 && local.ptr[0] == '"' && local.ptr[local.len - 1] == '"')
        return quoted_local(local);
    for (size_t i = 0; i < local.len; i++) {
        const char c = local.ptr[i];
        const bool dot = c == '.' && i > 0 && i + 1 < local.len && local.ptr[i - 1] != '.';
        if (!dot && !is_letter(c) && !is_digit(c) && !is_one_of(c, "!#$%&'*+-/=?^_`{|}~"))
            return false;
    }
    return true;
}

static bool domain(struct slice name)
{
    size_t label = 0;
    if (name.len == 0 || name.len > 253)
        return false;
    for (size_t i = 0; i <= name.len; i++) {
        const char c = i < name.len ? name.ptr[i] : '.';
        if (c == '.') {
            if (label == 0 || name.ptr[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!is_letter(c) && !is_digit(c) && !(c == '-' && label > 0))
            return false;
        if (++label > 63)
            return false;
    }
    return true;
}

static bool email(struct slice text)
{
    const char *at = memrchr(text.ptr, '@', text.len);
    if (!at)
        return false;
    const size_t before = (size_t)(at - text.ptr);
    return local_part(slice_of(text.ptr, before)) &&
           domain(slice_of(at + 1, text.len - before - 1));
}

/* --- uri --- */

/* Only what may stand in a URI, `more` aside; a % is followed by two digits. */
static bool uri_chars(const char *at, const char *end, const char *more)
{
    for (; at < end; at++) {
        if (*at == '%') {
            if (end - at < 3 || !is_hex(at[1]) || !is_hex(at[2]))
                return false;
            at += 2;
        } else if (!is_letter(*at) && !is_digit(*at) && !is_one_of(*at, "-._~!$&'()*+,;=:@") &&
                   !is_one_of(*at, more))
            return false;
    }
    return true;
}

/* Between brackets: an IPv6 address, or "v1.…". */
static bool literal_host(const char *at, const char *end)
{
    unsigned colons = 0;
    if (at < end && (*at == 'v' || *at == 'V')) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        if (!dot || dot == at + 1 || dot + 1 == end)
            return false;
        for (const char *c = at + 1; c < dot; c++)
            if (!is_hex(*c))
                return false;
        return uri_chars(dot + 1, end, "") && !memchr(dot, '%', (size_t)(end - dot));
    }
    for (; at < end; at++) {
        colons += *at == ':';
        if (!is_hex(*at) && *at != ':' && *at != '.')
            return false;
    }
    return colons >= 2 && colons <= 7;
}

static bool authority(const char *at, const char *end)
{
    const char *user = memrchr(at, '@', (size_t)(end - at));
    if (user && (!uri_chars(at, user, "") || memchr(at, '@', (size_t)(user - at))))
        return false;
    at = user ? user + 1 : at;
    const char *port;
    if (at < end && *at == '[') {
        const char *close = memchr(at, ']', (size_t)(end - at));
        if (!close || !literal_host(at + 1, close))
            return false;
        port = close + 1;
        if (port < end && *port != ':')
            return false;
    } else {
        port = memchr(at, ':', (size_t)(end - at));
        port = port ? port : end;
        if (!uri_chars(at, port, ""))
            return false;
    }
    for (port += port < end; port < end; port++)
        if (!is_digit(*port))
            return false;
    return true;
}

/* Where one of the set is found first, or the end. */
static const char *find(const char *at, const char *end, const char *set)
{
    while (at < end && !is_one_of(*at, set))
        at++;
    return at;
}

static bool uri(struct slice text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    const char *scheme = find(at, end, ":");
    if (scheme == end || !is_letter(*at))
        return false;
    for (; at < scheme; at++)
        if (!is_letter(*at) && !is_digit(*at) && !is_one_of(*at, "+-."))
            return false;
    at = scheme + 1;
    if (end - at >= 2 && at[0] == '/' && at[1] == '/') {
        const char *behind = find(at + 2, end, "/?#");
        if (!authority(at + 2, behind))
            return false;
        at = behind;
    }
    const char *query = find(at, end, "?#"), *fragment = find(query, end, "#");
    return uri_chars(at, query, "/") && uri_chars(query, fragment, "/?") &&
           (fragment == end || uri_chars(fragment + 1, end, "/?"));
}

/* --- uuid --- */

static bool uuid(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !is_hex(text.ptr[i]))
            return false;
    }
    return text.len == 36;
}

static const struct schema_format formats[] = {
    {"date-time", "a date and time, as in 2026-01-31T12:00:00Z", date_time},
    {"email", "an email address", email},
    {"uri", "a URI with its scheme, as in https://example.org/a", uri},
    {"uuid", "a UUID", uuid},
};

const struct schema_format *schema_format_find(struct slice name, struct suggest *suggest)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (slice_eq_str(name, formats[i].name))
            return &formats[i];
        suggest_offer(suggest, slice_str(formats[i].name));
    }
    return NULL;
}
