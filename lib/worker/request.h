/* request: one entry of the inbox, checked.
 *
 *   workflow       name, required            version        number; default: the latest
 *   input          JSON text; default null   labels         JSON object of strings
 *   run_id         a UUID                    dedup_key      same workflow and key: same run
 *
 * Reading is total: what is not a request has a reason why. A run without an id gets one that is the
 * same whoever reads the entry, however often: version 5 over the epoch of partition 0, the entry's
 * id and the SHA-256 of its fields (entry ids repeat after a flush); with dedup_key over workflow
 * and key.
 */
#ifndef TROUPE_WORKER_REQUEST_H
#define TROUPE_WORKER_REQUEST_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/uuid7.h"
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

struct request_field {
    struct slice name, value;
};

struct request {
    struct arena arena;
    struct slice entry_id;
    int64_t submitted_us; /* when the entry was added */
    int64_t deadline_ms;  /* unix ms; 0: none */
    struct request_field *fields;
    uint32_t field_count;

    struct slice workflow, input, labels, dedup_key;
    int64_t version;             /* 0: the latest */
    char run[UUID_TEXT_LEN + 1]; /* "" until it is known */
    bool out_of_memory;          /* while it was read */
    char reason[300];            /* why it cannot start; "" when nothing speaks against it */
};

/* Copies and checks an entry [id, [field, value, ...]]. max_value_bytes: of the input. -1 without
 * memory, or when it has no shape of an entry at all. */
MUSTCHECK int request_read(struct request *request, const redisReply *entry,
                           size_t max_value_bytes);
void request_free(struct request *request);
/* Fills `run` when it is not known yet. -1 without memory. */
MUSTCHECK int request_name_run(struct request *request, struct slice epoch);
/* Says why it cannot start, unless that is said already. */
void request_refuse(struct request *request, const char *format, ...) PRINTF(2, 3);
/* The fields as a JSON object of strings; long values are cut. */
void request_write_json(struct buf *out, const struct request *request);

#endif
