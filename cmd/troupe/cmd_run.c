/* troupe run NAME|FILE: accepts a run, and waits for it if asked to. */
#include "base/clock.h"
#include "base/json.h"
#include "base/uuid7.h"
#include "cli.h"
#include "definition.h"
#include "follow.h"
#include "protocol/redis.h"
#include "view.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUT_BYTES_MOST = 16 << 20,
    OUTPUT_BYTES_MOST = 256 << 20,
    RUN_ARENA_BYTES = 256 << 20,
    REDIS_TIMEOUT_MS = 2000,
};

enum run_mode { MODE_WAIT, MODE_WATCH, MODE_DETACH };

struct request {
    struct cli *cli;
    struct store *store;
    enum run_mode mode;
    int64_t timeout_us;  /* 0: none */
    int64_t deadline_ms; /* 0: none */
    struct store_workflow workflow;
    struct slice input;
    struct slice labels;
    struct uuid id;
    char id_text[UUID_TEXT_LEN + 1];
    uint16_t partitions;
};

/* --- the request --- */

/* In microseconds; 0 when it is not given. */
static int read_seconds(const struct settings *s, const char *name, int64_t *us, struct err *err)
{
    const char *text = settings_string(s, name);
    char *end;
    *us = 0;
    if (!text)
        return 0;
    double seconds = strtod(text, &end);
    if (*end || end == text || !isfinite(seconds) || seconds <= 0 || seconds > 1e9)
        return err_set(err, ERR_USAGE, "--%s: '%s' is not a number of seconds above 0", name, text);
    *us = (int64_t)(seconds * 1e6);
    return 0;
}

static int read_mode(struct request *request, struct err *err)
{
    const struct settings *s = &request->cli->settings;
    bool wait = settings_flag(s, "wait"), watch = settings_flag(s, "watch"),
         detach = settings_flag(s, "detach");
    if (wait + watch + detach > 1)
        return err_set(err, ERR_USAGE, "--wait, --watch and --detach exclude each other");
    request->mode = detach                                                             ? MODE_DETACH
                    : watch || (!wait && request->cli->out.tty && !request->cli->json) ? MODE_WATCH
                                                                                       : MODE_WAIT;
    int64_t deadline_us;
    if (read_seconds(s, "timeout", &request->timeout_us, err) != 0 ||
        read_seconds(s, "deadline", &deadline_us, err) != 0)
        return -1;
    request->deadline_ms = (deadline_us + 999) / 1000;
    return 0;
}

/* The place of a mistake goes with it, and what it is a mistake in. */
static int check_json(const char *what, struct slice text, struct arena *arena, struct err *err)
{
    struct json_doc doc;
    struct json_error error;
    if (json_read(arena, text, NULL, &doc, &error) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "%s:%u:%u: not JSON: %s", what, error.position.line,
                   error.position.column, error.message);
}

static int read_input(struct request *request, struct err *err)
{
    struct arena *arena = &request->cli->arena;
    const char *given = settings_string(&request->cli->settings, "input");
    struct slice text = slice_str(given ? given : "null");
    const char *what = "--input";
    if (given && (given[0] == '@' || strcmp(given, "-") == 0)) {
        what = given[0] == '@' ? given + 1 : "stdin";
        if (file_read(given[0] == '@' ? given + 1 : "-", INPUT_BYTES_MOST, arena, &text, err) !=
            0) {
            if (err->code == ERR_INVALID) /* too large: of an input, a matter of usage */
                err->code = ERR_USAGE;
            return -1;
        }
    }
    if (text.len > INPUT_BYTES_MOST)
        return err_set(err, ERR_USAGE, "--input is larger than %d MiB", INPUT_BYTES_MOST >> 20);
    if (check_json(what, text, arena, err) != 0)
        return -1;
    request->input = text;
    return 0;
}

static int read_labels(struct request *request, struct err *err)
{
    uint32_t count;
    const char *const *labels = settings_list(&request->cli->settings, "label", &count);
    struct buf out;
    buf_init(&out, INPUT_BYTES_MOST);
    buf_char(&out, '{');
    for (uint32_t i = 0; i < count; i++) {
        const char *equals = strchr(labels[i], '=');
        if (!equals || equals == labels[i]) {
            buf_free(&out);
            return err_set(err, ERR_USAGE, "--label: '%s' is not KEY=VALUE", labels[i]);
        }
        buf_str(&out, i ? "," : "");
        json_write_string(&out, slice_of(labels[i], (size_t)(equals - labels[i])));
        buf_char(&out, ':');
        json_write_string(&out, slice_str(equals + 1));
    }
    buf_char(&out, '}');
    request->labels = buf_ok(&out) ? arena_copy(&request->cli->arena, buf_slice(&out)) : SLICE_NONE;
    buf_free(&out);
    if (!request->labels.ptr)
        return err_set(err, ERR_LIMIT, "no memory for labels");
    /* Not UTF-8, or the same key twice. */
    return check_json("--label", request->labels, &request->cli->arena, err);
}

