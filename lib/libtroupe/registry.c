#include "libtroupe/registry.h"
#include "base/alloc.h"
#include "base/buf.h"
#include <stdlib.h>

static const char *const kinds[] = {"function", "agent", "tool"};

const char *kind_name(enum troupe_kind kind) { return kinds[kind]; }

bool kind_read(struct slice text, enum troupe_kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_eq_str(text, kinds[i])) {
            *kind = (enum troupe_kind)i;
            return true;
        }
    }
    return false;
}

/* As the graph takes names (lib/graph/remote.c). */
static bool valid_name(const char *name)
{
    size_t len = 0;
    for (; name[len]; len++)
        if (name[len] <= ' ' || name[len] > '~' || name[len] == '|' || name[len] == ',' ||
            len == REGISTRY_NAME_BYTES)
            return false;
    return len > 0;
}

static int check(const struct registry *registry, const struct troupe_handler *handler,
                 struct err *err)
{
    if (!handler || handler->size < sizeof(*handler))
        return err_set(err, ERR_USAGE,
                       "a handler has %zu bytes, not the %zu of this ABI: was `size` set?",
                       handler ? handler->size : 0, sizeof(*handler));
    if ((size_t)handler->kind >= ARRAY_LEN(kinds) || !handler->run || !handler->name)
        return err_set(err, ERR_USAGE, "a handler needs a kind, a name and a callback");
    if (!valid_name(handler->name) || (handler->queue && !valid_name(handler->queue)))
        return err_set(err, ERR_USAGE,
                       "'%.150s': names and queues have 1 to %d printable ASCII characters without "
                       "blanks, '|' and ','",
                       valid_name(handler->name) ? handler->queue : handler->name,
                       REGISTRY_NAME_BYTES);
    if (registry_find(registry, handler->kind, slice_str(handler->name)))
        return err_set(err, ERR_USAGE, "the %s '%s' is there already", kinds[handler->kind],
                       handler->name);
    return 0;
}

static void handler_free(struct handler *handler)
{
    if (!handler)
        return;
    free(handler->name);
    free(handler->queue);
    free(handler);
}

static char *copy(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *out = mem_alloc(size);
    return out ? memcpy(out, text, size) : NULL;
}

static struct handler *handler_new(const struct troupe_handler *from)
{
    struct handler *handler = mem_calloc(1, sizeof(*handler));
    struct buf queue;
    if (!handler)
        return NULL;
    buf_init(&queue, 0);
    if (from->queue)
        buf_str(&queue, from->queue);
    else
        buf_printf(&queue, "%s:%s", kinds[from->kind], from->name);
    *handler = (struct handler){.kind = from->kind,
                                .run = from->run,
                                .context = from->context,
                                .name = copy(from->name),
                                .queue = buf_ok(&queue) ? queue.data : NULL};
    if (handler->name && handler->queue)
        return handler;
    if (!handler->queue)
        buf_free(&queue);
    handler_free(handler);
    return NULL;
}

int registry_add(struct registry *registry, const struct troupe_handler *handler, struct err *err)
{
    if (check(registry, handler, err) != 0)
        return -1;
    struct handler *added = handler_new(handler);
    struct handler **grown =
        added ? mem_realloc(registry->handlers, (registry->count + 1) * sizeof(void *)) : NULL;
    if (!grown) {
        handler_free(added);
        return err_set(err, ERR_LIMIT, "no memory for a handler");
    }
    registry->handlers = grown;
    registry->handlers[registry->count++] = added;
    return 0;
}

const struct handler *registry_find(const struct registry *registry, enum troupe_kind kind,
                                    struct slice name)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const struct handler *handler = registry->handlers[i];
        if (handler->kind == kind && slice_eq_str(name, handler->name))
            return handler;
    }
    return NULL;
}

void registry_free(struct registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++)
        handler_free(registry->handlers[i]);
    free(registry->handlers);
    *registry = (struct registry){0};
}
