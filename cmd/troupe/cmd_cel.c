/* troupe cel EXPR: one expression over given values. */
#include "base/clock.h"
#include "cel/cases.h"
#include "cel/cel.h"
#include "cli.h"
#include "definition.h"
#include "graph/graph.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_BYTES_MOST = 16 << 20, OUTPUT_BYTES_MOST = 256 << 20 };

struct variables {
    struct cel_variable *names;
    struct cel_value *values;
    uint32_t count;
};

/* The members of --with. Their values are views of the document. */
static int read_variables(struct cli *cli, struct json_doc *doc, struct variables *variables,
                          struct err *err)
{
    const char *with = settings_string(&cli->settings, "with");
    if (!with)
        return 0;
    struct json_error error;
    if (json_read(&cli->arena, slice_str(with), NULL, doc, &error) != 0)
        return err_set(err, ERR_USAGE, "--with: %u:%u: %s", error.position.line,
                       error.position.column, error.message);
    struct json_ref root = json_root(doc);
    if (json_type(root) != JSON_OBJECT)
        return err_set(err, ERR_USAGE,
                       "--with: an object is wanted, whose members are the "
                       "variables; this is a JSON %s",
                       json_type_name(json_type(root)));
    uint32_t count = json_count(root);
    variables->names = arena_array(&cli->arena, count, sizeof(*variables->names));
    variables->values = arena_array(&cli->arena, count, sizeof(*variables->values));
    if (!variables->names || !variables->values)
        return err_set(err, ERR_LIMIT, "not enough memory for --with");
    struct json_iter it = json_iter(root);
    for (uint32_t i = 0; json_next(&it); i++) {
        char *name = arena_strdup(&cli->arena, json_string(it.key, &cli->arena));
        if (!name)
            return err_set(err, ERR_LIMIT, "not enough memory for --with");
        variables->names[i] = (struct cel_variable){.name = name, .type = CEL_DYN, .slot = i};
        variables->values[i] = cel_from_json(it.value, &cli->arena);
    }
    variables->count = count;
    return 0;
}

static int say_error(const struct cli *cli, struct slice source, const struct cel_error *error)
{
    struct buf out;
    buf_init(&out, VALUE_BYTES_MOST);
    buf_printf(&out, "troupe: %u:%u: ", error->line, error->column);
    text_plain(&out, slice_str(error->message));
    buf_char(&out, '\n');
    if (cli->log.tty)
        excerpt_write(&out, source, error->line, error->column, &cli->log);
    (void)fwrite(buf_slice(&out).ptr, 1, out.len, stderr);
    buf_free(&out);
    return EXIT_RUN_FAILED;
}

static int evaluate(struct cli *cli, struct slice source)
{
    struct json_doc doc;
    struct variables variables = {0};
    struct err err = ERR_INIT;
    if (read_variables(cli, &doc, &variables, &err) != 0)
        return cli_fail(cli, &err);
    struct cel_env env = {.variables = variables.names, .variable_count = variables.count};
    struct cel_error error;
    const struct cel_program *program = cel_compile(&cli->arena, source, &env, &error);
    if (!program)
        return say_error(cli, source, &error);
    struct cel_activation activation = {
        .slots = variables.values,
        .slot_count = variables.count,
        .now_us = clock_wall_us(&clock_system),
    };
    struct cel_value value;
    if (cel_eval(program, &activation, &cli->arena, &value, &error) != 0)
        return say_error(cli, source, &error);
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cel_write_json(&out, &value, &error) != 0) {
        buf_free(&out);
        return say_error(cli, source, &error);
    }
    return cli_print(cli, &out, 0);
}

static int run_cases(struct cli *cli, const char *path)
{
    unsigned passed = 0, failed = 0;
    FILE *in = fopen(path, "re");
    if (!in)
        return cli_fail_with(cli, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s",
                             path, strerror(errno));
    int result = cel_run_cases(in, cli->json ? stderr : stdout, &passed, &failed);
    (void)fclose(in);
    if (result != 0)
        return cli_fail_with(cli, ERR_INVALID, "%s: a line is no case", path);
    if (cli->json)
        (void)printf("{\"passed\":%u,\"failed\":%u}\n", passed, failed);
    return fflush(stdout) != 0 ? err_exit_code(ERR_IO) : failed > 0 ? EXIT_RUN_FAILED : 0;
}

int cmd_cel(struct cli *cli)
{
    const char *cases = settings_string(&cli->settings, "cases");
    if (settings_flag(&cli->settings, "repl"))
        return cli_fail_with(cli, ERR_USAGE, "cel: --repl is not supported yet");
    if (cases && (cli->settings.argument_count > 0 || settings_given(&cli->settings, "with")))
        return cli_fail_with(cli, ERR_USAGE, "cel: --cases FILE takes no expression and no --with");
    if (cases)
        return run_cases(cli, cases);
    if (cli->settings.argument_count == 0)
        return cli_fail_with(cli, ERR_USAGE, "cel: an expression is missing: troupe cel EXPR");
    struct slice source = slice_str(cli_argument(cli, 0));
    if (source.len > GRAPH_SOURCE_MAX_BYTES)
        return cli_fail_with(cli, ERR_LIMIT, "cel: the expression is too long");
    return evaluate(cli, source);
}
