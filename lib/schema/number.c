#include "schema/number.h"
#include "base/err.h"
#include "base/hash.h"

enum { EXPONENT_DIGITS = 15, DIVISOR_DIGITS = 18 };

/*   -0.0120e5  =  - 0.12 * 10^4      at: "12"(0), point: 4, count: 2 */
struct number {
    bool negative;
    const char *at; /* the first digit that is not 0; may be followed by a '.' somewhere */
    uint32_t count; /* of digits up to the last that is not 0; 0: the number is 0 */
    int64_t point;  /* value = 0.DIGITS * 10^point */
};

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

/* The text must outlive it. */
static struct number number_of(struct slice text)
{
    struct number number = {0};
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
        number = (struct number){.at = text.ptr};
    return number;
}

/* The next digit of one that has more. */
static char next_digit(const char **at)
{
    if (**at == '.')
        (*at)++;
    return *(*at)++;
}

static int compare_sizes(struct number a, struct number b)
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
    const struct number x = number_of(a), y = number_of(b);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1; /* 0 is never negative here */
    return x.negative ? compare_sizes(y, x) : compare_sizes(x, y);
}

bool schema_number_integral(struct slice text)
{
    const struct number number = number_of(text);
    return number.count == 0 || number.point >= (int64_t)number.count;
}

bool schema_number_count(struct slice text, uint64_t *value)
{
    struct number number = number_of(text);
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
    const struct number number = number_of(text);
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
    struct number a = number_of(text), b = number_of(divisor);
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
    struct number number = number_of(text);
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
