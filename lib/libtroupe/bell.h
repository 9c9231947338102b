/* bell: a second connection, which listens for new tasks while there is nothing to say on the first. */
#ifndef TROUPE_LIBTROUPE_BELL_H
#define TROUPE_LIBTROUPE_BELL_H

#include "libtroupe/worker.h"

/* Listens to all lanes that have a cursor, if there is room and none has rung. */
void bell_listen(struct troupe_worker *worker);
/* Its descriptor is readable: what it says, or that it is lost. */
void bell_hear(struct troupe_worker *worker);

#endif
