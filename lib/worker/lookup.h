/* lookup: from a request's workflow to a version and the digest of its graph. Internal to lib/worker.
 *
 * What was asked for lately is asked for again right behind each read of new requests, on the same
 * connection. Redis answers after the read, so the answer is as new as the requests that came with it, and
 * they need no round trip of their own. It serves no others: a publication is seen by every request made
 * after it.
 */
#ifndef TROUPE_WORKER_LOOKUP_H
#define TROUPE_WORKER_LOOKUP_H

#include "base/attr.h"
#include "protocol/link.h"
#include "worker/names.h"

struct inbox;
struct item;
struct worker;

/* One that was sent behind a read. */
struct lookup {
    struct inbox *inbox; /* NULL: this one is free */
    struct names names;  /* as they were asked for */
};

#define LOOKUPS_MOST 4 /* two connections, each with one that is answered and one that waits */

struct lookups {
    struct names recent;
    struct lookup behind[LOOKUPS_MOST];
};

/* Of this request alone. */
void lookup_item(struct item *item);
/* Behind a read that was just sent on `link`. NULL: nothing is asked. */
struct lookup *lookup_behind(struct inbox *inbox, struct link *link);

#endif
