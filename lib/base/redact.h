/* redact: takes given secrets out of texts, in the forms in which they come back.
 *
 *   struct redact redact = {0};
 *   redact_add(&redact, &arena, SLICE("hunter/2"));
 *   hunter/2   hunter%2F2   hunter\/2   aHVudGVyLzI=   68756e7465722f32    all become ***
 *
 * Found are: the text itself, in capitals or not, percent-encoded (also twice, also partly), escaped as in JSON, in hex, and
 * in base64, either alphabet, also where the secret is a part of what was encoded (user:password).
 * Other things that can be made of a secret (a hash, its reverse) are not.
 */
#ifndef TROUPE_BASE_REDACT_H
#define TROUPE_BASE_REDACT_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include <stdbool.h>

#define REDACT_MASK "***"

struct redact_needle;
struct redact {
    const struct redact_needle *first; /* NULL: nothing to take out */
};

/* The secret is copied into the arena. An empty one is passed over, and so is one that is there
 * already. -1 without memory. */
MUSTCHECK int redact_add(struct redact *redact, struct arena *arena, struct slice secret);

/* Appends the text without the secrets. `parts`: also beginnings of them, from six characters on: for
 * texts that were cut somewhere. */
void redact_text(const struct redact *redact, struct slice text, bool parts, struct buf *out);

/* The same in place, with parts, for a message of a fixed size; what does not fit is cut. Without memory
 * all of it is replaced. */
void redact_message(const struct redact *redact, char *message, size_t size);

/* Appends the document; strings, names of members and numbers that are a secret are redacted. Names stay
 * distinct. */
void redact_json(const struct redact *redact, struct json_ref ref, struct arena *arena,
                 struct buf *out);

#endif
