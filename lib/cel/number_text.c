#include "cel/number_text.h"
#include "base/attr.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The digits, without the point, of the shortest decimal that reads back as the same double; it is
 * d.ddd times ten to the power of *exponent. Returns their number. */
static int shortest(double real, char digits[20], int *exponent)
{
    char text[CEL_NUMBER_TEXT_SIZE];
    for (int precision = 0; precision <= 16; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, real);
        if (precision == 16 || strtod(text, NULL) == real)
            break;
    }
    int count = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    *exponent = (int)strtol(at + 1, NULL, 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* The digits with the point and all zeros that takes; returns the end. */
static char *write_positional(char *out, const char *digits, int count, int exponent)
{
    if (exponent < 0) {
        *out++ = '0';
        *out++ = '.';
        for (int i = -1; i > exponent; i--)
            *out++ = '0';
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (i == exponent + 1 && exponent >= 0)
            *out++ = '.';
        *out++ = i < count ? digits[i] : '0';
    }
    return out;
}

size_t cel_double_write_plain(double real, char out[CEL_NUMBER_PLAIN_SIZE])
{
    char digits[20] = "";
    int exponent = 0;
    if (!isfinite(real)) {
        int length = snprintf(out, CEL_NUMBER_PLAIN_SIZE, "%s",
                              isnan(real) ? "NaN"
                              : real > 0  ? "Infinity"
                                          : "-Infinity");
        return (size_t)length;
    }
    char *at = out;
    if (signbit(real))
        *at++ = '-';
    int count = shortest(fabs(real), digits, &exponent);
    return (size_t)(write_positional(at, digits, count, exponent) - out);
}

size_t cel_double_write(double real, char out[CEL_NUMBER_TEXT_SIZE])
{
    char digits[20] = "";
    int exponent = 0;
    if (!isfinite(real)) {
        int length = snprintf(out, CEL_NUMBER_TEXT_SIZE, "%s",
                              isnan(real) ? "NaN"
                              : real > 0  ? "+Inf"
                                          : "-Inf");
        return (size_t)length;
    }
    size_t at = 0;
    if (signbit(real))
        out[at++] = '-';
    int count = shortest(fabs(real), digits, &exponent);
    if (exponent < -4 || exponent >= 21) {
        int length = snprintf(out + at, CEL_NUMBER_TEXT_SIZE - at, "%c%s%.*se%c%02d", digits[0],
                              count > 1 ? "." : "", count - 1, digits + 1, exponent < 0 ? '-' : '+',
                              abs(exponent));
        return at + (size_t)length;
    }
    return (size_t)(write_positional(out + at, digits, count, exponent) - out);
}

/* --- reading --- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The end of the digits from `at`. */
static const char *digits_end(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

/* [sign] digits [. digits] [e [sign] digits], at least one digit before the exponent. */
static bool is_decimal(struct slice text)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    if (at < end && (*at == '+' || *at == '-'))
        at++;
    const char *whole = digits_end(at, end);
    bool any = whole > at;
    at = whole;
    if (at < end && *at == '.') {
        const char *fraction = digits_end(at + 1, end);
        any |= fraction > at + 1;
        at = fraction;
    }
    if (!any)
        return false;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    if (at < end && (*at == '+' || *at == '-'))
        at++;
    return at < end && digits_end(at, end) == end;
}

bool cel_double_read(struct slice text, double *real)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"NaN", NAN},       {"Infinity", INFINITY}, {"+Infinity", INFINITY},
                 {"Inf", INFINITY},  {"+Inf", INFINITY},     {"-Infinity", -INFINITY},
                 {"-Inf", -INFINITY}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_eq_str(text, names[i].name)) {
            *real = names[i].value;
            return true;
        }
    }
    char copy[512]; /* longer texts are no sensible numbers */
    if (text.len >= sizeof(copy) || !is_decimal(text))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *real = strtod(copy, NULL);
    return !isinf(*real);
}

bool cel_uint_read(struct slice text, uint64_t *uinteger)
{
    if (text.len == 0)
        return false;
    *uinteger = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]) || __builtin_mul_overflow(*uinteger, 10u, uinteger) ||
            __builtin_add_overflow(*uinteger, (unsigned)(text.ptr[i] - '0'), uinteger))
            return false;
    }
    return true;
}

bool cel_int_read(struct slice text, int64_t *integer)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative || (text.len > 0 && text.ptr[0] == '+'))
        text = slice_of(text.ptr + 1, text.len - 1);
    uint64_t magnitude = 0;
    if (!cel_uint_read(text, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
