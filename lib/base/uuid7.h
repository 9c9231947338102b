/* uuid7: run ids.
 *
 * UUID version 7 (RFC 9562): 48 bits of milliseconds, so that ids sort by time, and random bits, of
 * which the last 16 hold the partition (uuid7_partition). Ids that others chose are any UUID; their
 * partition comes from the same bits.
 */
#ifndef TROUPE_BASE_UUID7_H
#define TROUPE_BASE_UUID7_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT_LEN 36

struct uuid {
    uint8_t bytes[16];
};

/* A new version 7 id at wall_ms whose last 16 bits are `partition`. Random bits come from the
 * system; aborts if it has none. */
struct uuid uuid7_make(int64_t wall_ms, uint16_t partition);
/* Version 5 (SHA-1) of a namespace and a name. */
struct uuid uuid5_make(const struct uuid *space, struct slice name);
/* Accepts the 36-character form, either case; false otherwise. */
bool uuid_parse(struct slice text, struct uuid *uuid);
/* Lower case, NUL-terminated. */
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_LEN + 1]);
/* The last 16 bits modulo the number of partitions. */
uint16_t uuid_partition(const struct uuid *uuid, uint16_t partition_count);

#endif