static int make_id(struct request *request, struct err *err)
{
    const char *given = settings_string(&request->cli->settings, "id");
    if (store_partitions(request->store, 0, &request->partitions, err) != 0)
        return -1;
    if (given) {
        if (!uuid_parse(slice_str(given), &request->id))
            return err_set(err, ERR_USAGE, "--id: '%s' is not a UUID", given);
    } else {
        /* Any partition: the id's own random bits choose it. */
        struct uuid random = uuid7_make(clock_wall_us(&clock_system) / 1000, 0);
        uint16_t bits = (uint16_t)(random.bytes[12] << 8 | random.bytes[13]);
        request->id = uuid7_make(clock_wall_us(&clock_system) / 1000, bits);
    }
    uuid_format(&request->id, request->id_text);
    return 0;
}

static bool is_file(const char *argument)
{
    static const char *const endings[] = {".json", ".yaml", ".yml"};
    size_t len = strlen(argument);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t ending = strlen(endings[i]);
        if (len > ending && strcmp(argument + len - ending, endings[i]) == 0)
            return true;
    }
    return strchr(argument, '/') != NULL;
}

/* Deploys a file; 0 or an exit status after having said why. */
static int find_workflow(struct request *request, const char *argument)
{
    struct cli *cli = request->cli;
    struct err err = ERR_INIT;
    struct definition definition = {0};
    struct store_version version = {0};
    struct slice name = slice_str(argument);
    int status = 0;
    if (is_file(argument)) {
        status = definition_for_deploy(cli, argument, &definition);
        if (status == 0 &&
            definition_deploy(cli, request->store, settings_string(&cli->settings, "redis-url"),
                              &definition, &version, &err) != 0)
            status = cli_fail(cli, &err);
        if (status == 0)
            name = definition.graph->name;
    }
    if (status == 0 && store_workflow_get(request->store, name, version.version, &cli->arena,
                                          &request->workflow, &err) != 0)
        status = cli_fail(cli, &err);
    definition_free(&definition);
    return status;
}

/* --- waiting --- */

static int final_status(enum run_status status)
{
    return status == RUN_COMPLETED ? 0 : EXIT_RUN_FAILED;
}

/* With -o json: the run as it is now. */
static void print_unfinished(struct request *request)
{
    struct store_run run;
    struct err err = ERR_INIT;
    struct buf out;
    if (!request->cli->json)
        return;
    if (store_run_get(request->store, slice_str(request->id_text), &request->cli->arena, &run,
                      &err) != 0) {
        cli_note(request->cli, "%s", err.message);
        return;
    }
    buf_init(&out, OUTPUT_BYTES_MOST);
    view_write_run(&out, &run, false);
    (void)cli_print(request->cli, &out, 0); /* a failure is told, and the status is taken */
}

static int say_end(struct request *request, enum follow_end end, const struct err *err)
{
    switch (end) {
    case FOLLOW_TIMEOUT:
        print_unfinished(request);
        return cli_fail_with(request->cli, ERR_TIMEOUT,
                             "run %s has not ended yet; it goes on: troupe show %s",
                             request->id_text, request->id_text);
    case FOLLOW_INTERRUPTED:
        cli_note(request->cli, "run %s goes on: troupe show %s", request->id_text,
                 request->id_text);
        return EXIT_INTERRUPTED;
    case FOLLOW_FAILED:
    case FOLLOW_FINAL:
        break;
    }
    return cli_fail(request->cli, err);
}

static int wait_for(struct request *request, struct follow *follow, struct arena *arena)
{
    struct cli *cli = request->cli;
    struct store_run run;
    struct err err = ERR_INIT;
    enum follow_end end = follow_wait(follow, arena, &run, &err);
    if (end != FOLLOW_FINAL)
        return say_end(request, end, &err);
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cli->json) {
        view_write_run(&out, &run, false);
    } else {
        struct view view = {.run = run};
        buf_printf(&out, "run %s ", request->id_text);
        view_write_outcome(&out, &run, &cli->out);
        view_write_values(&out, &view, arena, &cli->out, 0, false);
    }
    return cli_print(cli, &out, final_status(run.status));
}

