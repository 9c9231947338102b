/* troupe graph FILE: a picture of a definition. */
#include "cli.h"
#include "definition.h"
#include <stdio.h>
#include <string.h>

enum { OUTPUT_BYTES_MOST = 256 << 20 };

int cmd_graph(struct cli *cli)
{
    const char *format = settings_string(&cli->settings, "output");
    if (strcmp(format, "mermaid") == 0 || strcmp(format, "svg") == 0)
        return cli_fail_with(cli, ERR_USAGE,
                             "graph: -o %s is not supported yet (for a picture: "
                             "troupe graph FILE | dot -Tsvg)",
                             format);
    if (strcmp(format, "dot") != 0 && !cli->json)
        return cli_fail_with(cli, ERR_USAGE, "--output: '%s' is not one of dot, json", format);
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
    else
        graph_write_dot(definition.graph, &out);
    definition_free(&definition);
    return cli_print(cli, &out, 0);
}
