/* compare: numbers across kinds. Internal to lib/cel.
 *
 * Equality of an integer and a double is exact, their order (as in the reference implementations, and
 * in the conformance cases) that of doubles: next to 2^63 the two may disagree.
 */
#ifndef TROUPE_CEL_COMPARE_H
#define TROUPE_CEL_COMPARE_H

#include "cel/value.h"

bool cel_is_number(const struct cel_value *value);
/* The INT or UINT that equals a double; false when it has a fraction or is out of range. */
bool cel_double_to_integer(double real, struct cel_value *integer);
/* An INT, UINT or DOUBLE as a double. */
double cel_number_to_double(const struct cel_value *value);

#endif
