/* troupe schema: what a definition may look like; with --check, files against any JSON Schema. */
#include "base/yaml.h"
#include "cli.h"
#include "graph/graph.h"
#include "pretty.h"
#include "schema/schema.h"
#include <stdio.h>

enum {
    SCHEMA_BYTES_MOST = 1 << 20,
    VALUE_BYTES_MOST = 16 << 20,
    OUTPUT_BYTES_MOST = 64 << 20,
    PROBLEMS_MOST = 100,
    WIDTH = 100,
};

static int print_schema(struct cli *cli)
{
    struct buf schema, out;
    buf_init(&schema, SCHEMA_BYTES_MOST);
    buf_init(&out, SCHEMA_BYTES_MOST);
    graph_write_schema(&schema);
    const struct pretty pretty = {.width = WIDTH, .unicode = cli->out.unicode};
    if (cli->json || !buf_ok(&schema)) {
        buf_free(&out);
        return cli_print(cli, &schema, 0);
    }
    (void)pretty_write(&out, buf_slice(&schema), &pretty, &cli->arena);
    buf_free(&schema);
    return cli_print(cli, &out, 0);
}

/* --- files --- */

struct file {
    const char *path;
    struct json_doc doc;
    struct schema_report report;
    bool readable; /* JSON or YAML; else that is the one problem of its report */
    enum schema_verdict verdict;
};

static const char *const verdicts[] = {[SCHEMA_FITS] = "fits",
                                       [SCHEMA_DIFFERS] = "differs",
                                       [SCHEMA_LIMIT] = "undecided",
                                       [SCHEMA_MEMORY] = "undecided"};

static int read_value(struct cli *cli, const char *path, struct file *file, struct err *err)
{
    struct slice text;
    struct json_error error = {0};
    *file = (struct file){.path = path, .verdict = SCHEMA_DIFFERS};
    schema_report_init(&file->report, &cli->arena, PROBLEMS_MOST);
    if (file_read(path, VALUE_BYTES_MOST, &cli->arena, &text, err) != 0)
        return -1;
    const int read = graph_format_of(path) == GRAPH_YAML
                         ? yaml_read(&cli->arena, text, NULL, &file->doc, &error)
                         : json_read(&cli->arena, text, NULL, &file->doc, &error);
    file->readable = read == 0;
    if (file->readable)
        return 0;
    struct schema_problem *problem = arena_array(&cli->arena, 1, sizeof(*problem));
    char *message = arena_strdup(&cli->arena, slice_str(error.message));
    if (error.out_of_memory || !problem || !message)
        return err_set(err, ERR_LIMIT, "not enough memory for %s", path);
    *problem = (struct schema_problem){"", "", message, error.position};
    file->report.items = problem;
    file->report.count = 1;
    return 0;
}

static void write_plain(struct buf *out, const struct file *file)
{
    const struct schema_report *report = &file->report;
    if (report->count == 0)
        buf_printf(out, "%s: %s\n", file->path, verdicts[file->verdict]);
    for (uint32_t i = 0; i < report->count; i++)
        buf_printf(out, "%s:%u:%u: %s%s%s\n", file->path, report->items[i].position.line,
                   report->items[i].position.column, report->items[i].path,
                   report->items[i].path[0] ? ": " : "", report->items[i].message);
    if (report->more)
        buf_printf(out, "%s: there is more that is not shown\n", file->path);
}

static void write_json(struct buf *out, const struct file *file)
{
    const struct schema_report *report = &file->report;
    buf_str(out, "{\"file\":");
    json_write_string(out, slice_str(file->path));
    buf_printf(out, ",\"verdict\":\"%s\",\"problems\":[", verdicts[file->verdict]);
    for (uint32_t i = 0; i < report->count; i++) {
        const struct schema_problem *problem = &report->items[i];
        buf_printf(out, "%s{\"line\":%u,\"column\":%u,\"path\":", i ? "," : "",
                   problem->position.line, problem->position.column);
        json_write_string(out, slice_str(problem->path));
        buf_str(out, ",\"keyword\":");
        json_write_string(out, slice_str(problem->keyword));
        buf_str(out, ",\"message\":");
        json_write_string(out, slice_str(problem->message));
        buf_char(out, '}');
    }
    buf_printf(out, "],\"more\":%s}", report->more ? "true" : "false");
}

/* NULL after having said why, with *status. */
static struct schema *read_schema(struct cli *cli, const char *path, int *status)
{
    struct file file;
    struct err err = ERR_INIT;
    struct buf out;
    if (read_value(cli, path, &file, &err) != 0) {
        *status = cli_fail(cli, &err);
        return NULL;
    }
    struct schema *schema =
        file.readable ? schema_compile(json_root(&file.doc), &file.report) : NULL;
    if (schema)
        return schema;
    *status = EXIT_INVALID;
    buf_init(&out, OUTPUT_BYTES_MOST);
    write_plain(&out, &file);
    (void)fwrite(buf_slice(&out).ptr, 1, out.len, stderr);
    buf_free(&out);
    if (file.report.out_of_memory)
        *status = cli_fail_with(cli, ERR_LIMIT, "not enough memory for %s", path);
    return NULL;
}

static int check_files(struct cli *cli, const struct schema *schema)
{
    struct buf out;
    int status = 0;
    buf_init(&out, OUTPUT_BYTES_MOST);
    buf_str(&out, cli->json ? "[" : "");
    for (uint32_t i = 0; i < cli->settings.argument_count; i++) {
        struct file file;
        struct err err = ERR_INIT;
        if (read_value(cli, cli_argument(cli, i), &file, &err) != 0) {
            status = cli_fail(cli, &err);
            continue;
        }
        if (file.readable)
            file.verdict = schema_validate(schema, json_root(&file.doc), NULL, &file.report);
        if (file.verdict != SCHEMA_FITS && status == 0)
            status = EXIT_INVALID;
        if (cli->json) {
            buf_str(&out, out.len > 1 ? "," : "");
            write_json(&out, &file);
        } else
            write_plain(&out, &file);
    }
    buf_str(&out, cli->json ? "]" : "");
    return cli_print(cli, &out, status);
}

int cmd_schema(struct cli *cli)
{
    const char *path = settings_string(&cli->settings, "check");
    const uint32_t files = cli->settings.argument_count;
    int status = 0;
    if (!path && files == 0)
        return print_schema(cli);
    if (!path || files == 0)
        return cli_fail_with(cli, ERR_USAGE,
                             path ? "schema: --check wants files"
                                  : "schema: files want --check SCHEMA; `troupe validate` checks "
                                    "definitions");
    struct schema *schema = read_schema(cli, path, &status);
    if (!schema)
        return status;
    status = check_files(cli, schema);
    schema_free(schema);
    return status;
}
