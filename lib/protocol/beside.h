/* beside: values over the limit live beside their run; its hash refers to them (docs/protocol.md, "Values beside
 * the run"). */
#ifndef TROUPE_PROTOCOL_BESIDE_H
#define TROUPE_PROTOCOL_BESIDE_H

#include "base/slice.h"
#include "protocol/command.h"
#include <stdbool.h>
#include <stdint.h>

#define BESIDE_INLINE_BYTES 4096 /* the scripts' own limit, unless a call says another */

/* `@n,length` in place of a value's JSON: "@0,5000", "c|1|1000|2000|@7,5000". No JSON ends like that. */
struct beside_reference {
    struct slice number; /* decimal; part of the text */
    uint64_t length;     /* of the value */
};
/* False when the text is a value itself. */
bool beside_reference_read(struct slice text, struct beside_reference *reference);

/* A script's budget of operations, with the limit when it is another than its own (0: its own). */
void beside_write_budget(struct command *command, uint32_t operations, size_t inline_bytes);

#endif
