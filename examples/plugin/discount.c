/* A plugin with one function: what an order costs after its discount.
 *
 *     make && troupe-worker --plugin ./discount.so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <troupe.h>

/* The number behind "name": in a flat object; use a JSON library for more. */
static int number(const char *json, const char *name, double *value)
{
    const char *at = strstr(json, name);
    char *end;
    if (!at || !(at = strchr(at, ':')))
        return -1;
    *value = strtod(at + 1, &end);
    return end == at + 1 ? -1 : 0;
}

static int discount(struct troupe_task *task, void *context)
{
    double price, percent;
    char text[100];
    (void)context;
    if (number(troupe_task_input(task, NULL), "\"price\"", &price) != 0)
        return troupe_task_fail(task, "no_price", "the input must have a price", 0);
    if (number(troupe_task_config(task, NULL), "\"percent\"", &percent) != 0)
        return troupe_task_fail(task, "no_percent", "config.percent is missing", 0);
    const int len = snprintf(text, sizeof(text), "{\"price\":%.2f}", price * (100 - percent) / 100);
    return troupe_task_output(task, text, (size_t)len);
}

int troupe_plugin(const struct troupe_host *host)
{
    if (troupe_plugin_begin(host, "discount") != 0)
        return -1;
    return troupe_host_function(host, "discount", discount, NULL);
}
