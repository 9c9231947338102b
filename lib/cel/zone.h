/* zone: time zones, from a fixed offset or the system's database. Internal to lib/cel.
 *
 * Files are read in full (TZif version 2 and later), with the rule behind the last transition. They
 * are looked for in TROUPE_ZONEINFO_DIR only; names cannot lead out of it.
 */
#ifndef TROUPE_CEL_ZONE_H
#define TROUPE_CEL_ZONE_H

#include "base/arena.h"
#include "base/slice.h"
#include <stdint.h>

#ifndef TROUPE_ZONEINFO_DIR
#define TROUPE_ZONEINFO_DIR "/usr/share/zoneinfo"
#endif

struct cel_zone;

enum cel_zone_status { CEL_ZONE_OK, CEL_ZONE_UNKNOWN, CEL_ZONE_NO_MEMORY };

/* "UTC", "+11:00", "-02:30", "02:00", "Europe/Berlin". The zone lives in the arena. */
MUSTCHECK enum cel_zone_status cel_zone_load(struct arena *arena, struct slice name,
                                             const struct cel_zone **zone);
/* Seconds east of UTC at that time (seconds since 1970, UTC). */
int64_t cel_zone_offset(const struct cel_zone *zone, int64_t seconds);

#endif
