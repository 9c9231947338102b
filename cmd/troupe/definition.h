/* definition: a file, compiled, and its findings as people read them. */
#ifndef TROUPE_DEFINITION_H
#define TROUPE_DEFINITION_H

#include "base/attr.h"
#include "base/buf.h"
#include "cli.h"
#include "graph/graph.h"

struct definition {
    const char *path;
    struct slice source;
    struct graph *graph; /* NULL: it has errors. One reference, the definition's */
    struct findings findings;
};

/* Reads and compiles. -1 only when the file cannot be read or there is no memory; a definition with
 * errors is 0 and no graph. Everything but the graph is the call's arena's. */
MUSTCHECK int definition_read(struct cli *cli, const char *path, struct definition *definition,
                              struct err *err);
void definition_free(struct definition *definition);

/* FILE:LINE:COL: message, a line each; on a terminal with the line of the file and a caret. */
void definition_write_findings(const struct definition *definition, const struct term *term,
                               struct buf *out);
/* Reads, compiles, writes findings to stderr, and wants a graph with a name. 0, or an exit status
 * after having said why not. */
MUSTCHECK int definition_for_deploy(struct cli *cli, const char *path,
                                    struct definition *definition);

/* Stores it as a version of its name and publishes it, so that producers who speak to Redis alone may
 * name it at once. Redis being away is only noted: a supervisor publishes too. */
MUSTCHECK int definition_deploy(struct cli *cli, struct store *store, const char *redis_url,
                                const struct definition *definition, struct store_version *version,
                                struct err *err);

/* The line of source in which line `line` is, with a caret under `column`; nothing when there is no
 * such line. For expressions too. */
void excerpt_write(struct buf *out, struct slice source, uint32_t line, uint32_t column,
                   const struct term *term);

#endif
