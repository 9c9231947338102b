#include "worker/names.h"
#include <string.h>

int names_find(const struct names *names, struct slice text)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (slice_eq_str(text, names->names[i].text))
            return (int)i;
    }
    return -1;
}

static struct name *oldest(struct names *names)
{
    struct name *found = &names->names[0];
    for (uint32_t i = 1; i < names->count; i++) {
        if (names->names[i].asked_us < found->asked_us)
            found = &names->names[i];
    }
    return found;
}

void names_note(struct names *names, struct slice text, int64_t now_us)
{
    const int at = names_find(names, text);
    if (at >= 0) {
        names->names[at].asked_us = now_us;
        return;
    }
    if (text.len == 0 || text.len >= NAMES_BYTES)
        return;
    struct name *name = names->count < NAMES_MOST ? &names->names[names->count++] : oldest(names);
    memcpy(name->text, text.ptr, text.len);
    name->text[text.len] = '\0';
    name->asked_us = now_us;
}

void names_forget(struct names *names, int64_t before_us)
{
    for (uint32_t i = 0; i < names->count;) {
        if (names->names[i].asked_us < before_us)
            names->names[i] = names->names[--names->count];
        else
            i++;
    }
}
