#include "schema/number.h"
#include "base/err.h"
#include "base/hash.h"

enum { EXPONENT_DIGITS = 15, DIVISOR_DIGITS = 18 };

static int64_t read_exponent(const char *at, const char *end)
{
    const bool negative = at < end && *at == '-';
    int64_t value = 0;
    uint32_t digits = 0;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end; at++) {
        digits += digits > 0 || *at != '0';
        if (digits > EXPONENT_DIGITS) {
            value = INT64_C(1000000000000000);
            break;
        }
        value = value * 10 + (*at - '0');
    }
    return negative ? -value : value;
}

struct schema_number schema_number_of(struct slice text)
{
    struct schema_number number = {0};
    const char *at = text.ptr, *end = text.ptr + text.len;
    number.negative = *at == '-';
    at += number.negative;
    bool fraction = false;
    uint32_t seen = 0;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        if (seen == 0 && *at == '0') {
            number.point -= fraction;
            continue;
        }
        if (seen == 0)
            number.at = at;
        seen++;
        number.point += !fraction;
        if (*at != '0')
            number.count = seen;
    }
    if (at < end)
        number.point += read_exponent(at + 1, end);
    if (number.count == 0)
        number = (struct schema_number){.at = text.ptr};
    return number;
}

/* The next digit of one that has more. */
static char next_digit(const char **at)
{
    if (**at == '.')
        (*at)++;
    return *(*at)++;
}

static int compare_sizes(struct schema_number a, struct schema_number b)
{
    if (a.count == 0 || b.count == 0)
        return (a.count > 0) - (b.count > 0);
    if (a.point != b.point)
        return a.point < b.point ? -1 : 1;
    for (uint32_t i = 0; i < a.count && i < b.count; i++) {
        const char x = next_digit(&a.at), y = next_digit(&b.at);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.count > b.count) - (a.count < b.count);
}

int schema_number_compare(struct slice a, struct slice b)
{
    const struct schema_number x = schema_number_of(a), y = schema_number_of(b);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1; /* 0 is never negative here */
    return x.negative ? compare_sizes(y, x) : compare_sizes(x, y);
}

bool schema_number_integral(struct slice text)
{
    const struct schema_number number = schema_number_of(text);
    return number.count == 0 || number.point >= (int64_t)number.count;
}

bool schema_number_count(struct slice text, uint64_t *value)
{
    struct schema_number number = schema_number_of(text);
    *value = 0;
    if (number.negative || number.point > DIVISOR_DIGITS || !schema_number_integral(text))
        return false;
    for (int64_t i = 0; i < number.point; i++)
        *value = *value * 10 +
                 (i < (int64_t)number.count ? (uint64_t)(next_digit(&number.at) - '0') : 0);
    return true;
}

bool schema_number_divides(struct slice text)
{
    const struct schema_number number = schema_number_of(text);
    return !number.negative && number.count > 0 && number.count <= DIVISOR_DIGITS;
}

static uint64_t times(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((unsigned __int128)a * b % modulus);
}

/* With D the digits as a whole number, a = Da * 10^x and b = Db * 10^y, neither D a multiple of 10. Then a
 * is a multiple of b if Db divides Da * 10^(x - y); when x < y it would have to divide Da with tens
 * left over, which Da has not. */
bool schema_number_multiple(struct slice text, struct slice divisor)
{
    struct schema_number a = schema_number_of(text), b = schema_number_of(divisor);
    if (a.count == 0)
        return true;
    const int64_t x = a.point - (int64_t)a.count, y = b.point - (int64_t)b.count;
    if (x < y)
        return false;
    uint64_t modulus = 0, rest = 0;
    for (uint32_t i = 0; i < b.count; i++)
        modulus = modulus * 10 + (uint64_t)(next_digit(&b.at) - '0');
    invariant(modulus > 0, "a divisor without digits");
    for (uint32_t i = 0; i < a.count; i++)
        rest = (times(rest, 10, modulus) + (uint64_t)(next_digit(&a.at) - '0')) % modulus;
    uint64_t power = 10 % modulus;
    for (uint64_t left = (uint64_t)(x - y); left > 0; left >>= 1) {
        if (left & 1)
            rest = times(rest, power, modulus);
        power = times(power, power, modulus);
    }
    return rest % modulus == 0;
}

uint64_t schema_number_hash(struct slice text, uint64_t seed)
{
    struct schema_number number = schema_number_of(text);
    uint64_t hash = hash_bytes(slice_of((const char *)&number.point, sizeof(number.point)),
                               seed + number.negative);
    char part[64];
    size_t used = 0;
    for (uint32_t i = 0; i < number.count; i++) {
        part[used++] = next_digit(&number.at);
        if (used < sizeof(part) && i + 1 < number.count)
            continue;
        hash = hash_bytes(slice_of(part, used), hash);
        used = 0;
    }
    return hash;
}
