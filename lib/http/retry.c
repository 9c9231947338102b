/* retry: statuses, back-off, Retry-After. */
#include "http/retry.h"
#include "http/curl.h"
#include <string.h>

static void add_range(struct http_statuses *statuses, int first, int last)
{
    for (int status = first < 100 ? 100 : first; status <= last && status <= 599; status++)
        statuses->bits[status / 64] |= 1ULL << status % 64;
}

bool http_statuses_has(const struct http_statuses *statuses, int status)
{
    return status >= 100 && status <= 599 && (statuses->bits[status / 64] >> status % 64 & 1) != 0;
}

struct http_statuses http_statuses_success(void)
{
    struct http_statuses statuses = {0};
    add_range(&statuses, 200, 299);
    return statuses;
}

struct http_statuses http_statuses_retried(void)
{
    static const int retried[] = {408, 425, 429, 500, 502, 503, 504};
    struct http_statuses statuses = {0};
    for (size_t i = 0; i < ARRAY_LEN(retried); i++)
        add_range(&statuses, retried[i], retried[i]);
    return statuses;
}

/* Three digits, of which the last two may be "xx"; 0 when it is none. */
static int number_of(const char *text, bool *class)
{
    if (text[0] < '1' || text[0] > '5')
        return 0;
    *class = (text[1] == 'x' || text[1] == 'X') && (text[2] == 'x' || text[2] == 'X');
    if (*class)
        return (text[0] - '0') * 100;
    if (text[1] < '0' || text[1] > '9' || text[2] < '0' || text[2] > '9')
        return 0;
    return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

static bool add_text(struct http_statuses *statuses, struct slice text)
{
    bool class = false, last_class = false;
    if (text.len != 3 && !(text.len == 7 && text.ptr[3] == '-'))
        return false;
    int first = number_of(text.ptr, &class);
    int last = text.len == 7 ? number_of(text.ptr + 4, &last_class) : class ? first + 99 : first;
    if (first == 0 || last < first || last_class || (class && text.len == 7))
        return false;
    add_range(statuses, first, last);
    return true;
}

static int add_value(struct http_statuses *statuses, struct json_ref value, struct err *err)
{
    int64_t number;
    struct slice text = json_text(value);
    if (json_type(value) == JSON_NUMBER && json_int(value, &number) && number >= 100 &&
        number <= 599) {
        add_range(statuses, (int)number, (int)number);
        return 0;
    }
    if (json_type(value) == JSON_STRING && add_text(statuses, slice_of(text.ptr + 1, text.len - 2)))
        return 0;
    return err_set(err, ERR_INVALID,
                   "%.40s is no status: 200, \"5xx\" or \"200-204\" would be, from 100 to 599",
                   text.len > 40 ? "this" : text.ptr);
}

int http_statuses_read(struct http_statuses *statuses, struct json_ref value, struct err *err)
{
    *statuses = (struct http_statuses){0};
    if (json_type(value) != JSON_ARRAY)
        return add_value(statuses, value, err);
    struct json_iter it = json_iter(value);
    while (json_next(&it))
        if (add_value(statuses, it.value, err))
            return -1;
    return 0;
}

int64_t http_retry_after_ms(struct slice value, int64_t wall_us)
{
    char text[64];
    if (value.len == 0 || value.len >= sizeof(text))
        return -1;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    size_t digits = strspn(text, "0123456789");
    if (digits == value.len) {
        int64_t seconds = 0;
        for (size_t i = 0; i < digits && seconds < 1000000000; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return seconds * 1000;
    }
    /* A date begins with the name of a day; libcurl's reader would take more than dates. */
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    bool day = false;
    for (size_t i = 0; i < ARRAY_LEN(days); i++)
        day = day || strncmp(text, days[i], 3) == 0;
    time_t at = day ? http_curl()->getdate(text, NULL) : -1;
    if (at == -1)
        return -1;
    int64_t left = (int64_t)at * 1000 - wall_us / 1000;
    return left > 0 ? left : 0;
}
