/* place: where a process works, and what it finds in its environment. Internal to lib/process.
 */
#ifndef TROUPE_PROCESS_PLACE_H
#define TROUPE_PROCESS_PLACE_H

#include "process/process.h"

/* Whether `path` leads to one of the directories, or below one; an open directory, or -1 with err. What
 * was checked is what was opened, whatever becomes of its path. */
MUSTCHECK int place_open(char *const *directories, uint32_t count, const char *path,
                         struct err *err);

/* "NAME=value" for PATH, HOME, LANG, TMPDIR and the pairs, which win; ends with NULL. One allocation, to
 * be freed. NULL without memory. */
MUSTCHECK char **place_environment(const char *home, const struct process_pair *pairs,
                                   size_t count);

#endif
