/* expr_eval: an expression over the values of one execution. Only what the program names is parsed
 * and built. */
#include "base/json.h"
#include "base/utf8.h"
#include "graph/expr.h"
#include <stdio.h>

enum { MICROS = 1000000 };

int graph_text_ref(struct graph_text *text, struct arena *arena, struct json_ref *ref)
{
    struct json_error error;
    if (!text->text.ptr)
        return -1;
    if (!text->parsed && json_read(arena, text->text, NULL, &text->doc, &error) != 0) {
        text->out_of_memory = error.out_of_memory;
        return -1;
    }
    text->parsed = true;
    *ref = json_root(&text->doc);
    return 0;
}

struct graph_output *values_output(struct graph_values *values, uint32_t node, uint32_t *cursor)
{
    for (uint32_t i = 0; i < values->output_count; i++) {
        uint32_t at = (*cursor + i) % values->output_count;
        if (values->outputs[at].node != node)
            continue;
        *cursor = at + 1;
        return &values->outputs[at];
    }
    return NULL;
}

int failure_set(struct graph_failure *failure, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(failure->code, sizeof(failure->code), "%s", code);
    (void)vsnprintf(failure->message, sizeof(failure->message), format, arguments);
    va_end(arguments);
    return -1;
}

static int unreadable(struct graph_failure *failure, const struct graph_expr *expr,
                      const struct graph_text *text, const char *what)
{
    if (text->out_of_memory)
        return failure_set(failure, "expression_cost", "%s: out of memory for %s", expr->path,
                           what);
    return failure_set(failure, "expression", "%s: %s cannot be read: it is no JSON, or too large",
                       expr->path, what);
}

static int fill_slots(const struct graph_expr *expr, struct graph_values *values,
                      struct arena *arena, struct cel_value slots[SLOT_COUNT],
                      struct graph_failure *failure)
{
    const struct {
        struct graph_text *text;
        const char *name;
    } sources[SLOT_COUNT] = {
        [SLOT_INPUT] = {&values->input, "input"},    [SLOT_CONTEXT] = {&values->context, "context"},
        [SLOT_OUTPUT] = {&values->output, "output"}, [SLOT_RUN] = {&values->run, "run"},
        [SLOT_ERROR] = {&values->error, "error"},    [SLOT_INPUTS] = {&values->inputs, "inputs"},
    };
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        struct json_ref ref;
        slots[i] = cel_absent();
        if (!cel_uses_slot(expr->program, i))
            continue;
        if (i == SLOT_ITERATION || i == SLOT_INDEX) {
            slots[i] = cel_int(i == SLOT_INDEX ? values->index : values->iteration);
            continue;
        }
        if (i == SLOT_VALUE) {
            slots[i] = values->value;
            continue;
        }
        if (!sources[i].text->text.ptr)
            return failure_set(failure, "expression", "%s: there is no %s here", expr->path,
                               sources[i].name);
        if (graph_text_ref(sources[i].text, arena, &ref) != 0)
            return unreadable(failure, expr, sources[i].text, sources[i].name);
        slots[i] = cel_from_json(ref, arena);
    }
    return 0;
}

static struct cel_value timestamp(int64_t micros)
{
    int64_t seconds = micros / MICROS, rest = micros % MICROS;
    if (rest < 0) {
        rest += MICROS;
        seconds--;
    }
    struct cel_value value = {.kind = CEL_TIMESTAMP};
    value.time.seconds = seconds;
    value.time.nanos = (int32_t)rest * 1000;
    return value;
}

/* What ctx.N is. */
static int record(const struct graph_expr *expr, struct graph_output *output, struct arena *arena,
                  struct cel_value *value, struct graph_failure *failure)
{
    struct json_ref ref;
    if (graph_text_ref(&output->output, arena, &ref) != 0)
        return unreadable(failure, expr, &output->output, "the output of a node");
    struct slice status = output->failed ? SLICE("failed") : SLICE("completed");
    const struct cel_member members[] = {
        {SLICE("output"), cel_from_json(ref, arena)},
        {SLICE("status"), cel_string(status)},
        {SLICE("attempt"), cel_int(output->attempt)},
        {SLICE("started_at"), timestamp(output->started_us)},
        {SLICE("ended_at"), timestamp(output->ended_us)},
    };
    /* The members are borrowed for the arena's life. */
    struct cel_member *kept = arena_array(arena, ARRAY_LEN(members), sizeof(*kept));
    if (!kept)
        return failure_set(failure, "expression_cost", "%s: out of memory", expr->path);
    memcpy(kept, members, sizeof(members));
    *value = cel_record(arena, kept, ARRAY_LEN(members));
    return 0;
}

/* Messages of CEL may show parts of values. */
static const char *why(const struct graph_expr *expr, const struct cel_error *error)
{
    return expr->of_secrets ? "it names secrets, so what went wrong is not shown" : error->message;
}

static int failed(const struct graph_expr *expr, const struct cel_error *error,
                  struct graph_failure *failure)
{
    const char *code = "expression";
    switch (error->code) {
    case CEL_ERROR_SYNTAX:
    case CEL_ERROR_CHECK:
    case CEL_ERROR_EVALUATION:
        break;
    case CEL_ERROR_TYPE:
        code = "type";
        break;
    case CEL_ERROR_COST:
    case CEL_ERROR_MEMORY:
        code = "expression_cost";
        break;
    }
    return failure_set(failure, code, "%s: %s", expr->path, why(expr, error));
}

