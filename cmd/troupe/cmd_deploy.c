/* troupe deploy FILE...: every file is checked before the first is stored. */
#include "cli.h"
#include "definition.h"
#include "store/store.h"
#include <stdlib.h>

enum { OUTPUT_BYTES_MOST = 1 << 20 };

static void write_version(struct cli *cli, struct buf *out, const struct definition *definition,
                          const struct store_version *version, bool first)
{
    struct slice name = definition->graph->name;
    if (!cli->json) {
        text_plain(out, name);
        buf_printf(out, " version %lld%s\n", (long long)version->version,
                   version->created ? "" : " (unchanged)");
        return;
    }
    buf_str(out, first ? "{\"workflow\":" : ",{\"workflow\":");
    json_write_string(out, name);
    buf_printf(out, ",\"version\":%lld,\"digest\":\"%s\",\"created\":%s,\"file\":",
               (long long)version->version, definition->graph->digest,
               version->created ? "true" : "false");
    json_write_string(out, slice_str(definition->path));
    buf_char(out, '}');
}

static int store_all(struct cli *cli, struct store *store, const struct definition *definitions,
                     uint32_t count)
{
    struct buf out;
    struct err err = ERR_INIT;
    int status = 0;
    buf_init(&out, OUTPUT_BYTES_MOST);
    buf_str(&out, cli->json ? "[" : "");
    for (uint32_t i = 0; i < count && status == 0; i++) {
        struct store_version version;
        if (definition_deploy(cli, store, settings_string(&cli->settings, "redis-url"),
                              &definitions[i], &version, &err) != 0)
            status = cli_fail(cli, &err);
        else
            write_version(cli, &out, &definitions[i], &version, i == 0);
    }
    buf_str(&out, cli->json ? "]" : "");
    return cli_print(cli, &out, status);
}

int cmd_deploy(struct cli *cli)
{
    const uint32_t count = cli->settings.argument_count;
    struct err err = ERR_INIT;
    struct store *store = NULL;
    int status = 0;
    struct definition *definitions = calloc(count, sizeof *definitions);
    if (!definitions)
        return cli_fail_with(cli, ERR_LIMIT, "no memory for %u definitions", count);
    for (uint32_t i = 0; i < count; i++) {
        int own = definition_for_deploy(cli, cli_argument(cli, i), &definitions[i]);
        status = status ? status : own;
    }
    if (status == 0) {
        store = cli_store(cli, &err);
        status = store ? store_all(cli, store, definitions, count) : cli_fail(cli, &err);
    }
    for (uint32_t i = 0; i < count; i++)
        definition_free(&definitions[i]);
    store_free(store);
    free(definitions);
    return status;
}
