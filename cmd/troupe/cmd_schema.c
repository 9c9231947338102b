/* troupe schema: what a definition may look like. */
#include "cli.h"
#include "graph/graph.h"
#include "pretty.h"

enum { SCHEMA_BYTES_MOST = 1 << 20, WIDTH = 100 };

int cmd_schema(struct cli *cli)
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