static int watch(struct request *request, struct follow *follow, struct arena *arena)
{
    struct cli *cli = request->cli;
    struct view view;
    struct err err = ERR_INIT;
    const bool lines = !cli->json && !cli->out.tty;
    if (lines)
        (void)printf("run %s\n", request->id_text);
    enum follow_end end = follow_watch(follow, arena, &view, &err);
    if (end != FOLLOW_FINAL)
        return say_end(request, end, &err);
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (lines) {
        buf_printf(&out, "run %s ", request->id_text);
        view_write_outcome(&out, &view.run, &cli->out);
        buf_char(&out, '\n');
    }
    if (cli->json)
        view_write_run(&out, &view.run, false);
    else
        view_write_values(&out, &view, arena, &cli->out, 0, false);
    return cli_print(cli, &out, final_status(view.run.status));
}

static int follow_run(struct request *request)
{
    struct err err = ERR_INIT;
    struct view_source source = {.store = request->store};
    struct follow follow;
    struct arena arena;
    arena_init(&arena, RUN_ARENA_BYTES);
    follow_begin(&follow, request->cli, &source, slice_str(request->id_text), request->timeout_us);
    if (request->mode == MODE_WATCH) {
        source.redis = redis_new(settings_string(&request->cli->settings, "redis-url"),
                                 REDIS_TIMEOUT_MS, &err);
        if (!source.redis)
            cli_note(request->cli, "only the record is shown: %s", err.message);
    }
    int status = request->mode == MODE_WATCH ? watch(request, &follow, &arena)
                                             : wait_for(request, &follow, &arena);
    view_source_free(&source);
    redis_free(source.redis);
    arena_free(&arena);
    return status;
}

static int print_detached(struct request *request)
{
    struct store_run run;
    struct err err = ERR_INIT;
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (!request->cli->json) {
        buf_str(&out, request->id_text);
    } else if (store_run_get(request->store, slice_str(request->id_text), &request->cli->arena,
                             &run, &err) == 0) {
        view_write_run(&out, &run, false);
    } else {
        buf_free(&out);
        return cli_fail(request->cli, &err);
    }
    return cli_print(request->cli, &out, 0);
}

/* Before anything is accepted: whether the input is what the workflow takes. */
static int check_input(struct request *request, struct err *err)
{
    struct arena *arena = &request->cli->arena;
    struct slice canonical;
    struct findings findings;
    struct graph_text input = {.text = request->input};
    struct graph_failure failure;
    if (store_graph_get(request->store, request->workflow.digest, arena, &canonical, err) != 0)
        return -1;
    findings_init(&findings, arena);
    struct graph *graph = graph_compile(canonical, GRAPH_JSON, &findings);
    if (!graph)
        return err_set(err, ERR_INTERNAL,
                       "workflow %.*s, version %lld, cannot be compiled any more",
                       SLICE_ARG(request->workflow.name), (long long)request->workflow.version);
    int result = 0;
    if (graph->input_schema &&
        graph_schema_check(graph->input_schema, &input, "input_schema", arena, &failure) != 0)
        result = err_set(err, ERR_INVALID, "the input does not fit: %s", failure.message);
    graph_release(graph);
    return result;
}

static int submit(struct request *request)
{
    struct err err = ERR_INIT;
    bool existed;
    const struct store_submit submit = {.run_id = request->id,
                                        .partition_count = request->partitions,
                                        .workflow = &request->workflow,
                                        .input = request->input,
                                        .labels = request->labels,
                                        .deadline_ms = request->deadline_ms};
    if (check_input(request, &err) != 0)
        return cli_fail(request->cli, &err);
    if (request->mode != MODE_DETACH && follow_listen(request->store, &err) != 0)
        return cli_fail(request->cli, &err);
    if (store_run_submit(request->store, &submit, &existed, &err) != 0)
        return cli_fail(request->cli, &err);
    if (existed)
        cli_note(request->cli, "run %s was there before", request->id_text);
    return request->mode == MODE_DETACH ? print_detached(request) : follow_run(request);
}

int cmd_run(struct cli *cli)
{
    struct request request = {.cli = cli};
    struct err err = ERR_INIT;
    if (read_mode(&request, &err) != 0 || read_input(&request, &err) != 0 ||
        read_labels(&request, &err) != 0)
        return cli_fail(cli, &err);
    request.store = cli_store(cli, &err);
    if (!request.store)
        return cli_fail(cli, &err);
    int status = make_id(&request, &err) == 0 ? find_workflow(&request, cli_argument(cli, 0))
                                              : cli_fail(cli, &err);
    if (status == 0)
        status = submit(&request);
    store_free(request.store);
    return status;
}
