/* noop.py in C: a worker, or with -DPLUGIN a plugin. */
#include <stdlib.h>
#include <troupe.h>

static int noop(struct troupe_task *task, void *context)
{
    (void)task;
    (void)context;
    return 0;
}

#ifdef PLUGIN

int troupe_plugin(const struct troupe_host *host)
{
    if (troupe_plugin_begin(host, "noop") != 0)
        return -1;
    return troupe_host_function(host, "noop", noop, NULL);
}

#else

int main(void)
{
    const struct troupe_settings settings = {.size = sizeof(settings)};
    struct troupe_worker *worker = troupe_worker_new(&settings);
    if (!worker || troupe_worker_function(worker, "noop", noop, NULL) != 0)
        return 2;
    return troupe_worker_run(worker) == 0 ? 0 : 1;
}

#endif
