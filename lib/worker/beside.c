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

struct beside *beside_new(struct beside_list *list, const struct beside_name *name,
                          struct slice value)
{
    const size_t size = name->run.len + name->incarnation.len + name->number.len + value.len;
    struct beside *beside = malloc(sizeof(*beside) + size);
    if (!beside)
        return NULL;
    char *at = beside->bytes;
    *beside = (struct beside){.next = list->first, .holders = 1};
    beside->name.run = put(&at, name->run);
    beside->name.incarnation = put(&at, name->incarnation);
    beside->name.number = put(&at, name->number);
    beside->value = value.ptr ? put(&at, value) : SLICE_NONE;
    if (list->first)
        list->first->before = beside;
    list->first = beside;
    list->bytes += value.len;
    return beside;
}

struct beside *beside_find(const struct beside_list *list, const struct beside_name *name)
{
    for (struct beside *each = list->first; each; each = each->next) {
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
        beside->next->before = beside->before;
    if (beside->before)
        beside->before->next = beside->next;
    else
        list->first = beside->next;
    free(beside);
}
