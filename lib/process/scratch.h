/* scratch: directories of their own for executions, and their removal.
 *
 * What a program leaves there may be large, deep, and without permissions; removal copes, follows no
 * links, and does a bounded amount of work per call, since the loop waits for it.
 */
#ifndef TROUPE_PROCESS_SCRATCH_H
#define TROUPE_PROCESS_SCRATCH_H

#include "base/attr.h"
#include <stdbool.h>
#include <stdint.h>

#define SCRATCH_ALL UINT32_MAX

/* Removes up to `most` entries of the directory, then itself. True when nothing is left of it: false
 * may mean that there is more to do, or that it cannot be done now (errno then). */
bool scratch_remove(const char *path, uint32_t most);

#endif
