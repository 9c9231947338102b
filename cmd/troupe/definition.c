/* definition: reading, compiling, reporting. */
#include "definition.h"
#include "base/utf8.h"
#include "exec/exec.h"
#include "protocol/publication.h"
#include "protocol/redis.h"
#include <stdio.h>
#include <string.h>

enum { REDIS_TIMEOUT_MS = 3000, REPORT_BYTES_MOST = 4 << 20, EXCERPT_MARGIN = 4 };

int definition_read(struct cli *cli, const char *path, struct definition *definition,
                    struct err *err)
{
    *definition = (struct definition){.path = strcmp(path, "-") == 0 ? "<stdin>" : path};
    findings_init(&definition->findings, &cli->arena);
    if (file_read(path, GRAPH_SOURCE_MAX_BYTES, &cli->arena, &definition->source, err) != 0)
        return -1;
    /* Its child is started by the first program in jq. */
    struct jq *jq = jq_new(NULL, 0, err);
    if (!jq)
        return -1;
    const struct graph_checks checks = exec_checks(jq);
    definition->graph = graph_compile_checked(definition->source, graph_format_of(path), &checks,
                                              &definition->findings);
    jq_free(jq);
    if (definition->findings.out_of_memory) {
        definition_free(definition);
        return err_set(err, ERR_LIMIT, "not enough memory to compile %s", path);
    }
    findings_sort(&definition->findings);
    return 0;
}

void definition_free(struct definition *definition)
{
    graph_release(definition->graph);
    definition->graph = NULL;
}

/* The text of a line, counted from 1, without its end. */
static struct slice line_of(struct slice source, uint32_t line)
{
    const char *at = source.ptr, *end = source.ptr + source.len;
    for (uint32_t i = 1; at && i < line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    if (!at || at >= end)
        return SLICE_NONE;
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t len = (size_t)((newline ? newline : end) - at);
    return slice_of(at, len > 0 && at[len - 1] == '\r' ? len - 1 : len);
}

/* The slice behind the first `points` code points. */
static struct slice skip_points(struct slice text, uint32_t points)
{
    while (points-- > 0 && text.len > 0) {
        size_t bytes = utf8_sequence(text.ptr, text.len);
        bytes = bytes ? bytes : 1;
        text = slice_of(text.ptr + bytes, text.len - bytes);
    }
    return text;
}

/* A long line, such as a whole definition in one, shows the part around the column. */
void excerpt_write(struct buf *out, struct slice source, uint32_t line, uint32_t column,
                   const struct term *term)
{
    struct slice text = line_of(source, line);
    if (!text.ptr || column == 0)
        return;
    char label[32];
    int label_len = snprintf(label, sizeof(label), "%5u | ", line);
    uint32_t room = term->width - (uint32_t)label_len - 1;
    uint32_t first = column + EXCERPT_MARGIN > room ? column - room / 2 : 0;
    style_str(out, term->colour, STYLE_DIM, label);
    (void)text_fit(out, skip_points(text, first), room, term->unicode);
    buf_str(out, "\n      ");
    style_str(out, term->colour, STYLE_DIM, "| ");
    text_pad(out, column - 1 - first);
    style_str(out, term->colour, STYLE_BOLD, "^");
    buf_char(out, '\n');
}

static void write_finding(const struct definition *definition, const struct finding *finding,
                          const struct term *term, struct buf *out)
{
    bool warning = finding->severity == FINDING_WARNING;
    style_begin(out, term->colour, STYLE_BOLD);
    buf_printf(out, "%s:%u:%u:", definition->path, finding->position.line,
               finding->position.column);
    style_end(out, term->colour, STYLE_BOLD);
    buf_char(out, ' ');
    if (warning)
        style_str(out, term->colour, STYLE_YELLOW, "warning: ");
    if (term->tty)
        text_plain(out, slice_str(finding->message));
    else
        buf_str(out, finding->message);
    buf_char(out, '\n');
    if (term->tty)
        excerpt_write(out, definition->source, finding->position.line, finding->position.column,
                      term);
}

void definition_write_findings(const struct definition *definition, const struct term *term,
                               struct buf *out)
{
    const struct findings *findings = &definition->findings;
    for (uint32_t i = 0; i < findings->count; i++)
        write_finding(definition, &findings->items[i], term, out);
    if (findings->dropped > 0)
        buf_printf(out, "%s: %u more findings are not shown\n", definition->path,
                   findings->dropped);
}

/* A name in the form that metadata.name wants, from the file's: what the message can suggest. */
static void suggest_name(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = strcspn(base, ".");
    size_t at = 0;
    for (size_t i = 0; i < len && at + 1 < size; i++) {
        char c = base[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        name[at++] = plain ? c : '-';
    }
    name[at] = '\0';
    if (at == 0)
        (void)snprintf(name, size, "my-workflow");
}

int definition_for_deploy(struct cli *cli, const char *path, struct definition *definition)
{
    struct err err = ERR_INIT;
    if (definition_read(cli, path, definition, &err) != 0)
        return cli_fail(cli, &err);
    struct buf report;
    buf_init(&report, REPORT_BYTES_MOST);
    definition_write_findings(definition, &cli->log, &report);
    (void)fwrite(buf_slice(&report).ptr, 1, report.len, stderr);
    buf_free(&report);
    if (!definition->graph)
        return EXIT_INVALID;
    if (definition->graph->name.len > 0)
        return 0;
    char name[64];
    suggest_name(definition->path, name, sizeof(name));
    (void)fprintf(stderr,
                  graph_format_of(path) == GRAPH_YAML
                      ? "%s:1:1: metadata.name: a name is required to deploy; add\n"
                        "metadata:\n  name: %s\n"
                      : "%s:1:1: metadata.name: a name is required to deploy; add "
                        "\"metadata\": {\"name\": \"%s\"}\n",
                  definition->path, name);
    definition_free(definition);
    return EXIT_INVALID;
}

/* --- deploying --- */

static int publish(const char *redis_url, const struct graph *graph, int64_t version,
                   struct err *err)
{
    const struct publication item = {.name = graph->name,
                                     .digest = slice_str(graph->digest),
                                     .version = version,
                                     .latest = true};
    struct redis *redis = redis_new(redis_url, REDIS_TIMEOUT_MS, err);
    if (!redis)
        return -1;
    int result = publish_canonical(redis, item.digest, graph->canonical, err);
    if (result == 0)
        result = publish_names(redis, &item, 1, err);
    redis_free(redis);
    return result;
}

int definition_deploy(struct cli *cli, struct store *store, const char *redis_url,
                      const struct definition *definition, struct store_version *version,
                      struct err *err)
{
    struct err away = ERR_INIT;
    if (store_deploy(store, definition->graph, definition->source, version, err) != 0)
        return -1;
    if (publish(redis_url, definition->graph, version->version, &away) != 0)
        cli_note(cli, "stored, and not yet published: %s (a supervisor will)", away.message);
    return 0;
}
