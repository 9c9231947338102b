/* remote: nodes that a remote worker executes: agents, tools, and functions that are not built in. */
#include "graph/compile.h"

enum { REMOTE_NAME_BYTES = 128 };

bool remote_function_takes(struct json_ref key)
{
    return !json_string_eq(key, SLICE("function_name")) && !json_string_eq(key, SLICE("input"));
}

bool remote_work_takes(struct json_ref key)
{
    return !json_string_eq(key, SLICE("name")) && !json_string_eq(key, SLICE("input"));
}

/* In a queue's name. */
static bool valid_name(struct slice name)
{
    if (name.len == 0 || name.len > REMOTE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == '|' || name.ptr[i] == ',')
            return false;
    return true;
}

static void wrong_name(struct compiler *c, struct json_ref ref, const struct path *path)
{
    report_error(c, ref, path,
                 "expected 1 to %d printable ASCII characters without blanks, '|' and ','",
                 REMOTE_NAME_BYTES);
}

const char *graph_task_type(const struct graph_node *node)
{
    return node_type_name(node->type == NODE_LOOP ? NODE_FUNCTION : node->type);
}

/* `function:score` */
static int name_queue(struct compiler *c, struct graph_node *node)
{
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "%s:", graph_task_type(node));
    buf_slice_append(&text, node->remote);
    node->task_queue = buf_ok(&text) ? arena_copy(c->arena, buf_slice(&text)) : SLICE_NONE;
    buf_free(&text);
    return node->task_queue.ptr ? 0 : -1;
}

static int read_queue(struct compiler *c, struct graph_node *node, struct json_ref ref,
                      const struct path *node_path)
{
    const struct path path = path_key(node_path, SLICE("queue"));
    struct slice name = json_string(ref, &c->scratch);
    if (!name.ptr)
        return -1;
    if (!node->remote.ptr) {
        if (c->quiet == 0)
            report_error(c, ref, &path,
                         "not supported yet but for nodes that remote workers execute");
        return 0;
    }
    if (!valid_name(name))
        wrong_name(c, ref, &path);
    else if (slice_eq(name, node->queue))
        report_error(c, ref, &path, "'%.*s' is the queue of troupe's own workers", SLICE_ARG(name));
    node->task_queue = arena_copy(c->arena, name);
    return node->task_queue.ptr ? 0 : -1;
}

int remote_read(struct compiler *c, struct graph_node *node, const struct node_fields *fields,
                const struct path *path)
{
    const bool function = node->type == NODE_FUNCTION || node->type == NODE_LOOP;
    const struct path config = path_key(path, SLICE("config"));
    const struct path place = path_key(&config, function ? SLICE("function_name") : SLICE("name"));
    struct json_ref queue = FIELD_VALUE(&fields->node, NODE, QUEUE), name = JSON_NONE;
    if (node->type == NODE_LOOP && node->function == FUNCTION_NONE)
        name = FIELD_VALUE(&fields->config_fields, LOOP_CONFIG, FUNCTION_NAME);
    if (node->type == NODE_FUNCTION && node->function == FUNCTION_NONE)
        name = FIELD_VALUE(&fields->config_fields, REMOTE, FUNCTION_NAME);
    if (node->type == NODE_AGENT || node->type == NODE_TOOL)
        name = FIELD_VALUE(&fields->config_fields, REMOTE_WORK, NAME);
    if (json_present(name)) {
        struct slice text = json_string(name, &c->scratch);
        node->remote = text.ptr ? arena_copy(c->arena, text) : SLICE_NONE;
        if (!node->remote.ptr || name_queue(c, node) != 0)
            return -1;
        if (!valid_name(node->remote))
            wrong_name(c, name, &place);
    }
    return json_present(queue) ? read_queue(c, node, queue, path) : 0;
}
