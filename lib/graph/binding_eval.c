/* binding_eval: writing a template with the values of one execution. */
#include "graph/binding_ops.h"
#include "graph/expr.h"

struct evaluation {
    struct graph_values *values;
    struct arena *arena;
    struct buf *out;
    struct graph_failure *failure;
    uint32_t cursor; /* into the outputs: templates often go in their order */
};

static int unresolved(struct evaluation *e, const struct binding_reference *reference,
                      const char *why)
{
    return failure_set(e->failure, "binding", "%s: %.*s: %s", reference->path,
                       (int)(reference->written.len > 200 ? 200 : reference->written.len),
                       reference->written.ptr, why);
}

static struct graph_text *root_text(struct evaluation *e, const struct binding_reference *reference)
{
    struct graph_output *output;
    switch (reference->root) {
    case ROOT_INPUT:
        return &e->values->input;
    case ROOT_CONTEXT:
        return &e->values->context;
    case ROOT_ERROR:
        return &e->values->error;
    case ROOT_NODE:
        output = values_output(e->values, reference->node, &e->cursor);
        return output ? &output->output : NULL;
    }
    panic("binding root %d", (int)reference->root);
}

/* One step down; says why not. */
static const char *descend(const struct binding_step *step, struct json_ref *ref)
{
    const enum json_type type = json_type(*ref);
    if (step->member.ptr) {
        if (type != JSON_OBJECT)
            return "only an object has members";
        *ref = json_member(*ref, step->member);
        return json_present(*ref) ? NULL : "no such member";
    }
    if (type != JSON_ARRAY)
        return "only a list has elements";
    *ref = json_element(*ref, step->index);
    return json_present(*ref) ? NULL : "no such element";
}

static int write_reference(struct evaluation *e, const struct binding_reference *reference)
{
    struct graph_text *text = root_text(e, reference);
    struct json_ref ref;
    if (!text || !text->text.ptr)
        return unresolved(e, reference,
                          reference->root == ROOT_NODE
                              ? "that node has no output here (it was skipped)"
                              : "there is none here");
    if (reference->step_count == 0 && !text->parsed) {
        buf_slice_append(e->out, text->text); /* all of it: no need to look inside */
        return 0;
    }
    if (graph_text_ref(text, e->arena, &ref) != 0)
        return unresolved(e, reference,
                          text->out_of_memory
                              ? "out of memory to look into it"
                              : "the value cannot be read: it is no JSON, or too large");
    for (uint32_t i = 0; i < reference->step_count; i++) {
        const struct binding_step *step = &reference->steps[i];
        const char *why = descend(step, &ref);
        if (why && step->member.ptr)
            return failure_set(e->failure, "binding", "%s: %.*s: %s (at .%.*s)", reference->path,
                               (int)(reference->written.len > 200 ? 200 : reference->written.len),
                               reference->written.ptr, why,
                               (int)(step->member.len > 80 ? 80 : step->member.len),
                               step->member.ptr);
        if (why)
            return failure_set(e->failure, "binding", "%s: %.*s: %s (at [%u])", reference->path,
                               (int)(reference->written.len > 200 ? 200 : reference->written.len),
                               reference->written.ptr, why, step->index);
    }
    json_minify(e->out, ref);
    return 0;
}

/* What fails in a binding is `binding`: the template is what could not be written. But that it costs too
 * much is no matter of where it stands. That `out` is full, the caller sees. */
static int write_value(struct evaluation *e, const struct graph_expr *expr, struct buf *out)
{
    char *code = e->failure->code;
    if (graph_expr_write(expr, e->values, e->arena, out, e->failure) == 0 || !buf_ok(out))
        return 0;
    if (strcmp(code, "expression_cost") != 0 && strcmp(code, "too_large") != 0)
        memcpy(code, "binding", sizeof("binding"));
    return -1;
}

/* Strings stand as they are; so do timestamps and the like, which are strings in JSON. */
static int write_piece(struct evaluation *e, const struct graph_expr *expr)
{
    struct buf json;
    buf_init(&json, e->out->cap_bytes);
    int rc = write_value(e, expr, &json);
    struct slice text = buf_slice(&json);
    if (!buf_ok(&json))
        e->out->failed = true;
    else if (rc == 0 && text.len >= 2 && text.ptr[0] == '"')
        buf_append(e->out, text.ptr + 1, text.len - 2); /* escaped already */
    else if (rc == 0)
        binding_write_content(e->out, text);
    buf_free(&json);
    return rc;
}

static int run(struct evaluation *e, const struct binding_op *op)
{
    switch (op->kind) {
    case BINDING_TEXT:
        buf_slice_append(e->out, op->text);
        return 0;
    case BINDING_REFERENCE:
        return write_reference(e, op->reference);
    case BINDING_VALUE:
        return write_value(e, op->expr, e->out);
    case BINDING_PIECE:
        return write_piece(e, op->expr);
    }
    panic("binding op %d", (int)op->kind);
}

int binding_eval(const struct binding *binding, struct graph_values *values, struct arena *arena,
                 struct buf *out, struct graph_failure *failure)
{
    struct evaluation e = {.values = values, .arena = arena, .out = out, .failure = failure};
    const size_t start = out->len;
    int rc = 0;
    for (uint32_t i = 0; i < binding->count && rc == 0; i++)
        rc = run(&e, &binding->ops[i]);
    if (rc == 0 && !buf_ok(out))
        rc = failure_set(failure, "too_large", "the value of a template is larger than allowed");
    /* Each part can be read; inside the template, or the object of a join, it may be too deep. */
    if (rc == 0 && json_text_depth(slice_of(out->data + start, out->len - start)) >
                       json_default_limits.max_depth)
        rc = failure_set(failure, "too_large",
                         "the value of a template is nested deeper than %u levels",
                         json_default_limits.max_depth);
    if (rc != 0 && buf_ok(out) && out->data) {
        out->len = start; /* nothing half written stays */
        out->data[start] = '\0';
    }
    return rc;
}
