/* fuzz_definition: the readers of JSON and YAML, and everything behind graph_compile.
 *
 * Every input is read as both. Beyond not crashing:
 *
 *   - there is a graph, or an error finding that says why there is none, and never both;
 *   - findings are in order, have a place, are UTF-8, and begin with their path;
 *   - the canonical form is JSON, compiles, and gives the same digest and the same nodes.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "graph/graph.h"
#include <string.h>

enum { FINDING_ARENA_BYTES = 16 << 20 };

static void check_finding(const struct finding *finding, const struct finding *before)
{
    struct json_position at = finding->position;
    size_t path = strlen(finding->path);
    size_t length = strlen(finding->message);
    DEMAND(at.line > 0 && at.column > 0, "%s", finding->message);
    DEMAND(length > path, "%s", finding->message);
    for (size_t i = 0; i < path; i++) {
        /* Messages show control characters as spaces. */
        char c = (unsigned char)finding->path[i] < 0x20 || finding->path[i] == 0x7F
                     ? ' '
                     : finding->path[i];
        DEMAND(finding->message[i] == c, "%s", finding->message);
    }
    for (size_t i = 0; i < length;) {
        size_t sequence = utf8_sequence(finding->message + i, length - i);
        DEMAND(sequence > 0, "not UTF-8: %s", finding->message);
        i += sequence;
    }
    if (before)
        DEMAND(before->position.line < at.line ||
                   (before->position.line == at.line && before->position.column <= at.column),
               "%s", finding->message);
}

static void check_canonical(const struct graph *graph)
{
    struct err err = ERR_INIT;
    DEMAND(json_valid(graph->canonical), "%.*s", SLICE_ARG(graph->canonical));
    struct graph *again = graph_load(graph->canonical, &err);
    DEMAND(again, "%s", err.message);
    DEMAND(strcmp(graph->digest, again->digest) == 0, "the digest");
    DEMAND(graph->node_count == again->node_count && graph->edge_count == again->edge_count,
           "%u nodes, %u edges; again %u and %u", graph->node_count, graph->edge_count,
           again->node_count, again->edge_count);
    graph_release(again);
}

static void check_as(struct slice source, enum graph_format format)
{
    struct arena arena;
    struct findings findings;
    arena_init(&arena, FINDING_ARENA_BYTES);
    findings_init(&findings, &arena);
    struct graph *graph = graph_compile(source, format, &findings);
    DEMAND((graph == NULL) == (findings.errors > 0 || findings.out_of_memory), "%u errors",
           findings.errors);
    for (uint32_t i = 0; i < findings.count; i++)
        check_finding(&findings.items[i], i ? &findings.items[i - 1] : NULL);
    if (graph)
        check_canonical(graph);
    graph_release(graph);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice source = slice_of((const char *)data, size);
    check_as(source, GRAPH_JSON);
    check_as(source, GRAPH_YAML);
    return 0;
}
