/* hash: a keyed hash of bytes (SipHash-1-3), for tables whose keys come from outside. */
#ifndef TROUPE_BASE_HASH_H
#define TROUPE_BASE_HASH_H

#include "base/slice.h"
#include <stdint.h>

/* Unpredictable; from the system's random source, aborts if it has none. */
uint64_t hash_seed(void);
uint64_t hash_bytes(struct slice bytes, uint64_t seed);

/* Fills `out` with random bytes; aborts if the system has none. */
void random_bytes(void *out, size_t len);

#endif
