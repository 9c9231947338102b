/* json_scan: strings eight bytes at a time where nothing is special, else by table. */
#include "base/json_scan.h"
#include "base/utf8.h"

/* 0 plain; what else a byte means inside a string */
enum { PLAIN, QUOTE, BACKSLASH, CONTROL, HIGH };

static const uint8_t string_class[256] = {
    [0 ... 0x1F] = CONTROL, ['"'] = QUOTE, ['\\'] = BACKSLASH, [0x80 ... 0xFF] = HIGH};

static const int8_t hex_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

/* What stands for the byte after a backslash; 0: no such escape. */
static const char escape_value[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                       ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

static const char *fail(struct json_scan *scan, const char *fault, const char *message)
{
    scan->fault = fault;
    scan->message = message;
    return NULL;
}

/* Skips plain bytes in steps of eight, as long as all eight are plain. The sums set a byte's high
 * bit where it is below 0x20, '"', '\\' or above 0x7F; a false alarm only costs a table lookup. */
static inline const char *skip_plain(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, highs = ones * 0x80;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
        uint64_t special = (word - ones * 0x20) | (quote - ones) | (slash - ones) | word;
        if (special & highs)
            break;
        at += 8;
    }
    while (at < end && string_class[(uint8_t)*at] == PLAIN)
        at++;
    return at;
}

/* Four hex digits, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value[(uint8_t)at[i]];
        if (digit == 0)
            return -1;
        value = value << 4 | (digit - 1);
    }
    return value;
}

/* `at` is the backslash; the byte behind the escape, or NULL. */
static const char *scan_escape(struct json_scan *scan, const char *at)
{
    if (scan->end - at < 2)
        return fail(scan, at, "the text ends inside a string");
    if (escape_value[(uint8_t)at[1]])
        return at + 2;
    if (at[1] != 'u')
        return fail(scan, at,
                    "unknown escape: only \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX exist");
    int32_t unit = hex4(at + 2, scan->end);
    if (unit < 0)
        return fail(scan, at, "expected four hexadecimal digits after \\u");
    if (unit < 0xD800 || unit > 0xDFFF)
        return at + 6;
    if (unit > 0xDBFF)
        return fail(scan, at, "a low surrogate escape (\\uDC00 to \\uDFFF) without a high one");
    int32_t low =
        scan->end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8, scan->end) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return fail(scan, at, "a high surrogate escape (\\uD800 to \\uDBFF) without a low one");
    return at + 12;
}

const char *json_scan_string(struct json_scan *scan, const char *at)
{
    const char *opening = at++;
    scan->escaped = false;
    for (;;) {
        at = skip_plain(at, scan->end);
        if (at == scan->end)
            return fail(scan, opening, "this string is not closed: expected '\"'");
        size_t len;
        switch (string_class[(uint8_t)*at]) {
        case QUOTE:
            return at + 1;
        case BACKSLASH:
            scan->escaped = true;
            at = scan_escape(scan, at);
            if (!at)
                return NULL;
            break;
        case HIGH:
            len = utf8_sequence(at, (size_t)(scan->end - at));
            if (len == 0)
                return fail(scan, at, "invalid UTF-8 in a string");
            at += len;
            break;
        default:
            return fail(scan, at,
                        *at == '\n' || *at == '\r'
                            ? "a line break inside a string: write \\n, or is a '\"' missing?"
                            : "a control character inside a string: write it as \\uXXXX");
        }
    }
}

static inline const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

const char *json_scan_number(struct json_scan *scan, const char *at)
{
    const char *end = scan->end;
    scan->escaped = false;
    if (*at == '-')
        at++;
    const char *digits = at;
    at = skip_digits(at, end);
    if (at == digits)
        return fail(scan, at, "expected a digit after '-'");
    if (*digits == '0' && at - digits > 1)
        return fail(scan, digits, "a number must not have leading zeros");
    if (at < end && *at == '.') {
        scan->escaped = true;
        const char *fraction = ++at;
        at = skip_digits(at, end);
        if (at == fraction)
            return fail(scan, at, "expected a digit after '.'");
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        scan->escaped = true;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const char *exponent = at;
        at = skip_digits(at, end);
        if (at == exponent)
            return fail(scan, at, "expected a digit in the exponent");
    }
    return at;
}

int json_bytes_next(struct json_bytes *bytes)
{
    if (bytes->pending_at < bytes->pending_len)
        return (uint8_t)bytes->pending[bytes->pending_at++];
    if (bytes->at == bytes->end)
        return -1;
    if (*bytes->at != '\\')
        return (uint8_t)*bytes->at++;
    char simple = escape_value[(uint8_t)bytes->at[1]];
    if (simple) {
        bytes->at += 2;
        return (uint8_t)simple;
    }
    /* The reader has checked the digits and the pairs. */
    uint32_t point = (uint32_t)hex4(bytes->at + 2, bytes->end);
    bytes->at += 6;
    if (point >= 0xD800 && point <= 0xDBFF) {
        uint32_t low = (uint32_t)hex4(bytes->at + 2, bytes->end);
        bytes->at += 6;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    bytes->pending_len = (uint8_t)utf8_encode(point, bytes->pending);
    bytes->pending_at = 1;
    return (uint8_t)bytes->pending[0];
}
