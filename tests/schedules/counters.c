/* counters: how often what has happened. */
#include "sim.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTERS_MOST = 256, NAME_MOST = 80 };

static struct counter {
    char name[NAME_MOST];
    uint64_t times;
} counters[COUNTERS_MOST];
static uint32_t counter_count;

static struct counter *find(const char *name)
{
    for (uint32_t i = 0; i < counter_count; i++) {
        if (strcmp(counters[i].name, name) == 0)
            return &counters[i];
    }
    return NULL;
}

void happened(const char *format, ...)
{
    char name[NAME_MOST];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    struct counter *counter = find(name);
    if (!counter) {
        if (counter_count == COUNTERS_MOST)
            violated("more than %d counters", COUNTERS_MOST);
        counter = &counters[counter_count++];
        (void)snprintf(counter->name, sizeof(counter->name), "%s", name);
    }
    counter->times++;
}

void counters_print(FILE *out)
{
    (void)fprintf(out, "{");
    for (uint32_t i = 0; i < counter_count; i++)
        (void)fprintf(out, "%s\"%s\": %llu", i ? ", " : "", counters[i].name,
                      (unsigned long long)counters[i].times);
    (void)fprintf(out, "}\n");
}
