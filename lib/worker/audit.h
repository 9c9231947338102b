/* audit: what Redis has as pending for us, against what we know of.
 *
 *   queue after queue, partition after partition ── XPENDING IDLE 2 leases, of our own
 *        ├──> held here, executed, on its way: fine
 *        └──> unknown: `hello` gives it to us again
 *
 * The protocol leaves nothing behind (worker/bell.h has the last known gap, late reads). But a token that is
 * pending for somebody who lives and does not know of it is nobody's: no lease lapses, its run never ends. So
 * it is looked for, whatever the reason may be.
 */
#ifndef TROUPE_WORKER_AUDIT_H
#define TROUPE_WORKER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

enum { AUDIT_ID_BYTES = 48 };

struct worker;

struct audit {
    struct worker *worker;
    int64_t due_us; /* monotonic */
    bool asking;
    uint32_t partition, queue; /* the next one, or the one asked about */
    char from[AUDIT_ID_BYTES]; /* behind this entry; empty: from the first one on */
};

void audit_init(struct audit *audit, struct worker *worker);
/* Asks about one queue of one partition when it is time. */
void audit_tick(struct audit *audit);

#endif
