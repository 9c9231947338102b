/* decimal: numbers as texts of the protocol hold them.
 *
 * Strict: the whole slice, no sign but for the signed one, no empty text, no overflow.
 */
#ifndef TROUPE_PROTOCOL_DECIMAL_H
#define TROUPE_PROTOCOL_DECIMAL_H

#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool decimal_u64(struct slice text, uint64_t *value);
bool decimal_u32(struct slice text, uint32_t *value);
bool decimal_i64(struct slice text, int64_t *value);

#define DECIMAL_SIZE 24
/* The value's text, in `out`. */
struct slice decimal_text(int64_t value, char out[DECIMAL_SIZE]);

/* Takes the part before the next separator off `rest`; false when there is none left of it. */
bool decimal_cut(struct slice *rest, char separator, struct slice *part);

#endif
