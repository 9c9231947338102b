/* number: JSON numbers by their digits. Internal to lib/schema.
 * Nothing is rounded: only an exponent of more than 15 digits is taken for one of 15.
 */
#ifndef TROUPE_SCHEMA_NUMBER_H
#define TROUPE_SCHEMA_NUMBER_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

/* All are of valid JSON number text. */
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
