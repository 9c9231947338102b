#include "cel/value.h"
#include "base/hash.h"
#include "cel/compare.h"
#include "cel/fault.h"

/* Above this many entries a map gets a hash table. */
#define SMALL_MAP 8u

bool cel_is_list(const struct cel_value *value)
{
    return value->kind == CEL_LIST ||
           (value->kind == CEL_JSON && json_type(value->json) == JSON_ARRAY);
}

bool cel_is_map(const struct cel_value *value)
{
    return value->kind == CEL_MAP ||
           (value->kind == CEL_JSON && json_type(value->json) == JSON_OBJECT);
}

bool cel_is_unread(const struct cel_value *value)
{
    return value->kind == CEL_JSON && json_type(value->json) == JSON_STRING;
}

uint32_t cel_count(const struct cel_value *value)
{
    if (value->kind == CEL_LIST)
        return value->list->count;
    if (value->kind == CEL_MAP)
        return value->map->count;
    return value->kind == CEL_JSON ? json_count(value->json) : 0;
}

/* --- from JSON --- */

static struct cel_value peek_number(struct json_ref ref)
{
    int64_t integer = 0;
    if (json_int(ref, &integer))
        return cel_int(integer);
    struct cel_value value = cel_double(json_double(ref));
    /* The text goes along, so that it can leave as it came. It ends at the first byte that belongs
     * to no number, which in a document follows unless the number is all of it. */
    struct slice text = json_text(ref);
    if (text.ptr + text.len < ref.doc->text.ptr + ref.doc->text.len)
        value.digits = text.ptr;
    return value;
}

