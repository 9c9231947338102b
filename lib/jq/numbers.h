/* numbers: those that do not survive jq, which has doubles and nothing else.
 *
 * Internal to lib/jq.
 */
#ifndef TROUPE_JQ_NUMBERS_H
#define TROUPE_JQ_NUMBERS_H

#include "base/slice.h"

/* The first number in valid JSON text that a double may not hold: an integer from 2^53 on (from there
 * several integers are one double), or what is no finite double. SLICE_NONE when there is none. */
struct slice jq_lossy_number(struct slice json);

#endif
