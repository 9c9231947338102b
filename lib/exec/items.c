#include "exec/items.h"
#include "exec/executors.h"
#include <math.h>
#include <stdlib.h>

int items_read(struct exec_task *task, struct graph_text *otherwise, const char *what,
               struct json_ref *list)
{
    struct graph_text text = *otherwise;
    if (task->node->items) {
        buf_reset(task->output);
        if (binding_eval(task->node->items, task->values, task->arena, task->output,
                         &task->failure) != 0)
            return -1;
        text = (struct graph_text){.text = arena_copy(task->arena, buf_slice(task->output))};
        what = "config.items";
        buf_reset(task->output);
    }
    if (graph_text_ref(&text, task->arena, list) != 0)
        return exec_failed(task, "too_large", "%s cannot be read within the limits", what);
    /* The document must outlive this function. */
    struct json_doc *doc = arena_alloc(task->arena, sizeof(*doc));
    if (!doc)
        return exec_failed(task, "too_large", "out of memory for %s", what);
    *doc = text.doc;
    *list = json_root(doc);
    if (json_type(*list) != JSON_ARRAY)
        return exec_failed(task, "type", "%s must be a list, not %s", what,
                           json_type_name(json_type(*list)));
    return 0;
}

/* --- equality --- */

/* Appends a text that is the same for values that are equal: members sorted, escapes undone, 1.0 as 1.
 * -1 without memory. */
static int write_canonical(struct buf *out, struct json_ref value, struct arena *arena);

struct member {
    struct slice name;
    struct json_ref value;
};

static int by_name(const void *a, const void *b)
{
    const struct slice one = ((const struct member *)a)->name,
                       other = ((const struct member *)b)->name;
    const int order = memcmp(one.ptr, other.ptr, one.len < other.len ? one.len : other.len);
    return order != 0 ? order : (one.len > other.len) - (one.len < other.len);
}

static int canonical_object(struct buf *out, struct json_ref object, struct arena *arena)
{
    const uint32_t count = json_count(object);
    struct member *members = arena_array(arena, count, sizeof(*members));
    uint32_t n = 0;
    if (!members)
        return -1;
    struct json_iter it = json_iter(object);
    while (json_next(&it)) {
        members[n].name = json_string(it.key, arena);
        members[n].value = it.value;
        if (!members[n++].name.ptr)
            return -1;
    }
    if (n > 0)
        qsort(members, n, sizeof(*members), by_name);
    buf_char(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        json_write_string(out, members[i].name);
        buf_char(out, ':');
        if (write_canonical(out, members[i].value, arena) != 0)
            return -1;
        buf_char(out, ',');
    }
    buf_char(out, '}');
    return 0;
}

/* Nested at most as deep as the reader lets through. */
static int write_canonical(struct buf *out, struct json_ref value, struct arena *arena)
{
    int64_t integer;
    double number;
    struct slice text;
    struct json_iter it;
    switch (json_type(value)) {
    case JSON_NULL:
    case JSON_BOOL:
        buf_slice_append(out, json_text(value));
        return 0;
    case JSON_NUMBER:
        number = json_double(value);
        if (json_int(value, &integer))
            buf_int(out, integer);
        else if (number == floor(number) && fabs(number) < 9e15)
            buf_int(out, (int64_t)number);
        else if (isfinite(number))
            json_write_double(out, number);
        else
            buf_slice_append(out, json_text(value));
        return 0;
    case JSON_STRING:
        text = json_string(value, arena);
        if (text.ptr)
            json_write_string(out, text);
        return text.ptr ? 0 : -1;
    case JSON_ARRAY:
        buf_char(out, '[');
        it = json_iter(value);
        while (json_next(&it)) {
            if (write_canonical(out, it.value, arena) != 0)
                return -1;
            buf_char(out, ',');
        }
        buf_char(out, ']');
        return 0;
    case JSON_OBJECT:
        return canonical_object(out, value, arena);
    }
    return -1;
}

int items_write_new(struct exec_task *task, struct strmap *set, struct json_ref element,
                    bool *first)
{
    struct buf key;
    buf_init(&key, task->max_value_bytes + 1024);
    int result = write_canonical(&key, element, task->arena);
    if (result == 0 && buf_ok(&key) && !strmap_get(set, buf_slice(&key))) {
        result = strmap_put(set, buf_slice(&key), task);
        if (!*first)
            buf_char(task->output, ',');
        *first = false;
        buf_slice_append(task->output, json_text(element));
    }
    if (!buf_ok(&key))
        result = -1;
    buf_free(&key);
    return result == 0 ? 0 : exec_failed(task, "too_large", "out of memory to compare values");
}
