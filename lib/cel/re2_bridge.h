/* re2_bridge: RE2 for C. Internal to lib/cel. RE2 matches in linear time and bounded memory; no
 * exception leaves the bridge. Compiled patterns may be shared between threads. */
#ifndef TROUPE_CEL_RE2_BRIDGE_H
#define TROUPE_CEL_RE2_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cel_regex_status { CEL_REGEX_OK, CEL_REGEX_INVALID, CEL_REGEX_NO_MEMORY };

/* *regex is the caller's, to be freed. INVALID fills message (NUL-terminated, cut to size). */
enum cel_regex_status cel_regex_compile(const char *pattern, size_t length, void **regex,
                                        char *message, size_t message_size);
/* Does the pattern occur anywhere in text? 1, 0, or -1 without memory. */
int cel_regex_search(const void *regex, const char *text, size_t length);
/* NULL is fine. */
void cel_regex_free(void *regex);

#ifdef __cplusplus
}
#endif

#endif
