/* reply_arena: a reader of replies whose objects come from an arena; internal to lib/protocol.
 *
 * A reply of hiredis is two allocations per string. Where a reply lives no longer than a callback, an
 * arena that is emptied behind it costs next to nothing. What they are made of is as ever; but nobody
 * may free one with freeReplyObject.
 */
#ifndef TROUPE_PROTOCOL_REPLY_ARENA_H
#define TROUPE_PROTOCOL_REPLY_ARENA_H

#include "base/arena.h"
#include <hiredis/hiredis.h>

/* A reader whose replies are in `arena`, which must outlive it; NULL: no memory. When the arena has none
 * left, reading fails as it does when hiredis has none. */
redisReader *reply_reader_new(struct arena *arena);
/* Ends the replies that have been read. A reply that has not come in full must not be under way. */
void reply_arena_reset(struct arena *arena);

#endif
