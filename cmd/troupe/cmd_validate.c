/* troupe validate FILE...: every finding of every file. */
#include "cli.h"
#include "definition.h"
#include <stdio.h>

enum { OUTPUT_BYTES_MOST = 64 << 20 };

struct totals {
    uint32_t errors, warnings;
};

static void count(const struct findings *findings, struct totals *totals)
{
    totals->errors += findings->errors;
    totals->warnings += findings->count + findings->dropped - findings->errors;
}

static void write_json(struct buf *out, const struct definition *definition, bool valid)
{
    const struct findings *findings = &definition->findings;
    buf_str(out, "{\"file\":");
    json_write_string(out, slice_str(definition->path));
    buf_printf(out, ",\"valid\":%s,\"findings\":[", valid ? "true" : "false");
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        buf_printf(out, "%s{\"severity\":\"%s\",\"line\":%u,\"column\":%u,\"path\":", i ? "," : "",
                   finding->severity == FINDING_ERROR ? "error" : "warning", finding->position.line,
                   finding->position.column);
        json_write_string(out, slice_str(finding->path));
        buf_str(out, ",\"message\":");
        json_write_string(out, slice_str(finding->message));
        buf_char(out, '}');
    }
    buf_printf(out, "],\"not_shown\":%u}", findings->dropped);
}

static void write_plain(struct cli *cli, struct buf *out, const struct definition *definition)
{
    definition_write_findings(definition, &cli->out, out);
    if (!definition->graph || definition->findings.count > 0)
        return;
    const struct graph *graph = definition->graph;
    buf_printf(out, "%s: ", definition->path);
    style_str(out, cli->out.colour, STYLE_GREEN, "ok");
    buf_printf(out, " (%u node%s, %u edge%s)\n", graph->node_count,
               graph->node_count == 1 ? "" : "s", graph->edge_count,
               graph->edge_count == 1 ? "" : "s");
}

static void summarise(const struct totals *totals, bool strict)
{
    if (totals->errors + totals->warnings == 0)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%u error%s, %u warning%s%s\n", totals->errors,
                  totals->errors == 1 ? "" : "s", totals->warnings,
                  totals->warnings == 1 ? "" : "s",
                  strict && totals->warnings ? " (errors too, by --strict)" : "");
}

int cmd_validate(struct cli *cli)
{
    bool strict = settings_flag(&cli->settings, "strict");
    struct totals all = {0};
    struct buf out;
    buf_init(&out, OUTPUT_BYTES_MOST);
    int unread = 0;
    buf_str(&out, cli->json ? "[" : "");
    for (uint32_t i = 0; i < cli->settings.argument_count; i++) {
        struct definition definition;
        struct err err = ERR_INIT;
        if (definition_read(cli, cli_argument(cli, i), &definition, &err) != 0) {
            unread = cli_fail(cli, &err);
            continue;
        }
        struct totals own = {0};
        count(&definition.findings, &own);
        bool valid = own.errors == 0 && !(strict && own.warnings > 0);
        if (cli->json) {
            buf_str(&out, out.len > 1 ? "," : "");
            write_json(&out, &definition, valid);
        } else
            write_plain(cli, &out, &definition);
        count(&definition.findings, &all);
        definition_free(&definition);
    }
    buf_str(&out, cli->json ? "]" : "");
    bool invalid = all.errors > 0 || (strict && all.warnings > 0);
    int status = cli_print(cli, &out, unread ? unread : invalid ? EXIT_INVALID : 0);
    if (!cli->json)
        summarise(&all, strict);
    return status;
}
