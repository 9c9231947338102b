/* copy: rows in the binary format of COPY, into a buffer.
 *
 * A row is copy_row(columns) and then a value per column, in order. The buffer's failure is sticky.
 * Text from outside is made fit for Postgres: NULs and what is no UTF-8 become '?'.
 */
#ifndef TROUPE_STORE_COPY_H
#define TROUPE_STORE_COPY_H

#include "base/buf.h"
#include "base/sha256.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

void copy_begin(struct buf *out); /* the header */
void copy_row(struct buf *out, int16_t columns);
void copy_end(struct buf *out); /* the trailer */

void copy_null(struct buf *out);
void copy_bool(struct buf *out, bool value);
void copy_int4(struct buf *out, int32_t value);
void copy_int8(struct buf *out, int64_t value);
void copy_time(struct buf *out, int64_t wall_us);   /* timestamptz; 0: NULL */
void copy_text(struct buf *out, struct slice text); /* text, json; ptr NULL: NULL */
void copy_uuid(struct buf *out, struct slice text); /* NULL when it is none */

/* --- arrays in binary: copy_array and then `count` values, which are bytes or text as above --- */

enum { COPY_BYTEA = 17, COPY_JSON = 114 }; /* types, as Postgres numbers them */
void copy_array(struct buf *out, uint32_t type, uint32_t count);
void copy_bytes(struct buf *out, const void *bytes, uint32_t len);

/* --- arrays as text --- */

/* An array's text, "{…}", for a parameter that is cast to an array; ptr NULL: NULL. */
void array_begin(struct buf *out);
void array_add(struct buf *out, struct slice text);
/* Of bytea[]. */
void array_add_digest(struct buf *out, const uint8_t digest[SHA256_BYTES]);
void array_add_int(struct buf *out, int64_t value);
void array_end(struct buf *out);

#endif
