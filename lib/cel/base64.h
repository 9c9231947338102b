/* base64: the standard alphabet, with padding. Internal to lib/cel. */
#ifndef TROUPE_CEL_BASE64_H
#define TROUPE_CEL_BASE64_H

#include "base/slice.h"
#include <stdbool.h>

static inline size_t cel_base64_size(size_t bytes) { return (bytes + 2) / 3 * 4; }
/* Writes cel_base64_size(bytes.len) characters. */
void cel_base64_encode(struct slice bytes, char *out);
/* Writes less than text.len bytes, *length of them. Padding may be missing, but not be wrong; blanks
 * and other characters are not allowed. */
bool cel_base64_decode(struct slice text, char *out, size_t *length);

#endif
