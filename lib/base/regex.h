/* regex: RE2 for C. RE2 matches in linear time and bounded memory; no exception leaves the bridge.
 * Compiled patterns may be shared between threads. */
#ifndef TROUPE_BASE_REGEX_H
#define TROUPE_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum regex_status { REGEX_OK, REGEX_INVALID, REGEX_NO_MEMORY };

/* *regex is the caller's, to be freed. INVALID fills message (NUL-terminated, cut to size). */
enum regex_status regex_compile(const char *pattern, size_t length, void **regex, char *message,
                                size_t message_size);
/* Does the pattern occur anywhere in text? 1, 0, or -1 without memory. */
int regex_search(const void *regex, const char *text, size_t length);
/* NULL is fine. */
void regex_free(void *regex);

#ifdef __cplusplus
}
#endif

#endif
