#include "worker/beside.h"
#include <stdlib.h>
#include <string.h>

static struct slice put(char **at, struct slice text)
{
    char *start = *at;
    if (text.len > 0)
        memcpy(start, text.ptr, text.len);
    *at += text.len;
    return slice_of(start, text.len);
}

static uint32_t chain_of(const struct beside_name *name)
{
    const struct slice run = name->run, number = name->number;
    uint32_t sum = 0;
    for (size_t i = 0; i < number.len; i++)
        sum = sum * 31 + (unsigned char)number.ptr[i];
    for (size_t i = run.len < 8 ? 0 : run.len - 8; i < run.len; i++)
        sum = sum * 31 + (unsigned char)run.ptr[i];
    return sum % BESIDE_CHAINS;
}

struct beside *beside_new(struct beside_list *list, const struct beside_name *name,
                          struct slice value)
{
    const size_t size = name->run.len + name->incarnation.len + name->number.len + value.len;
    struct beside *beside = malloc(sizeof(*beside) + size);
    if (!beside)
        return NULL;
    char *at = beside->bytes;
    struct beside **first = &list->chains[chain_of(name)];
    *beside = (struct beside){.next = *first, .at = first, .holders = 1};
    beside->name.run = put(&at, name->run);
    beside->name.incarnation = put(&at, name->incarnation);
    beside->name.number = put(&at, name->number);
    beside->value = value.ptr ? put(&at, value) : SLICE_NONE;
    if (beside->next)
        beside->next->at = &beside->next;
    *first = beside;
    list->bytes += value.len;
    return beside;
}

struct beside *beside_find(const struct beside_list *list, const struct beside_name *name)
{
    for (struct beside *each = list->chains[chain_of(name)]; each; each = each->next) {
        if (slice_eq(each->name.number, name->number) && slice_eq(each->name.run, name->run) &&
            slice_eq(each->name.incarnation, name->incarnation))
            return each;
    }
    return NULL;
}

struct beside *beside_hold(struct beside *beside)
{
    beside->holders++;
    return beside;
}

void beside_release(struct beside_list *list, struct beside *beside)
{
    if (!beside || --beside->holders > 0)
        return;
    list->bytes -= beside->value.len;
    if (beside->next)
        beside->next->at = beside->at;
    *beside->at = beside->next;
    free(beside);
}
