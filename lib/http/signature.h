/* signature: webhooks that their receiver can check.
 *
 *   X-Troupe-Signature: t=1767225600,v1=5257a869e7…
 *
 * v1 is HMAC-SHA256 in lower-case hex, keyed with the shared secret, over the decimal seconds of t, a
 * '.', and the body as it is sent. A header may have several v1 (while a secret is replaced): one that
 * holds is enough. The time is in the signature so that an old message cannot be sent again.
 */
#ifndef TROUPE_HTTP_SIGNATURE_H
#define TROUPE_HTTP_SIGNATURE_H

#include "base/buf.h"
#include "base/slice.h"
#include <stdint.h>

#define HTTP_SIGNATURE_HEADER "X-Troupe-Signature"

/* Appends the header's value. The secret may not be empty: then nothing is appended and the buf has
 * failed. */
void http_signature_write(struct buf *out, struct slice secret, struct slice body,
                          int64_t timestamp_s);

#endif
