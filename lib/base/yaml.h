/* yaml: YAML 1.2 core values as a JSON document with YAML positions (libyaml events).
 *
 * The result is an ordinary struct json_doc whose text is JSON and whose origins are positions in
 * the YAML source. Duplicate keys, non-string keys, tags other than the core ones, more than one
 * document, NaN and infinities are errors. Bytes, depth and nodes after alias expansion are capped
 * by the limits, so an alias bomb ends in an error in bounded time and memory.
 */
#ifndef TROUPE_BASE_YAML_H
#define TROUPE_BASE_YAML_H

#include "base/json.h"

/* Like json_read. The arena owns the JSON text, the nodes and the origins. */
MUSTCHECK int yaml_read(struct arena *arena, struct slice text, const struct json_limits *limits,
                        struct json_doc *doc, struct json_error *error);

#endif
