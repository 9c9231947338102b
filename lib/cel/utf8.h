/* utf8: whole texts, over base/utf8.h's single sequences. Internal to lib/cel. */
#ifndef TROUPE_CEL_UTF8_H
#define TROUPE_CEL_UTF8_H

#include "base/slice.h"
#include "base/utf8.h"
#include <stdbool.h>

/* Length of the valid prefix; text.len when all of it is valid. */
size_t cel_utf8_valid_prefix(struct slice text);
static inline bool cel_utf8_valid(struct slice text)
{
    return cel_utf8_valid_prefix(text) == text.len;
}
/* Code points of valid text. */
size_t cel_utf8_count(struct slice text);
/* The longest prefix of at most max bytes that cuts no sequence in two; for messages. */
struct slice cel_utf8_clip(struct slice text, size_t max);

#endif
