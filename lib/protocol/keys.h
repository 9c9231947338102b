/* keys: the names in Redis that the programs use; scripts have more (docs/protocol.md, "Keys"). */
#ifndef TROUPE_PROTOCOL_KEYS_H
#define TROUPE_PROTOCOL_KEYS_H

#include "base/buf.h"
#include "base/slice.h"
#include <stdint.h>

#define KEY_RUNS "troupe:runs"
#define KEY_REJECTED "troupe:rejected"
#define KEY_WORKFLOWS "troupe:workflows"
#define KEY_SCRIPT "troupe:script:" /* and its name */
#define KEY_RECORD "troupe:record"
#define KEY_GRAPH_WANTED "troupe:graph:wanted"
#define KEY_GROUP "fleet"
#define KEY_LAYOUT 1
#define KEY_MAX 256

/* All write a NUL-terminated key and return its slice; `out` has KEY_MAX bytes. */
struct slice key_meta(char *out, uint16_t partition);
struct slice key_queue(char *out, uint16_t partition, struct slice queue);
struct slice key_run(char *out, uint16_t partition, struct slice run_id);
/* A value that lives beside its run. */
struct slice key_value(char *out, uint16_t partition, struct slice run_id, struct slice number);
struct slice key_ledger(char *out, uint16_t partition);
struct slice key_workers(char *out, uint16_t partition);
struct slice key_serves(char *out, uint16_t partition);
struct slice key_remotes(char *out, uint16_t partition);
struct slice key_graph(char *out, struct slice digest);

/* The partition in a queue's or ledger's key, e.g. of a reply of the bell; -1 when it has no tag. */
int key_partition(struct slice key);

#endif
