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

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include <stdint.h>

#define HTTP_SIGNATURE_HEADER "X-Troupe-Signature"
#define HTTP_SIGNATURE_TOLERANCE_S 300

/* Appends the header's value. The secret may not be empty: then nothing is appended and the buf has
 * failed. */
void http_signature_write(struct buf *out, struct slice secret, struct slice body,
                          int64_t timestamp_s);

/* 0: signed with this secret at most tolerance_s before or after now_s. ERR_REFUSED says why not, never
 * more than the sender knows. Takes as long for a wrong signature as for a right one. */
MUSTCHECK int http_signature_verify(struct slice header, struct slice secret, struct slice body,
                                    int64_t now_s, int64_t tolerance_s, struct err *err);

#endif
