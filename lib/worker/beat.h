/* beat: leases, and what becomes of consumers whose lease has lapsed.
 *
 *   beat ──lapsed consumers──> reclaim until empty ──> tidy (`leave *`, which waits 30 s by itself)
 *
 * Tokens are taken over one at a time, and only while no other re-delivered token is held: so when
 * one of them kills its worker, it is the only one that gathers a delivery.
 */
#ifndef TROUPE_WORKER_BEAT_H
#define TROUPE_WORKER_BEAT_H

#include <stdbool.h>

struct worker;
struct channel;

/* Sends the beats that are due; a lease that lapsed unnoticed (a paused process) means hello. */
void beat_tick(struct worker *worker);
/* Somebody lapsed, and held what may be taken over. */
bool beat_sees_lapsed(const struct worker *worker);
bool beat_has_call(const struct channel *channel);
/* Makes the next reclaim or tidy call; false when there is none or it could not be sent. */
bool beat_make_call(struct channel *channel);

#endif
