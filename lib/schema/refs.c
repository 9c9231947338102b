/* refs: where $ref leads, and that no value is looked at without end.
 *
 * A reference may lead anywhere in the document where a schema stands, upwards too: a list of which each
 * element is the same schema again ends with the value. What never ends is a node that leads to itself by
 * keywords that look at the same value ($ref, allOf, …, not, if): that is found here.
 */
#include "schema/compile.h"
#include <stdio.h>

static void reject_reference(struct schema_compiler *c, const struct schema_pending *pending,
                             const char *why)
{
    struct json_ref original = c->original;
    char message[300];
    original.index += pending->value.index;
    (void)snprintf(message, sizeof(message), "%.*s %s",
                   SLICE_ARG(schema_shown(json_text(pending->value))), why);
    c->problems++;
    if (schema_report_full(c->report))
        return;
    schema_report_add(c->report, json_position(original), NULL, "$ref", message);
    if (c->report->count > 0 && !c->report->out_of_memory) {
        char *path = arena_strdup(c->report->arena, slice_str(pending->path));
        c->report->out_of_memory |= !path;
        c->report->items[c->report->count - 1].path = path ? path : "";
    }
    c->out_of_memory |= c->report->out_of_memory;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One step of a pointer, "%20" and "~1" undone; false when it is written wrong. `to` has room for it. */
static bool read_step(struct slice step, char *to, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < step.len; i++) {
        char c = step.ptr[i];
        if (c == '%') {
            const int high = i + 2 < step.len ? hex(step.ptr[i + 1]) : -1;
            const int low = i + 2 < step.len ? hex(step.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        to[(*len)++] = c;
    }
    size_t kept = 0;
    for (size_t i = 0; i < *len; i++) {
        if (to[i] == '~' && (i + 1 == *len || (to[i + 1] != '0' && to[i + 1] != '1')))
            return false;
        const bool escape = to[i] == '~';
        to[kept++] = !escape ? to[i] : to[i + 1] == '0' ? '~' : '/';
        i += escape;
    }
    *len = kept;
    return true;
}

static struct json_ref follow(struct json_ref at, struct slice step)
{
    uint32_t index = 0;
    if (json_type(at) == JSON_OBJECT)
        return json_member(at, step);
    if (json_type(at) != JSON_ARRAY || step.len == 0 || step.len > 8 ||
        (step.ptr[0] == '0' && step.len > 1))
        return JSON_NONE;
    for (size_t i = 0; i < step.len; i++) {
        if (step.ptr[i] < '0' || step.ptr[i] > '9')
            return JSON_NONE;
        index = index * 10 + (uint32_t)(step.ptr[i] - '0');
    }
    return json_element(at, index);
}

/* What the pointer behind '#' names; JSON_NONE with *why when nothing. */
static struct json_ref point(struct schema_compiler *c, struct slice pointer, const char **why)
{
    struct json_ref at = json_root(&c->schema->doc);
    char *step = arena_alloc(&c->scratch, pointer.len + 1);
    c->out_of_memory |= !step;
    *why = "leads nowhere: nothing stands there";
    for (size_t from = 0; step && json_present(at) && from < pointer.len;) {
        size_t len, end = from + 1;
        while (end < pointer.len && pointer.ptr[end] != '/')
            end++;
        if (!read_step(slice_of(pointer.ptr + from + 1, end - from - 1), step, &len)) {
            *why = "is no pointer: write ~0 for '~', ~1 for '/', and %25 for '%'";
            return JSON_NONE;
        }
        at = follow(at, slice_of(step, len));
        from = end;
    }
    return step ? at : JSON_NONE;
}

static void resolve(struct schema_compiler *c, const struct schema_pending *pending)
{
    const char *why;
    struct slice text = json_string(pending->value, &c->scratch);
    c->out_of_memory |= !text.ptr;
    if (!text.ptr)
        return;
    if (text.len == 0 || text.ptr[0] != '#' || (text.len > 1 && text.ptr[1] != '/')) {
        reject_reference(c, pending,
                         "leads out of this document: expected \"#\", or a path as in "
                         "\"#/$defs/name\"");
        return;
    }
    struct json_ref at = point(c, slice_of(text.ptr + 1, text.len - 1), &why);
    if (c->out_of_memory)
        return;
    if (!json_present(at))
        reject_reference(c, pending, why);
    else if (!c->nodes[at.index])
        reject_reference(c, pending, "leads to what is no schema");
    else
        pending->node->reference = c->nodes[at.index];
}

/* --- chains --- */

enum { OPEN = UINT32_MAX };

static uint32_t height_of(struct schema_compiler *c, const struct schema_node *node,
                          uint32_t depth);

static uint32_t highest(struct schema_compiler *c, struct schema_list list, uint32_t depth)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        const uint32_t height = height_of(c, list.items[i], depth);
        most = height > most ? height : most;
    }
    return most;
}

static void reject_chain(struct schema_compiler *c, const struct schema_node *node, const char *why)
{
    struct json_ref original = c->original;
    original.index += node->place;
    if (c->problems++ == 0 && !schema_report_full(c->report))
        schema_report_add(c->report, json_position(original), NULL, "$ref", why);
    c->out_of_memory |= c->report->out_of_memory;
}

/* Of the chain that begins here. Ends at the first problem: what is above it is no longer of interest. */
static uint32_t height_of(struct schema_compiler *c, const struct schema_node *node, uint32_t depth)
{
    if (!node || c->problems > 0 || !(node->groups & GROUP_WHOLE))
        return 1;
    struct schema_node *own = c->nodes[node->place];
    if (own->height == OPEN) {
        reject_chain(c, node,
                     "leads back to itself without a step into the value: it would never "
                     "end");
        return 1;
    }
    if (own->height > 0)
        return own->height;
    if (depth > SCHEMA_MAX_CHAIN) {
        reject_chain(c, node, "too many references and alternatives within one another");
        return 1;
    }
    own->height = OPEN;
    const struct schema_list single = {
        (const struct schema_node *[]){node->reference, node->negated, node->condition,
                                       node->consequence, node->alternative},
        5};
    const struct schema_list lists[] = {single, node->all, node->any, node->one};
    uint32_t most = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const uint32_t height = highest(c, lists[i], depth + 1);
        most = height > most ? height : most;
    }
    own->height = most + 1;
    if (own->height > SCHEMA_MAX_CHAIN)
        reject_chain(c, node, "too many references and alternatives within one another");
    return own->height;
}

void schema_resolve(struct schema_compiler *c)
{
    for (struct schema_pending *at = c->pending; at && !c->out_of_memory; at = at->next)
        resolve(c, at);
    for (uint32_t i = 0; i < c->schema->doc.node_count && c->problems == 0; i++)
        if (c->nodes[i])
            (void)height_of(c, c->nodes[i], 0);
}
