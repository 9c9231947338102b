/* fleet: the workers that Redis knows right now; the record hears of them about a second later. */
#ifndef TROUPE_FLEET_H
#define TROUPE_FLEET_H

#include "base/attr.h"
#include "base/err.h"
#include "protocol/redis.h"
#include <stdint.h>

/* How many hold a lease in this partition. */
MUSTCHECK int fleet_count(struct redis *redis, uint16_t partition, uint32_t *count,
                          struct err *err);

#endif
