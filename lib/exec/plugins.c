#include "exec/plugins.h"
#include "base/log.h"
#include "exec/executors.h"
#include "libtroupe/pool.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    AHEAD_US = 20000,  /* of work that waits for a thread */
    AHEAD_MOST = 1000, /* tasks */
    WEIGHT_SHIFT = 5,  /* of the newest duration in their mean: 1/32 */
    FIRST_MEAN_US = 1000000,
};

struct plugin {
    struct plugin *next;
    char name[REGISTRY_NAME_BYTES + 1];
};

struct plugins {
    struct registry registry;
    struct plugin *loaded;
    struct pool *pool;
    uint32_t threads;
    int64_t mean_us; /* that a callback takes */
    int bell;        /* rings when callbacks are done */
    struct event *rings;
    void (*room)(void *context); /* or NULL */
    void *room_context;
};

/* One that is being loaded. */
struct loading {
    struct plugins *plugins;
    struct plugin *plugin; /* NULL: it has not said who it is */
    struct err *err;
};

/* What it sees of that. */
struct troupe_host {
    struct loading *loading;
};

typedef int plugin_fn(const struct troupe_host *host);

/* --- loading --- */

int troupe_host_begin(const struct troupe_host *host, uint32_t abi, const char *name)
{
    struct loading *loading = host->loading;
    const struct slice text = slice_str(name);
    if (abi != TROUPE_ABI)
        return err_set(loading->err, ERR_USAGE, "it was built for ABI %u, and this worker has %d",
                       abi, TROUPE_ABI);
    if (loading->plugin)
        return err_set(loading->err, ERR_USAGE, "it called troupe_plugin_begin twice");
    if (text.len == 0 || text.len > REGISTRY_NAME_BYTES)
        return err_set(loading->err, ERR_USAGE, "its name must have 1 to %d bytes",
                       REGISTRY_NAME_BYTES);
    for (const struct plugin *at = loading->plugins->loaded; at; at = at->next) {
        if (strcmp(at->name, name) == 0)
            return err_set(loading->err, ERR_USAGE, "there is a plugin of the name '%s' already",
                           name);
    }
    struct plugin *plugin = calloc(1, sizeof(*plugin));
    if (!plugin)
        return err_set(loading->err, ERR_LIMIT, "no memory for a plugin");
    memcpy(plugin->name, text.ptr, text.len);
    plugin->next = loading->plugins->loaded;
    loading->plugins->loaded = plugin;
    loading->plugin = plugin;
    return 0;
}

int troupe_host_add(const struct troupe_host *host, const struct troupe_handler *handler)
{
    struct loading *loading = host->loading;
    if (loading->err->code != ERR_NONE)
        return -1;
    if (!loading->plugin)
        return err_set(loading->err, ERR_USAGE, "it must call troupe_plugin_begin first");
    if (handler && handler->size >= sizeof(*handler) && handler->queue)
        return err_set(loading->err, ERR_USAGE, "a plugin's handlers have no queue of their own");
    return registry_add(&loading->plugins->registry, handler, loading->err);
}

int troupe_host_function(const struct troupe_host *host, const char *name, troupe_run_fn *run,
                         void *context)
{
    return troupe_host_add(host, &(struct troupe_handler){.size = sizeof(struct troupe_handler),
                                                          .kind = TROUPE_FUNCTION,
                                                          .name = name,
                                                          .run = run,
                                                          .context = context});
}

static int begin(struct plugins *plugins, plugin_fn *entry, struct err *err)
{
    struct loading loading = {.plugins = plugins, .err = err};
    const struct troupe_host host = {&loading};
    const uint32_t before = plugins->registry.count;
    const int rc = entry(&host);
    if (err->code != ERR_NONE) /* also when it did not look at what it was told */
        return -1;
    if (rc != 0)
        return err_set(err, ERR_USAGE, "its troupe_plugin returned %d", rc);
    if (!loading.plugin)
        return err_set(err, ERR_USAGE, "its troupe_plugin did not call troupe_plugin_begin");
    if (plugins->registry.count == before)
        return err_set(err, ERR_USAGE, "it has no functions");
    log_write(LOG_INFO, "loaded a plugin", LOG_S("plugin", loading.plugin->name),
              LOG_I("functions", plugins->registry.count - before));
    return 0;
}

/* Never closed: its code may have threads, and exit handlers. */
static int load(struct plugins *plugins, const char *path, struct err *err)
{
    char *file = realpath(path, NULL);
    void *object = file ? dlopen(file, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!file)
        return err_set(err, ERR_USAGE, "plugin %.200s: %s", path, strerror(errno));
    free(file);
    if (!object)
        return err_set(err, ERR_USAGE, "plugin %.200s cannot be loaded: %.300s", path, dlerror());
    plugin_fn *entry = NULL;
    void *symbol = dlsym(object, "troupe_plugin");
    memcpy(&entry, &symbol, sizeof(entry)); /* POSIX has no other way without a cast */
    if (!entry)
        return err_set(err, ERR_USAGE, "plugin %.200s: it does not export troupe_plugin", path);
    return begin(plugins, entry, err) == 0 ? 0 : err_prefix(err, "plugin %.200s", path);
}

/* --- callbacks that are done --- */

void plugins_ring(void *context)
{
    const struct plugins *plugins = context;
    const uint64_t one = 1;
    /* It fails only when it rings already, for 2^64 - 2 others. */
    if (write(plugins->bell, &one, sizeof(one)) < 0 && errno != EAGAIN)
        panic("cannot wake the loop: %s", strerror(errno));
}

static bool tell(struct exec_task *task, struct troupe_task *said)
{
    struct slice body;
    if (!task->words || !task_words(said, &body))
        return false;
    task->words(task, body);
    task_said(said);
    return true;
}

