#include "wfformat.h"
#include "base/json.h"
#include "base/strmap.h"
#include "graph/graph.h"
#include <stdio.h>
#include <string.h>

enum { ID_BYTES = 128, NUMBER_BYTES = 16, MS_PER_S = 1000 };

struct task {
    struct json_ref ref;
    struct slice id; /* the trace's */
    char node[ID_BYTES + 1];
    double runtime_s;
};

struct trace {
    const char *path;
    struct arena *arena;
    struct err *err;
    struct task *tasks;
    uint32_t count;
    struct strmap by_id;
};

static int wrong(struct trace *trace, struct json_ref at, const char *what)
{
    const struct json_position place = json_position(at);
    return err_set(trace->err, ERR_INVALID, "%s:%u:%u: not WfFormat: %s", trace->path, place.line,
                   place.column, what);
}

/* A member of that type, or an error at its object. */
static int member(struct trace *trace, struct json_ref object, const char *name,
                  enum json_type type, struct json_ref *value)
{
    char what[160];
    *value = json_present(object) && json_type(object) == JSON_OBJECT
                 ? json_member(object, slice_str(name))
                 : JSON_NONE;
    if (json_present(*value) && json_type(*value) == type)
        return 0;
    (void)snprintf(what, sizeof what, "expected a member '%s', %s", name, json_type_name(type));
    return wrong(trace, json_present(*value) ? *value : object, what);
}

/* --- ids --- */

static bool id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Also kept apart from the names of expressions, which no node may have. */
static int name_node(struct trace *trace, struct task *task, struct strmap *taken)
{
    static const char *const reserved[] = {"input", "context",   "output", "ctx", "item",
                                           "index", "iteration", "error",  "run", "secrets"};
    char base[ID_BYTES + 1];
    size_t len = 0;
    const char first = task->id.len > 0 ? task->id.ptr[0] : '0';
    if (first == '-' || (first >= '0' && first <= '9'))
        base[len++] = '_';
    for (size_t i = 0; i < task->id.len && len < ID_BYTES - NUMBER_BYTES; i++)
        base[len++] = id_char(task->id.ptr[i]) ? task->id.ptr[i] : '_';
    base[len] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (strcmp(base, reserved[i]) == 0 && strmap_put(taken, slice_str(base), trace) != 0)
            return -1;
    }
    (void)snprintf(task->node, sizeof task->node, "%s", base);
    for (unsigned number = 2; strmap_get(taken, slice_str(task->node)); number++)
        (void)snprintf(task->node, sizeof task->node, "%.*s_%u", (int)len, base, number);
    return strmap_put(taken, slice_str(task->node), task);
}

static int name_nodes(struct trace *trace)
{
    struct strmap taken;
    int result = 0;
    strmap_init(&taken);
    for (uint32_t i = 0; i < trace->count && result == 0; i++)
        result = name_node(trace, &trace->tasks[i], &taken);
    strmap_free(&taken);
    return result == 0 ? 0 : err_set(trace->err, ERR_LIMIT, "no memory for %u tasks", trace->count);
}

/* --- reading --- */

static int read_tasks(struct trace *trace, struct json_ref workflow)
{
    struct json_ref specification, tasks, id;
    if (member(trace, workflow, "specification", JSON_OBJECT, &specification) != 0 ||
        member(trace, specification, "tasks", JSON_ARRAY, &tasks) != 0)
        return -1;
    if (json_count(tasks) == 0 || json_count(tasks) > GRAPH_MAX_NODES)
        return wrong(trace, tasks, "expected 1 to 10,000 tasks");
    trace->tasks = arena_array(trace->arena, json_count(tasks), sizeof *trace->tasks);
    if (!trace->tasks)
        return err_set(trace->err, ERR_LIMIT, "no memory for %u tasks", json_count(tasks));
    struct json_iter it = json_iter(tasks);
    while (json_next(&it)) {
        struct task *task = &trace->tasks[trace->count];
        if (member(trace, it.value, "id", JSON_STRING, &id) != 0)
            return -1;
        task->ref = it.value;
        task->id = json_string(id, trace->arena);
        if (task->id.ptr && strmap_get(&trace->by_id, task->id))
            return wrong(trace, id, "two tasks have this id");
        if (!task->id.ptr || strmap_put(&trace->by_id, task->id, task) != 0)
            return err_set(trace->err, ERR_LIMIT, "no memory for a task");
        trace->count++;
    }
    return name_nodes(trace);
}

/* A trace may lack an execution; a task without a runtime takes no time. */
static int read_runtimes(struct trace *trace, struct json_ref workflow)
{
    struct json_ref execution = json_member(workflow, SLICE("execution")), tasks;
    if (!json_present(execution))
        return 0;
    if (member(trace, execution, "tasks", JSON_ARRAY, &tasks) != 0)
        return -1;
    struct json_iter it = json_iter(tasks);
    while (json_next(&it)) {
        struct json_ref id, runtime;
        if (member(trace, it.value, "id", JSON_STRING, &id) != 0 ||
            member(trace, it.value, "runtimeInSeconds", JSON_NUMBER, &runtime) != 0)
            return -1;
        struct slice text = json_string(id, trace->arena);
        struct task *task = text.ptr ? strmap_get(&trace->by_id, text) : NULL;
        if (!task)
            return wrong(trace, id, "no task of the specification has this id");
        task->runtime_s = json_double(runtime);
    }
    return 0;
}

