/* programs: which programs may be run.
 *
 * Each is listed by a name, which is looked for in PROGRAMS_PATH, or by an absolute path; what it leads
 * to is found once, symlinks and all, so that nothing later (another PATH, another link) makes it another
 * program. A program is asked for by the text of its entry, or by the path that this led to.
 */
#ifndef TROUPE_PROCESS_PROGRAMS_H
#define TROUPE_PROCESS_PROGRAMS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include <stdint.h>

#define PROGRAMS_PATH "/usr/local/bin:/usr/bin:/bin"

struct programs;

/* NULL with err: an entry that is no program, or no memory. Copies. */
MUSTCHECK struct programs *programs_new(const char *const *list, uint32_t count, struct err *err);
void programs_free(struct programs *programs); /* NULL is fine */
/* The real path, or NULL: not allowed. Lives as long as programs. */
const char *programs_find(const struct programs *programs, struct slice name);

#endif