static void end(struct plugins *plugins, struct troupe_task *said)
{
    struct exec_task *task = said->owner;
    plugins->mean_us += (said->took_us - plugins->mean_us) / (1 << WEIGHT_SHIFT);
    if (task) {
        while (tell(task, said)) {
        }
        const struct slice body = arena_copy(task->arena, buf_slice(&said->body));
        task->job = NULL;
        task->said = (struct exec_said){.kind = said->result_kind, .body = body};
        if (!body.ptr) {
            task->said.kind = 0;
            (void)exec_failed(task, "too_large", "out of memory for the output");
        }
    }
    task_free(said);
    if (task)
        task->done(task);
}

static void on_ring(evutil_socket_t fd, short what, void *context)
{
    struct plugins *plugins = context;
    uint64_t count;
    (void)what;
    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        panic("cannot read who woke the loop: %s", strerror(errno));
    struct troupe_task *said = pool_take(plugins->pool);
    while (said) {
        struct troupe_task *next = said->next;
        end(plugins, said);
        said = next;
    }
    if (plugins->room)
        plugins->room(plugins->room_context);
}

/* --- executing --- */

static void cancel(struct exec_task *task)
{
    struct troupe_task *asked = task->job;
    task->job = NULL;
    task_cancel(asked);
    asked->owner = NULL; /* read by this thread only */
    const bool begun = !pool_withdraw(task->host->plugins->pool, asked);
    task->verdict.unknown = begun || task->taken_over;
    if (!begun)
        task_free(asked);
}

int exec_plugin(struct exec_task *task)
{
    bool bad;
    struct troupe_task *asked = task_new(task->asked, &bad);
    if (!asked && bad)
        return exec_failed(task, "internal", "the task cannot be read by the plugin's host");
    if (!asked)
        return exec_failed(task, "too_large", "out of memory for a task");
    asked->handler = task->plugin;
    asked->owner = task;
    task->said = (struct exec_said){0};
    if (pool_submit(task->host->plugins->pool, asked) != 0) {
        task_free(asked);
        return exec_failed(task, "internal", "cannot start a thread");
    }
    task->job = asked;
    task->cancel = cancel;
    return 0;
}

const struct handler *plugins_find(const struct plugins *plugins, const struct graph_node *node)
{
    enum troupe_kind kind;
    if (!node->remote.ptr || !kind_read(slice_str(graph_task_type(node)), &kind))
        return NULL;
    const struct handler *handler = registry_find(&plugins->registry, kind, node->remote);
    return handler && slice_eq_str(node->task_queue, handler->queue) ? handler : NULL;
}

const struct registry *plugins_registry(const struct plugins *plugins)
{
    return &plugins->registry;
}

bool plugins_are_full(struct plugins *plugins)
{
    uint32_t waiting, running;
    pool_counts(plugins->pool, &waiting, &running);
    const int64_t mean_us = plugins->mean_us > 0 ? plugins->mean_us : 1;
    const int64_t ahead = (int64_t)plugins->threads * AHEAD_US / mean_us;
    return running >= plugins->threads && waiting > (ahead < AHEAD_MOST ? ahead : AHEAD_MOST);
}

bool plugins_are_busy(struct plugins *plugins)
{
    uint32_t waiting, running;
    pool_counts(plugins->pool, &waiting, &running);
    return waiting + running > 0;
}

void plugins_on_room(struct plugins *plugins, void (*room)(void *context), void *context)
{
    plugins->room = room;
    plugins->room_context = context;
}

struct pool *plugins_pool(const struct plugins *plugins) { return plugins->pool; }

uint32_t plugins_threads(const struct plugins *plugins) { return plugins->threads; }

void plugins_tell(struct exec_task *task) { (void)tell(task, task->job); }

/* --- life --- */

static int start(struct plugins *plugins, struct event_base *base, uint32_t threads,
                 struct err *err)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    plugins->threads = threads ? threads : cores > 0 ? 2 * (uint32_t)cores : 2;
    plugins->mean_us = FIRST_MEAN_US;
    plugins->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (plugins->bell < 0)
        return err_set(err, ERR_IO, "cannot make an eventfd: %s", strerror(errno));
    plugins->pool = pool_new(plugins->threads, plugins_ring, plugins);
    plugins->rings = event_new(base, plugins->bell, EV_READ | EV_PERSIST, on_ring, plugins);
    if (!plugins->pool || !plugins->rings || event_add(plugins->rings, NULL) != 0)
        return err_set(err, ERR_LIMIT, "no memory for plugins");
    return 0;
}

struct plugins *plugins_new(struct event_base *base, const char *const *paths, uint32_t count,
                            uint32_t threads, struct err *err)
{
    struct plugins *plugins = calloc(1, sizeof(*plugins));
    if (!plugins) {
        (void)err_set(err, ERR_LIMIT, "no memory for plugins");
        return NULL;
    }
    plugins->bell = -1;
    int rc = start(plugins, base, threads, err);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = load(plugins, paths[i], err);
    if (rc == 0)
        return plugins;
    (void)plugins_free(plugins);
    return NULL;
}

bool plugins_free(struct plugins *plugins)
{
    if (!plugins)
        return true;
    if (plugins->rings)
        event_free(plugins->rings);
    if (!pool_close(plugins->pool))
        return false; /* its threads still use what is here */
    while (plugins->loaded) {
        struct plugin *plugin = plugins->loaded;
        plugins->loaded = plugin->next;
        free(plugin);
    }
    registry_free(&plugins->registry);
    if (plugins->bell >= 0)
        (void)close(plugins->bell);
    free(plugins);
    return true;
}
