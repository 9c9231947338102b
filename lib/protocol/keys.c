#include "protocol/keys.h"
#include "base/err.h"
#include <stdio.h>
#include <string.h>

static struct slice write_key(char *out, uint16_t partition, const char *kind, struct slice name)
{
    int len = snprintf(out, KEY_MAX, "troupe:{%u}:%s%.*s", (unsigned)partition, kind, (int)name.len,
                       name.ptr ? name.ptr : "");
    invariant(len >= 0 && len < KEY_MAX, "a key of %d bytes", len);
    return slice_of(out, (size_t)len);
}

struct slice key_meta(char *out, uint16_t partition)
{
    return write_key(out, partition, "meta", SLICE_NONE);
}

struct slice key_queue(char *out, uint16_t partition, struct slice queue)
{
    return write_key(out, partition, "q:", queue);
}

struct slice key_run(char *out, uint16_t partition, struct slice run_id)
{
    return write_key(out, partition, "run:", run_id);
}

struct slice key_value(char *out, uint16_t partition, struct slice run_id, struct slice number)
{
    const int len = snprintf(out, KEY_MAX, "troupe:{%u}:v:%.*s:%.*s", (unsigned)partition,
                             SLICE_ARG(run_id), SLICE_ARG(number));
    invariant(len >= 0 && len < KEY_MAX, "a key of %d bytes", len);
    return slice_of(out, (size_t)len);
}

struct slice key_ledger(char *out, uint16_t partition)
{
    return write_key(out, partition, "ledger", SLICE_NONE);
}

struct slice key_workers(char *out, uint16_t partition)
{
    return write_key(out, partition, "workers", SLICE_NONE);
}

struct slice key_serves(char *out, uint16_t partition)
{
    return write_key(out, partition, "serves", SLICE_NONE);
}

struct slice key_remotes(char *out, uint16_t partition)
{
    return write_key(out, partition, "remotes", SLICE_NONE);
}

struct slice key_graph(char *out, struct slice digest)
{
    int len = snprintf(out, KEY_MAX, "troupe:graph:%.*s", SLICE_ARG(digest));
    invariant(len >= 0 && len < KEY_MAX, "a key of %d bytes", len);
    return slice_of(out, (size_t)len);
}

int key_partition(struct slice key)
{
    static const char lead[] = "troupe:{";
    size_t at = sizeof(lead) - 1;
    if (key.len <= at || memcmp(key.ptr, lead, at) != 0)
        return -1;
    int partition = 0;
    size_t first = at;
    for (; at < key.len && key.ptr[at] >= '0' && key.ptr[at] <= '9'; at++) {
        partition = partition * 10 + (key.ptr[at] - '0');
        if (partition > UINT16_MAX)
            return -1;
    }
    return at > first && at < key.len && key.ptr[at] == '}' ? partition : -1;
}
