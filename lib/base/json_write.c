/* json_write: strings and doubles as JSON. */
#include "base/err.h"
#include "base/json.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What a byte is escaped to: 0 nothing, 'u' \u00XX, else the letter after the backslash. */
static const char escape_letter[256] = {
    [0 ... 7] = 'u', [8] = 'b',  [9] = 't',           [10] = 'n',  [11] = 'u',
    [12] = 'f',      [13] = 'r', [14 ... 0x1F] = 'u', ['"'] = '"', ['\\'] = '\\'};

void json_write_string(struct buf *buf, struct slice bytes)
{
    static const char hex[] = "0123456789abcdef";
    if (!buf_reserve(buf, bytes.len + 2))
        return;
    buf_char(buf, '"');
    size_t run = 0;
    for (size_t at = 0; at < bytes.len; at++) {
        uint8_t byte = (uint8_t)bytes.ptr[at];
        char letter = escape_letter[byte];
        if (!letter)
            continue;
        buf_append(buf, bytes.ptr + run, at - run);
        run = at + 1;
        if (letter == 'u')
            buf_append(buf, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
        else
            buf_append(buf, (char[]){'\\', letter}, 2);
    }
    if (run < bytes.len)
        buf_append(buf, bytes.ptr + run, bytes.len - run);
    buf_char(buf, '"');
}

/* A decimal: 0.DIGITS times ten to the power of `point`. */
struct decimal {
    char digits[20];
    int count;
    int point;
};

/* Scientific text as strtod takes it, "-12345e-3". Locale-free in both directions. */
static double decimal_value(const struct decimal *decimal)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "%.*se%d", decimal->count, decimal->digits,
                   decimal->point - decimal->count);
    return strtod(text, NULL);
}

/* value, positive, correctly rounded to `count` digits. */
static void decimal_round(struct decimal *decimal, double value, int count)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "%.*e", count - 1, value);
    decimal->count = 0;
    const char *at = text;
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') /* not the point of whatever locale */
            decimal->digits[decimal->count++] = *at;
    }
    decimal->point = (int)strtol(at + 1, NULL, 10) + 1;
}

/* The decimal one unit in its last place higher. */
static void decimal_up(struct decimal *decimal)
{
    int at = decimal->count - 1;
    while (at >= 0 && decimal->digits[at] == '9')
        decimal->digits[at--] = '0';
    if (at >= 0) {
        decimal->digits[at]++;
        return;
    }
    decimal->digits[0] = '1'; /* 999 became 000: 1000 without its last zero */
    decimal->point++;
}

/* The fewest digits that read back as `value` (positive, finite). */
static void decimal_shortest(struct decimal *decimal, double value)
{
    /* 15 digits always survive a normal double, so when rounding to 15 reads back, dropping its
     * zeros gives the shortest. Subnormals have fewer: there count up from 1. */
    int exponent;
    bool power_of_two = frexp(value, &exponent) == 0.5;
    for (int count = value < 0x1p-1022 ? 1 : 15; count < 17; count++) {
        decimal_round(decimal, value, count);
        if (decimal_value(decimal) == value)
            return;
        /* Below a power of two doubles are twice as dense: the nearest decimal may miss the narrow
         * side while its upper neighbour hits the wide one. */
        if (power_of_two) {
            decimal_up(decimal);
            if (decimal_value(decimal) == value)
                return;
        }
    }
    decimal_round(decimal, value, 17);
}

static void write_zeros(struct buf *buf, int count)
{
    while (count-- > 0)
        buf_char(buf, '0');
}

static void decimal_write(struct buf *buf, struct decimal *decimal)
{
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
        decimal->count--;
    const char *digits = decimal->digits;
    int count = decimal->count, point = decimal->point;
    if (point > 21 || point < -5) { /* 1e+21 and up, below 1e-6 */
        buf_char(buf, digits[0]);
        if (count > 1) {
            buf_char(buf, '.');
            buf_append(buf, digits + 1, (size_t)(count - 1));
        }
        buf_str(buf, point > 0 ? "e+" : "e");
        buf_int(buf, point - 1);
    } else if (point <= 0) {
        buf_str(buf, "0.");
        write_zeros(buf, -point);
        buf_append(buf, digits, (size_t)count);
    } else if (point >= count) {
        buf_append(buf, digits, (size_t)count);
        write_zeros(buf, point - count);
        buf_str(buf, ".0");
    } else {
        buf_append(buf, digits, (size_t)point);
        buf_char(buf, '.');
        buf_append(buf, digits + point, (size_t)(count - point));
    }
}

/* Values with few decimals, as most are: an integer of at most 15 digits divided by a power of ten
 * is rounded correctly, so if that gives the value back, these are its shortest digits. */
static bool write_simple(struct buf *buf, double value)
{
    static const double powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (value < 1e-3)
        return false;
    for (unsigned places = 0; places < ARRAY_LEN(powers); places++) {
        if (value * powers[places] >= 1e15)
            return false;
        int64_t scaled = llround(value * powers[places]);
        if ((double)scaled / powers[places] != value)
            continue;
        struct decimal decimal;
        char text[24];
        decimal.count = snprintf(text, sizeof(text), "%lld", (long long)scaled);
        memcpy(decimal.digits, text, (size_t)decimal.count);
        decimal.point = decimal.count - (int)places;
        decimal_write(buf, &decimal);
        return true;
    }
    return false;
}

void json_write_double(struct buf *buf, double value)
{
    invariant(isfinite(value), "a double that is not finite has no JSON text");
    if (signbit(value))
        buf_char(buf, '-');
    value = fabs(value);
    if (value == 0) {
        buf_str(buf, "0.0");
        return;
    }
    if (write_simple(buf, value))
        return;
    struct decimal decimal;
    decimal_shortest(&decimal, value);
    decimal_write(buf, &decimal);
}
