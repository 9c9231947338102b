#include "dead_letters.h"
#include "base/json.h"
#include "graph/graph.h"
#include <string.h>

/* Names the runs that retries start. */
static const struct uuid name_space = {{0x6d, 0x1c, 0x0b, 0x52, 0x3f, 0x8e, 0x4d, 0x0f, 0x9a, 0x77,
                                        0x21, 0xc4, 0x5e, 0x90, 0xb3, 0x18}};
static const char label[] = "retry_of";

enum { LABELS_BYTES_MOST = 16 << 20 };

int dead_letter_find(struct cli *cli, struct store *store, struct slice id,
                     struct store_dead_letter *letter, struct err *err)
{
    if (store_dead_letter_get(store, id, &cli->arena, letter, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    struct err before = *err;
    return err_set(err, ERR_NOT_FOUND, "%s; troupe dead-letters --all lists them", before.message);
}

/* --- what is to be run --- */

struct again {
    struct store_workflow workflow;
    struct slice input, labels;
    int64_t deadline_ms; /* 0: none */
};

static int read_json(struct cli *cli, const char *what, struct slice text, struct json_doc *doc,
                     struct err *err)
{
    struct json_error error;
    if (json_read(&cli->arena, text, NULL, doc, &error) == 0)
        return 0;
    if (error.out_of_memory)
        return err_set(err, ERR_LIMIT, "no memory for the %s", what);
    return err_set(err, ERR_INVALID,
                   "the %s of the request is not JSON, or was too long to be kept: make the "
                   "request again, and drop this one",
                   what);
}

/* The labels with retry_of. */
static int add_label(struct cli *cli, struct slice labels, struct slice id, struct slice *result,
                     struct err *err)
{
    struct json_doc doc;
    struct buf out;
    if (read_json(cli, "labels", labels, &doc, err) != 0)
        return -1;
    buf_init(&out, LABELS_BYTES_MOST);
    buf_char(&out, '{');
    struct json_iter it = json_iter(json_root(&doc));
    bool strings = json_type(json_root(&doc)) == JSON_OBJECT;
    while (strings && json_next(&it)) {
        strings = json_type(it.value) == JSON_STRING;
        if (json_string_eq(it.key, slice_str(label)))
            continue;
        buf_slice_append(&out, json_text(it.key));
        buf_char(&out, ':');
        buf_slice_append(&out, json_text(it.value));
        buf_char(&out, ',');
    }
    json_write_string(&out, slice_str(label));
    buf_char(&out, ':');
    json_write_string(&out, id);
    buf_char(&out, '}');
    *result = buf_ok(&out) ? arena_copy(&cli->arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    if (!strings)
        return err_set(err, ERR_INVALID,
                       "the labels of the request are no object of strings: make it again, and "
                       "drop this one");
    return result->ptr ? 0 : err_set(err, ERR_LIMIT, "no memory for labels");
}

static int read_run(struct cli *cli, struct store *store, const struct store_dead_letter *letter,
                    struct again *again, struct err *err)
{
    struct store_run run;
    if (store_run_get(store, letter->id, &cli->arena, &run, err) != 0)
        return -1;
    again->workflow =
        (struct store_workflow){.name = run.workflow, .digest = run.digest, .version = run.version};
    again->input = run.input;
    again->labels = run.labels;
    if (run.deadline_ms)
        again->deadline_ms = run.deadline_ms - run.submitted_us / 1000;
    return 0;
}

static struct slice field(struct cli *cli, struct json_ref request, struct slice name)
{
    const struct json_ref value = json_member(request, name);
    return json_present(value) && json_type(value) == JSON_STRING ? json_string(value, &cli->arena)
                                                                  : SLICE_NONE;
}

/* 0 for what is absent or no number. */
static int64_t number(struct cli *cli, struct json_ref request, struct slice name)
{
    const struct slice text = field(cli, request, name);
    struct json_doc doc;
    struct json_error error;
    int64_t value = 0;
    if (!text.ptr || json_read(&cli->arena, text, NULL, &doc, &error) != 0 ||
        json_type(json_root(&doc)) != JSON_NUMBER || !json_int(json_root(&doc), &value) ||
        value < 0)
        return 0;
    return value;
}

/* What a worker would have looked at, since this run does not go through the inbox. */
static int check_input(struct cli *cli, struct store *store, const struct again *again,
                       struct err *err)
{
    struct slice canonical;
    struct findings findings;
    struct graph_text input = {.text = again->input};
    struct graph_failure failure;
    if (store_graph_get(store, again->workflow.digest, &cli->arena, &canonical, err) != 0)
        return -1;
    findings_init(&findings, &cli->arena);
    struct graph *graph = graph_compile(canonical, GRAPH_JSON, &findings);
    if (!graph)
        return err_set(err, ERR_INTERNAL, "workflow %.*s cannot be compiled any more",
                       SLICE_ARG(again->workflow.name));
    int rc = 0;
    if (graph->input_schema &&
        graph_schema_check(graph->input_schema, &input, "input_schema", &cli->arena, &failure) != 0)
        rc = err_set(err, ERR_INVALID, "the input does not fit: %s", failure.message);
    graph_release(graph);
    return rc;
}

static int read_request(struct cli *cli, struct store *store,
                        const struct store_dead_letter *letter, struct again *again,
                        struct err *err)
{
    struct json_doc doc, value;
    if (read_json(cli, "fields", letter->request, &doc, err) != 0)
        return -1;
    const struct json_ref request = json_root(&doc);
    const struct slice name = field(cli, request, SLICE("workflow"));
    const struct slice input = field(cli, request, SLICE("input"));
    const struct slice labels = field(cli, request, SLICE("labels"));
    if (!name.ptr)
        return err_set(err, ERR_INVALID,
                       "the request names no workflow: there is nothing to start; drop it");
    again->input = input.ptr ? input : SLICE("null");
    again->labels = labels.ptr ? labels : SLICE("{}");
    again->deadline_ms = number(cli, request, SLICE("deadline_ms"));
    if (read_json(cli, "input", again->input, &value, err) != 0 ||
        store_workflow_get(store, name, number(cli, request, SLICE("version")), &cli->arena,
                           &again->workflow, err) != 0)
        return -1;
    return check_input(cli, store, again, err);
}

/* --- starting it --- */

int dead_letter_retry(struct cli *cli, struct store *store, const struct store_dead_letter *letter,
                      char run_id[UUID_TEXT_LEN + 1], struct err *err)
{
    struct again again = {.deadline_ms = 0};
    uint16_t partitions;
    bool existed;
    const int rc = letter->request.ptr ? read_request(cli, store, letter, &again, err)
                                       : read_run(cli, store, letter, &again, err);
    if (rc != 0 || add_label(cli, again.labels, letter->id, &again.labels, err) != 0)
        return err_prefix(err, "dead letter %.*s", SLICE_ARG(letter->id));
    if (store_partitions(store, 0, &partitions, err) != 0)
        return -1;
    const struct store_submit submit = {.run_id = uuid5_make(&name_space, letter->id),
                                        .partition_count = partitions,
                                        .workflow = &again.workflow,
                                        .input = again.input,
                                        .labels = again.labels,
                                        .deadline_ms = again.deadline_ms};
    uuid_format(&submit.run_id, run_id);
    if (store_run_submit(store, &submit, &existed, err) != 0)
        return -1;
    return store_dead_letter_settle(store, letter->id, slice_str(run_id), "command line", err);
}
