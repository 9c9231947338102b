/* number_text: numbers to and from text, as the conversions of the language have it. Internal to
 * lib/cel. */
#ifndef TROUPE_CEL_NUMBER_TEXT_H
#define TROUPE_CEL_NUMBER_TEXT_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define CEL_NUMBER_TEXT_SIZE 40

/* The shortest text that reads back as the same double: "1", "0.1", "1e+21", "NaN", "+Inf". */
size_t cel_double_write(double real, char out[CEL_NUMBER_TEXT_SIZE]);
/* Positional, without an exponent however large or small: "0.0000001". "NaN", "Infinity",
 * "-Infinity". */
#define CEL_NUMBER_PLAIN_SIZE 360
size_t cel_double_write_plain(double real, char out[CEL_NUMBER_PLAIN_SIZE]);
/* Decimal, with optional sign and exponent; "NaN", "Infinity", "Inf" too. False for all else and
 * for what is too large. */
bool cel_double_read(struct slice text, double *real);
bool cel_int_read(struct slice text, int64_t *integer);
bool cel_uint_read(struct slice text, uint64_t *uinteger);

#endif