static int secret(const struct graph_expr *expr, const struct cel_reference *reference,
                  struct graph_values *values, struct arena *arena, struct cel_value *value,
                  struct graph_failure *failure)
{
    const struct graph_secrets *from = values->secrets;
    struct slice text;
    if (!from || !from->find(from->context, reference->member, arena, &text)) {
        if (!reference->required) /* has(secrets.x) */
            return 0;
        return failure_set(failure, "binding", "%s: secrets.%.*s: this worker has no such secret",
                           expr->path, SLICE_ARG(reference->member));
    }
    if (redact_add(&values->resolved, arena, text) != 0)
        return failure_set(failure, "expression_cost", "%s: out of memory", expr->path);
    *value = cel_string(text);
    return 0;
}

/* What the program names. Documents are read into the arena, once for all expressions. */
static int prepare(const struct graph_expr *expr, struct graph_values *values, struct arena *arena,
                   struct cel_value slots[SLOT_COUNT], struct cel_activation *activation,
                   struct graph_failure *failure)
{
    uint32_t count, cursor = 0;
    const struct cel_reference *named = cel_references(expr->program, &count);
    if (fill_slots(expr, values, arena, slots, failure) != 0)
        return -1;
    struct cel_value *references = arena_array(arena, count, sizeof(*references));
    if (!references)
        return failure_set(failure, "expression_cost", "%s: out of memory", expr->path);
    for (uint32_t i = 0; i < count; i++) {
        references[i] = cel_absent();
        if (named[i].namespace_id == NAMESPACE_SECRETS) {
            if (secret(expr, &named[i], values, arena, &references[i], failure) != 0)
                return -1;
            continue;
        }
        struct graph_output *output = values_output(values, expr->reference_nodes[i], &cursor);
        if (output && record(expr, output, arena, &references[i], failure) != 0)
            return -1;
    }
    *activation = (struct cel_activation){.slots = slots,
                                          .slot_count = SLOT_COUNT,
                                          .references = references,
                                          .reference_count = count,
                                          .budget = values->budget};
    return 0;
}

int graph_expr_eval(const struct graph_expr *expr, struct graph_values *values, struct arena *arena,
                    struct cel_value *value, struct graph_failure *failure)
{
    struct cel_value slots[SLOT_COUNT];
    struct cel_activation activation;
    struct cel_error error;
    if (prepare(expr, values, arena, slots, &activation, failure) != 0)
        return -1;
    if (cel_eval(expr->program, &activation, arena, value, &error) != 0)
        return failed(expr, &error, failure);
    return 0;
}

int graph_expr_write(const struct graph_expr *expr, struct graph_values *values,
                     struct arena *arena, struct buf *out, struct graph_failure *failure)
{
    struct cel_value slots[SLOT_COUNT], value = cel_null();
    struct cel_activation activation;
    struct cel_error error;
    if (prepare(expr, values, arena, slots, &activation, failure) != 0)
        return -1;
    const struct arena_mark mark = arena_mark(arena);
    int rc = 0;
    if (cel_eval(expr->program, &activation, arena, &value, &error) != 0)
        rc = failed(expr, &error, failure);
    else if (cel_write_json(out, &value, &error) != 0)
        rc = failure_set(failure, error.code == CEL_ERROR_TYPE ? "type" : "too_large", "%s: %s",
                         expr->path, why(expr, &error));
    arena_rewind(arena, mark);
    return rc;
}

struct slice graph_expr_source(const struct graph_expr *expr)
{
    return expr->program  ? cel_source(expr->program)
           : expr->schema ? SLICE("it fits the schema")
                          : expr->jq;
}

static int jq_holds(const struct graph_expr *expr, const struct graph_values *values,
                    struct arena *arena, bool *holds, struct graph_failure *failure)
{
    struct slice value;
    const struct slice input = expr->of_input ? values->input.text : values->output.text;
    if (!values->jq)
        return failure_set(failure, "internal", "%s: there is no jq here", expr->path);
    if (values->jq->run(values->jq->context, expr->path, expr->jq, input, arena, &value, failure) !=
        0)
        return -1;
    *holds = slice_eq_str(value, "true");
    if (*holds || slice_eq_str(value, "false"))
        return 0;
    const struct slice cut = utf8_cut(value, 80);
    return failure_set(failure, "expression",
                       "%s: a condition is true or false, and this one is %.*s%s", expr->path,
                       SLICE_ARG(cut), cut.len < value.len ? "…" : "");
}

int graph_expr_holds(const struct graph_expr *expr, struct graph_values *values,
                     struct arena *arena, bool *holds, struct graph_failure *failure)
{
    struct cel_value value = cel_null();
    if (expr->schema)
        return graph_schema_fits(expr->schema, expr->of_input ? &values->input : &values->output,
                                 expr->path, arena, holds, failure);
    if (!expr->program)
        return jq_holds(expr, values, arena, holds, failure);
    if (graph_expr_eval(expr, values, arena, &value, failure) != 0)
        return -1;
    if (value.kind != CEL_BOOL)
        return failure_set(failure, "expression",
                           "%s: a condition is true or false, and this one is %s", expr->path,
                           cel_kind_name(&value));
    *holds = value.boolean;
    return 0;
}
