/* publication: definitions as workers find them in Redis: graphs by digest, and the table of names.
 *
 * Written by whoever deploys, at once, and by the supervisor, again and again; what two of them write
 * at the same time the supervisor puts right.
 */
#ifndef TROUPE_PROTOCOL_PUBLICATION_H
#define TROUPE_PROTOCOL_PUBLICATION_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "protocol/redis.h"
#include "protocol/scripts.h"
#include <stdbool.h>
#include <stdint.h>

struct publication {
    struct slice name, digest;
    int64_t version;
    bool latest; /* of its name */
};

/* For a day. */
MUSTCHECK int publish_canonical(struct redis *redis, struct slice digest, struct slice canonical,
                                struct err *err);
/* `NAME@VERSION`, and `NAME` for the latest ones; graphs first. A few hundred per call. */
MUSTCHECK int publish_names(struct redis *redis, const struct publication *items, uint32_t count,
                            struct err *err);

/* A script that programs call which have none of their own: its text, as `troupe:script:NAME`. */
MUSTCHECK int publish_script(struct redis *redis, enum script script, struct err *err);

#endif
