/* wfformat: a WfFormat trace (1.4, 1.5) as a definition.
 *
 * Tasks become the function `sleep` of their runtime times a scale; parents and children become edges.
 * Ids are adapted: characters that no node id may have become '_', a leading digit or dash is prefixed
 * with '_', collisions are numbered.
 */
#ifndef TROUPE_WFFORMAT_H
#define TROUPE_WFFORMAT_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* ERR_INVALID names path, line and column of what is not as the format has it. */
MUSTCHECK int wfformat_write(struct buf *out, struct slice source, const char *path, double scale,
                             struct arena *arena, struct err *err);

#endif
