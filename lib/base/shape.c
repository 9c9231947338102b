#include "base/shape.h"
#include <stdlib.h>

int shape_by_name(const void *a, const void *b)
{
    const struct slice x = ((const struct shape_member *)a)->name;
    const struct slice y = ((const struct shape_member *)b)->name;
    const int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

const struct shape_member *shape_find(const struct shape *object, struct slice name)
{
    const struct shape_member wanted = {.name = name};
    return object->member_count == 0 ? NULL
                                     : bsearch(&wanted, object->members, object->member_count,
                                               sizeof(wanted), shape_by_name);
}
