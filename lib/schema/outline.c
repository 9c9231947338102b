/* outline: a schema as a shape. */
#include "schema/outline.h"
#include "schema/node.h"
#include <stdlib.h>

/* Nodes that look at the same value are read together: more than so many say nothing more. */
enum { PARTS_MOST = 32 };

struct parts {
    const struct schema_node *nodes[PARTS_MOST];
    uint32_t count;
};

struct outline {
    const struct schema *schema;
    struct arena *arena;
    struct shape **made;              /* by a node's place; NULL: not asked for yet */
    const struct schema_node **begun; /* made and to be filled: schemas nest, and lead anywhere */
    uint32_t begun_count;
    bool failed;
};

/* The shape of what fits the node, filled by and by; NULL for a node that says nothing. */
static const struct shape *shape_of(struct outline *outline, const struct schema_node *node)
{
    if (!node || node->never || node->groups == 0)
        return NULL;
    struct shape **made = &outline->made[node->place];
    if (*made || outline->failed)
        return *made;
    *made = arena_zalloc(outline->arena, sizeof(**made));
    outline->failed |= !*made;
    if (*made)
        outline->begun[outline->begun_count++] = node;
    return *made;
}

/* The node, and those that its value must fit too. */
static void collect(const struct schema_node *node, struct parts *parts)
{
    parts->count = 0;
    parts->nodes[parts->count++] = node;
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct schema_node *part = parts->nodes[i];
        if (part->reference && parts->count < PARTS_MOST)
            parts->nodes[parts->count++] = part->reference;
        for (uint32_t k = 0; k < part->all.count && parts->count < PARTS_MOST; k++)
            parts->nodes[parts->count++] = part->all.items[k];
    }
}

/* --- types --- */

static unsigned types_of(const struct schema_node *node)
{
    unsigned types = SHAPE_ANYTHING;
    if (node->types) {
        types = node->types & SHAPE_ANYTHING;
        if (node->types & TYPE_INTEGER)
            types |= SHAPE_OF(JSON_NUMBER);
    }
    if (json_present(node->constant))
        types &= SHAPE_OF(json_type(node->constant));
    if (json_present(node->choices)) {
        unsigned chosen = 0;
        struct json_iter it = json_iter(node->choices);
        while (json_next(&it))
            chosen |= SHAPE_OF(json_type(it.value));
        types &= chosen;
    }
    return types;
}

/* --- members --- */

static bool is_closed(const struct schema_node *node)
{
    return node->additional && node->additional->never && node->patterns.count == 0;
}

/* Does another part before this one list the name, or does a closed one not have it? */
static bool listed_or_barred(const struct parts *parts, uint32_t part, struct slice name)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        const bool has = schema_find_property(&parts->nodes[i]->properties, name) != NULL;
        if ((has && i < part) || (!has && is_closed(parts->nodes[i])))
            return true;
    }
    return false;
}

static void fill_members(struct outline *outline, const struct parts *parts, struct shape *shape)
{
    size_t most = 0;
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct schema_node *part = parts->nodes[i];
        most += part->properties.count;
        shape->closed |= is_closed(part);
        if (!shape->rest && part->patterns.count == 0)
            shape->rest = shape_of(outline, part->additional);
    }
    struct shape_member *members = arena_array(outline->arena, most, sizeof(*members));
    outline->failed |= !members;
    for (uint32_t i = 0; members && i < parts->count; i++) {
        const struct schema_properties *properties = &parts->nodes[i]->properties;
        for (uint32_t k = 0; k < properties->count; k++) {
            const struct schema_property *property = &properties->items[k];
            if (!listed_or_barred(parts, i, property->name))
                members[shape->member_count++] =
                    (struct shape_member){property->name, shape_of(outline, property->node)};
        }
    }
    if (shape->member_count > 1 && parts->count > 1)
        qsort(members, shape->member_count, sizeof(*members), shape_by_name);
    shape->members = members;
}

static void fill(struct outline *outline, const struct schema_node *node)
{
    struct shape *shape = outline->made[node->place];
    struct parts parts;
    collect(node, &parts);
    shape->types = SHAPE_ANYTHING;
    for (uint32_t i = 0; i < parts.count; i++) {
        const struct schema_node *part = parts.nodes[i];
        shape->types &= types_of(part);
        if (!shape->element && part->prefix.count == 0)
            shape->element = shape_of(outline, part->items);
    }
    if (shape->types == 0)
        shape->types =
            SHAPE_ANYTHING; /* nothing fits: whatever comes, it is no mistake of a reader */
    fill_members(outline, &parts, shape);
}

const struct shape *schema_outline(const struct schema *schema, struct arena *arena)
{
    static const struct shape anything = {.types = SHAPE_ANYTHING};
    const uint32_t most = schema->doc.node_count;
    struct outline outline = {.schema = schema, .arena = arena};
    struct arena scratch;
    arena_init(&scratch, 0);
    outline.made = arena_zalloc(&scratch, most * sizeof(struct shape *));
    outline.begun = arena_array(&scratch, most, sizeof(const struct schema_node *));
    const struct shape *shape = NULL;
    if (outline.made && outline.begun) {
        shape = shape_of(&outline, schema->root);
        for (uint32_t i = 0; i < outline.begun_count && !outline.failed; i++)
            fill(&outline, outline.begun[i]);
        if (!shape)
            shape = &anything;
    }
    arena_free(&scratch);
    return outline.failed ? NULL : shape;
}
