/* troupe cel EXPR: one expression over given values. */
#include "cel/cases.h"
#include "cel_values.h"
#include "cli.h"
#include "graph/graph.h"
#include <errno.h>
#include <stdio.h>

enum { OUTPUT_BYTES_MOST = 256 << 20 };

/* The members of --with. Their values are views of the document. */
static int read_with(struct cli *cli, struct cel_values *values, struct err *err)
{
    const char *with = settings_string(&cli->settings, "with");
    return with ? cel_values_read(values, slice_str(with), "--with", err) : 0;
}

static int evaluate(struct cli *cli, struct slice source)
{
    struct cel_values values;
    struct err err = ERR_INIT;
    struct buf out;
    cel_values_init(&values, &cli->arena);
    if (read_with(cli, &values, &err) != 0)
        return cli_fail(cli, &err);
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (cel_values_eval(&values, source, &cli->arena, &out, cli) != 0) {
        buf_free(&out);
        return EXIT_RUN_FAILED;
    }
    return cli_print(cli, &out, 0);
}

static int repl(struct cli *cli)
{
    struct cel_values values;
    struct err err = ERR_INIT;
    cel_values_init(&values, &cli->arena);
    if (read_with(cli, &values, &err) != 0)
        return cli_fail(cli, &err);
    return cel_repl(cli, &values);
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
    const bool lines = settings_flag(&cli->settings, "repl");
    if (lines && (cases || cli->settings.argument_count > 0))
        return cli_fail_with(cli, ERR_USAGE, "cel: --repl takes no expression and no --cases");
    if (lines)
        return repl(cli);
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