/* A view of a node without using memory; strings with escapes stay unread. */
static struct cel_value peek(struct json_ref ref)
{
    const struct json_node *node = json_node(ref);
    switch ((enum json_type)node->type) {
    case JSON_NULL:
        return cel_null();
    case JSON_BOOL:
        return cel_bool(json_bool(ref));
    case JSON_NUMBER:
        return peek_number(ref);
    case JSON_STRING:
        if (!node->escaped) {
            struct slice text = json_text(ref);
            return cel_string(slice_of(text.ptr + 1, text.len - 2));
        }
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return (struct cel_value){.kind = CEL_JSON, .json = ref};
}

bool cel_value_read(struct cel_value *value, struct arena *arena)
{
    if (!cel_is_unread(value))
        return true;
    struct slice text = json_string(value->json, arena);
    *value = cel_string(text);
    return text.ptr != NULL;
}

static const struct cel_fault no_memory = {CEL_ERROR_MEMORY, 0, "out of memory"};

struct cel_value cel_from_json(struct json_ref ref, struct arena *arena)
{
    struct cel_value value = peek(ref);
    if (value.kind == CEL_DOUBLE && !value.digits) {
        value.digits = arena_strdup(arena, json_text(ref));
        if (!value.digits)
            return (struct cel_value){.kind = CEL_ERROR, .fault = &no_memory};
    }
    if (!cel_value_read(&value, arena))
        return (struct cel_value){.kind = CEL_ERROR, .fault = &no_memory};
    return value;
}

/* --- lists --- */

const struct cel_list *cel_list_make(struct arena *arena, const struct cel_value *items,
                                     uint32_t count)
{
    struct cel_list *list = arena_alloc(arena, sizeof(*list));
    if (list)
        *list = (struct cel_list){count, items};
    return list;
}

struct cel_value cel_list_at(const struct cel_value *list, uint32_t index, struct cel_meter *meter)
{
    if (list->kind == CEL_LIST)
        return list->list->items[index];
    meter->left -= index / 16; /* an array is walked from its start */
    return peek(json_element(list->json, index));
}

struct cel_iter cel_iter(const struct cel_value *container)
{
    struct cel_iter iter = {.container = container};
    if (container->kind == CEL_JSON)
        iter.json = json_iter(container->json);
    return iter;
}

bool cel_next(struct cel_iter *iter)
{
    const struct cel_value *container = iter->container;
    if (container->kind == CEL_JSON) {
        if (!json_next(&iter->json))
            return false;
        iter->value = peek(iter->json.value);
        if (json_type(container->json) == JSON_OBJECT)
            iter->key = peek(iter->json.key);
        return true;
    }
    if (iter->at >= cel_count(container))
        return false;
    if (container->kind == CEL_LIST) {
        iter->value = container->list->items[iter->at++];
    } else {
        iter->key = container->map->entries[iter->at].key;
        iter->value = container->map->entries[iter->at++].value;
    }
    return true;
}

/* --- maps --- */

/* Keys that are equal hash alike: numbers by their integer, whatever their kind. False for values
 * that equal no key. */
static bool hash_key(const struct cel_value *key, uint64_t seed, uint64_t *hash)
{
    uint64_t bits = 0;
    switch (key->kind) {
    case CEL_STRING:
        *hash = hash_bytes(key->text, seed);
        return true;
    case CEL_BOOL:
        bits = key->boolean;
        break;
    case CEL_INT:
        bits = (uint64_t)key->integer;
        break;
    case CEL_UINT:
        bits = key->uinteger;
        break;
    case CEL_DOUBLE: {
        struct cel_value whole;
        if (!cel_double_to_integer(key->real, &whole))
            return false;
        return hash_key(&whole, seed, hash);
    }
    case CEL_NULL:
    case CEL_BYTES:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TIMESTAMP:
    case CEL_DURATION:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_IP:
    case CEL_CIDR:
    case CEL_JSON:
    case CEL_ERROR:
        return false;
    }
    *hash = hash_bytes(slice_of((const char *)&bits, sizeof(bits)), seed);
    return true;
}

static const struct cel_entry *scan(const struct cel_entry *entries, uint32_t count,
                                    const struct cel_value *key, struct cel_meter *meter)
{
    for (uint32_t i = 0; i < count && meter->left >= 0; i++)
        if (cel_same(&entries[i].key, key, meter))
            return &entries[i];
    return NULL;
}

/* The place of the key in the table, or the free one where it belongs. */
static uint32_t *probe(const struct cel_map *map, const struct cel_value *key, uint64_t hash,
                       struct cel_meter *meter)
{
    uint32_t at = (uint32_t)hash & map->mask;
    while (map->table[at] != 0 && !cel_same(&map->entries[map->table[at] - 1].key, key, meter))
        at = (at + 1) & map->mask;
    return &map->table[at];
}

static const struct cel_entry *lookup(const struct cel_map *map, const struct cel_value *key,
                                      struct cel_meter *meter)
{
    uint64_t hash = 0;
    if (!map->table || cel_is_unread(key))
        return scan(map->entries, map->count, key, meter);
    if (!hash_key(key, map->seed, &hash))
        return NULL;
    uint32_t index = *probe(map, key, hash, meter);
    return index ? &map->entries[index - 1] : NULL;
}

static uint32_t first_repeated_by_scan(const struct cel_entry *entries, uint32_t count,
                                       struct cel_meter *meter)
{
    for (uint32_t i = 1; i < count; i++)
        if (scan(entries, i, &entries[i].key, meter))
            return i;
    return count;
}

const struct cel_map *cel_map_make(struct arena *arena, const struct cel_entry *entries,
                                   uint32_t count, struct cel_meter *meter, uint32_t *repeated)
{
    struct cel_map *map = arena_alloc(arena, sizeof(*map));
    if (!map)
        return NULL;
    *map = (struct cel_map){.count = count, .entries = entries};
    if (count <= SMALL_MAP) {
        *repeated = first_repeated_by_scan(entries, count, meter);
        return map;
    }
    uint32_t size = 16;
    while (size < 2 * (uint64_t)count)
        size *= 2;
    map->table = arena_array(arena, size, sizeof(*map->table));
    if (!map->table)
        return NULL;
    map->mask = size - 1;
    map->seed = hash_seed();
    *repeated = count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = 0;
        if (!hash_key(&entries[i].key, map->seed, &hash))
            continue; /* keys are checked by who makes the map */
        uint32_t *place = probe(map, &entries[i].key, hash, meter);
        if (*place == 0)
            *place = i + 1;
        else if (*repeated == count)
            *repeated = i;
    }
    return map;
}

bool cel_map_find(const struct cel_value *map, const struct cel_value *key, struct cel_meter *meter,
                  struct cel_value *found)
{
    if (map->kind == CEL_MAP) {
        const struct cel_entry *entry = lookup(map->map, key, meter);
        if (entry)
            *found = entry->value;
        return entry != NULL;
    }
    meter->left -= json_count(map->json) / 16;
    if (key->kind == CEL_STRING) {
        struct json_ref ref = json_member(map->json, key->text);
        if (json_present(ref))
            *found = peek(ref);
        return json_present(ref);
    }
    if (!cel_is_unread(key))
        return false;
    struct json_iter it = json_iter(map->json);
    while (json_next(&it)) {
        struct cel_value name = peek(it.key);
        if (cel_same(&name, key, meter)) {
            *found = peek(it.value);
            return true;
        }
    }
    return false;
}

struct cel_value cel_record(struct arena *arena, const struct cel_member *members, uint32_t count)
{
    struct cel_entry *entries = arena_array(arena, count, sizeof(*entries));
    struct cel_map *map = arena_alloc(arena, sizeof(*map));
    if (!entries || !map)
        return (struct cel_value){.kind = CEL_ERROR, .fault = &no_memory};
    *map = (struct cel_map){.entries = entries};
    for (uint32_t i = 0; i < count; i++)
        if (!cel_is_absent(&members[i].value))
            entries[map->count++] =
                (struct cel_entry){cel_string(members[i].name), members[i].value};
    return (struct cel_value){.kind = CEL_MAP, .map = map};
}
