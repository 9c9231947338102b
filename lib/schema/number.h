/* number: JSON numbers by their digits. Internal to lib/schema.
 *
 *   -0.0120e5  =  - 0.12 * 10^4      at: "12"(0), point: 4, count: 2
 *
 * Nothing is rounded: only an exponent of more than 15 digits is taken for one of 15.
 */
#ifndef TROUPE_SCHEMA_NUMBER_H
#define TROUPE_SCHEMA_NUMBER_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct schema_number {
    bool negative;
    const char *at; /* the first digit that is not 0; may be followed by a '.' somewhere */
    uint32_t count; /* of digits up to the last that is not 0; 0: the number is 0 */
    int64_t point;  /* value = 0.DIGITS * 10^point */
};

/* Of valid JSON number text, which must outlive it. */
struct schema_number schema_number_of(struct slice text);
int schema_number_compare(struct slice a, struct slice b); /* <0, 0, >0 */
bool schema_number_integral(struct slice text);
/* False when it is negative, has a fraction or more than 18 digits. */
bool schema_number_count(struct slice text, uint64_t *value);
/* Above 0, with 18 significant digits at most: what can divide. */
bool schema_number_divides(struct slice text);
bool schema_number_multiple(struct slice text, struct slice divisor);
/* The same for all ways to write a number. */
uint64_t schema_number_hash(struct slice text, uint64_t seed);

#endif