/* --- writing --- */

static void write_nodes(struct buf *out, const struct trace *trace, double scale)
{
    buf_str(out, "\"nodes\":[");
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct task *task = &trace->tasks[i];
        const double ms = task->runtime_s > 0 ? task->runtime_s * MS_PER_S * scale : 0;
        buf_printf(
            out,
            "%s\n{\"id\":\"%s\",\"type\":\"function\",\"config\":{\"function_name\":\"sleep\","
            "\"input\":{\"ms\":%.0f}}}",
            i > 0 ? "," : "", task->node, ms);
    }
    buf_str(out, "]");
}

static int write_edge(struct buf *out, struct trace *trace, struct strmap *seen, struct json_ref id,
                      const struct task *task, bool to_child, bool *first)
{
    char key[2 * ID_BYTES + 4];
    struct slice text = json_type(id) == JSON_STRING ? json_string(id, trace->arena) : SLICE_NONE;
    const struct task *other = text.ptr ? strmap_get(&trace->by_id, text) : NULL;
    if (!other)
        return wrong(trace, id, "expected the id of a task");
    (void)snprintf(key, sizeof key, "%s>%s", to_child ? task->node : other->node,
                   to_child ? other->node : task->node);
    if (strmap_get(seen, slice_str(key)))
        return 0;
    if (strmap_put(seen, slice_str(key), trace) != 0)
        return err_set(trace->err, ERR_LIMIT, "no memory for an edge");
    buf_printf(out, "%s\n{\"from\":\"%s\",\"to\":\"%s\"}", *first ? "" : ",",
               to_child ? task->node : other->node, to_child ? other->node : task->node);
    *first = false;
    return 0;
}

static int write_edges(struct buf *out, struct trace *trace)
{
    static const char *const fields[] = {"children", "parents"};
    struct strmap seen;
    bool first = true;
    int result = 0;
    strmap_init(&seen);
    buf_str(out, "\"edges\":[");
    for (uint32_t i = 0; i < 2 * trace->count && result == 0; i++) {
        const struct task *task = &trace->tasks[i / 2];
        struct json_ref ids = json_member(task->ref, slice_str(fields[i % 2]));
        if (!json_present(ids))
            continue;
        if (json_type(ids) != JSON_ARRAY)
            result = wrong(trace, ids, "expected a list of ids");
        struct json_iter it = json_iter(ids);
        while (result == 0 && json_next(&it))
            result = write_edge(out, trace, &seen, it.value, task, i % 2 == 0, &first);
    }
    strmap_free(&seen);
    buf_str(out, "]");
    return result;
}

static int write_definition(struct buf *out, struct trace *trace, struct json_ref root,
                            struct json_ref workflow, double scale)
{
    struct json_ref name = json_member(root, SLICE("name"));
    if (!json_present(name) || json_type(name) != JSON_STRING)
        name = json_member(workflow, SLICE("name"));
    buf_str(out, "{\"metadata\":{\"name\":");
    if (json_present(name) && json_type(name) == JSON_STRING && json_text(name).len > 2)
        buf_slice_append(out, json_text(name));
    else
        buf_str(out, "\"wfformat\"");
    buf_str(out, "},\n");
    write_nodes(out, trace, scale);
    buf_str(out, ",\n");
    if (write_edges(out, trace) != 0)
        return -1;
    buf_char(out, '}');
    return 0;
}

int wfformat_write(struct buf *out, struct slice source, const char *path, double scale,
                   struct arena *arena, struct err *err)
{
    static const struct json_limits limits = {
        .max_bytes = 256u << 20, .max_number_bytes = 64, .max_nodes = 16u << 20};
    struct trace trace = {.path = path, .arena = arena, .err = err};
    struct json_doc doc;
    struct json_error error;
    struct json_ref workflow;
    if (json_read(arena, source, &limits, &doc, &error) != 0)
        return err_set(err, error.out_of_memory ? ERR_LIMIT : ERR_INVALID, "%s:%u:%u: %s", path,
                       error.position.line, error.position.column, error.message);
    struct json_ref root = json_root(&doc);
    strmap_init(&trace.by_id);
    int result = member(&trace, root, "workflow", JSON_OBJECT, &workflow);
    if (result == 0)
        result = read_tasks(&trace, workflow);
    if (result == 0)
        result = read_runtimes(&trace, workflow);
    if (result == 0)
        result = write_definition(out, &trace, root, workflow, scale);
    strmap_free(&trace.by_id);
    return result;
}
