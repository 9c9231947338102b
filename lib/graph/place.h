/* place: where something stands in a definition, for people: `edges[0].condition`, line and column.
 *
 * Internal to lib/graph. A path is a chain of steps on the C stack of whoever descends, so that it
 * costs nothing until it is shown. A definition of 16 MiB may stand on one line and have a finding or
 * an expression anywhere, so positions are counted from checkpoints, not from the start.
 */
#ifndef TROUPE_GRAPH_PLACE_H
#define TROUPE_GRAPH_PLACE_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"

struct path {
    const struct path *parent; /* NULL: a member of the definition */
    struct slice key;          /* unescaped; ptr NULL: an element */
    uint32_t index;
};

static inline struct path path_key(const struct path *parent, struct slice key)
{
    return (struct path){.parent = parent, .key = key};
}
static inline struct path path_index(const struct path *parent, uint32_t index)
{
    return (struct path){.parent = parent, .key = SLICE_NONE, .index = index};
}

#define PATH_TEXT_BYTES 320 /* longer ones end in "…" */

/* `nodes[2].config.template.x`; members that are no plain names as `["a b"]`. NULL: "". */
void path_write(const struct path *path, char text[PATH_TEXT_BYTES]);
/* In the arena; NULL without memory. */
MUSTCHECK char *path_text(const struct path *path, struct arena *arena);

struct places {
    const struct json_doc *doc;
    struct json_position *checkpoints; /* every PLACES_STEP bytes of the text; NULL with origins */
    size_t count;
};

#define PLACES_STEP 256u

/* -1 without memory. The arena holds the checkpoints. */
MUSTCHECK int places_init(struct places *places, const struct json_doc *doc, struct arena *arena);
struct json_position places_position(const struct places *places, struct json_ref ref);
/* Of a byte inside a string, counted in its unescaped content. YAML has many ways to write a string:
 * there it is where the string begins. */
struct json_position places_in_string(const struct places *places, struct json_ref string,
                                      size_t offset);

#endif
