/* digits: whole numbers in decimal, written in place. There are dozens of them per token. */
#ifndef TROUPE_BASE_DIGITS_H
#define TROUPE_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

/* "00" to "99", one behind the other. */
extern const char digits_pairs[200];
/* Of those from 100 on. */
unsigned digits_count_large(uint64_t value);

/* How many digits the value has. */
static inline unsigned digits_count(uint64_t value)
{
    return value < 10 ? 1 : value < 100 ? 2 : digits_count_large(value);
}

/* The digits that end before `end`; returns where they begin. */
static inline char *digits_write(uint64_t value, char *end)
{
    for (; value >= 100; value /= 100) {
        end -= 2;
        memcpy(end, digits_pairs + value % 100 * 2, 2);
    }
    if (value < 10) {
        *--end = (char)('0' + value);
        return end;
    }
    end -= 2;
    memcpy(end, digits_pairs + value * 2, 2);
    return end;
}

#endif
