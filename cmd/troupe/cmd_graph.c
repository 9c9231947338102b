/* troupe graph FILE: a picture of a definition. */
#include "cli.h"
#include "definition.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_BYTES_MOST = 256 << 20, NO_PROGRAM = 127 };

/* Through Graphviz, which writes to our stdout. */
static int write_svg(struct cli *cli, struct buf *dot)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return cli_fail_with(cli, ERR_IO, "pipe: %s", strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        if (dup2(ends[0], STDIN_FILENO) >= 0)
            (void)execlp("dot", "dot", "-Tsvg", (char *)NULL);
        _exit(errno == ENOENT ? NO_PROGRAM : 1);
    }
    (void)close(ends[0]);
    (void)signal(SIGPIPE, SIG_IGN); /* a child that ends early says so by its status */
    FILE *to = fdopen(ends[1], "w");
    bool written = child > 0 && to && fwrite(buf_slice(dot).ptr, 1, dot->len, to) == dot->len;
    if (to && fclose(to) != 0)
        written = false;
    if (child < 0)
        return cli_fail_with(cli, ERR_IO, "fork: %s", strerror(errno));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM)
        return cli_fail_with(
            cli, ERR_IO,
            "graph: -o svg needs Graphviz: install the package graphviz, or use -o "
            "dot or -o mermaid");
    if (!written || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return cli_fail_with(cli, ERR_IO, "graph: dot has failed");
    return 0;
}

int cmd_graph(struct cli *cli)
{
    const char *format = settings_string(&cli->settings, "output");
    const bool mermaid = strcmp(format, "mermaid") == 0, svg = strcmp(format, "svg") == 0;
    if (strcmp(format, "dot") != 0 && !cli->json && !mermaid && !svg)
        return cli_fail_with(cli, ERR_USAGE, "--output: '%s' is not one of dot, mermaid, svg, json",
                             format);
    struct definition definition;
    struct err err = ERR_INIT;
    if (definition_read(cli, cli_argument(cli, 0), &definition, &err) != 0)
        return cli_fail(cli, &err);
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MOST);
    if (!definition.graph) {
        definition_write_findings(&definition, &cli->log, &out);
        (void)fwrite(buf_slice(&out).ptr, 1, out.len, stderr);
        buf_free(&out);
        return EXIT_INVALID;
    }
    if (cli->json)
        graph_write_json(definition.graph, &out);
    else if (mermaid)
        graph_write_mermaid(definition.graph, &out);
    else
        graph_write_dot(definition.graph, &out);
    definition_free(&definition);
    if (!svg)
        return cli_print(cli, &out, 0);
    int status = buf_ok(&out) ? write_svg(cli, &out)
                              : cli_fail_with(cli, ERR_LIMIT, "no memory for the picture");
    buf_free(&out);
    return status;
}
