#include "worker/recent.h"
#include "base/hash.h"
#include <string.h>

void recent_init(struct recent *recent)
{
    memset(recent, 0, sizeof(*recent));
    recent->seed = hash_seed();
}

static uint16_t *head_of(struct recent *recent, struct slice id)
{
    return &recent->heads[hash_bytes(id, recent->seed) % RECENT_MAX];
}

static void forget(struct recent *recent, uint32_t slot)
{
    uint16_t *at = head_of(recent, slice_str(recent->ids[slot]));
    while (*at != slot + 1)
        at = &recent->next[*at - 1];
    *at = recent->next[slot];
}

int recent_add(struct recent *recent, struct slice id)
{
    if (id.len == 0 || id.len >= RECENT_ID_BYTES)
        return -1;
    const uint32_t slot = recent->added % RECENT_MAX;
    if (recent->ids[slot][0])
        forget(recent, slot);
    recent->added++;
    memcpy(recent->ids[slot], id.ptr, id.len);
    recent->ids[slot][id.len] = '\0';
    uint16_t *head = head_of(recent, id);
    recent->next[slot] = *head;
    *head = (uint16_t)(slot + 1);
    return (int)slot;
}

int recent_find(const struct recent *recent, struct slice id)
{
    uint16_t at = recent->heads[hash_bytes(id, recent->seed) % RECENT_MAX];
    while (at && !slice_eq_str(id, recent->ids[at - 1]))
        at = recent->next[at - 1];
    return (int)at - 1;
}
