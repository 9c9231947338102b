#include "schema/value.h"
#include "base/hash.h"
#include "base/json_scan.h"
#include "schema/number.h"
#include <stdlib.h>

enum { PAIRS_MOST = 8, BYTES_PER_COST = 16 };

/* --- strings --- */

void schema_text_open(struct schema_text *text, struct json_ref string)
{
    arena_init(&text->own, 0);
    text->bytes = json_string(string, &text->own);
}

void schema_text_close(struct schema_text *text) { arena_free(&text->own); }

uint64_t schema_text_points(struct json_ref string)
{
    struct json_bytes bytes = json_bytes_of(json_text(string));
    uint64_t points = 0;
    if (json_node(string)->escaped) {
        for (int byte; (byte = json_bytes_next(&bytes)) >= 0;)
            points += (byte & 0xC0) != 0x80;
        return points;
    }
    for (const char *at = bytes.at; at < bytes.end; at++)
        points += ((unsigned char)*at & 0xC0) != 0x80;
    return points;
}

static bool strings_equal(struct json_ref a, struct json_ref b)
{
    struct slice text = json_text(b);
    if (!json_node(b)->escaped)
        return json_string_eq(a, slice_of(text.ptr + 1, text.len - 2));
    if (!json_node(a)->escaped)
        return strings_equal(b, a);
    struct json_bytes x = json_bytes_of(json_text(a)), y = json_bytes_of(text);
    for (;;) {
        const int byte = json_bytes_next(&x);
        if (byte != json_bytes_next(&y))
            return false;
        if (byte < 0)
            return true;
    }
}

/* --- equality --- */

static struct json_ref find_member(struct json_ref object, struct json_ref key,
                                   struct schema_meter *meter)
{
    struct json_iter it = json_iter(object);
    while (json_next(&it) && schema_spend(meter, 1))
        if (strings_equal(it.key, key))
            return it.value;
    return JSON_NONE;
}

static bool objects_equal(struct json_ref a, struct json_ref b, struct schema_meter *meter)
{
    struct json_iter x = json_iter(a), y = json_iter(b);
    while (json_next(&x)) {
        /* Usually they stand in the same order. */
        const bool same = json_next(&y) && strings_equal(x.key, y.key);
        struct json_ref other = same ? y.value : find_member(b, x.key, meter);
        if (!json_present(other) || !schema_values_equal(x.value, other, meter))
            return false;
    }
    return true;
}

static bool arrays_equal(struct json_ref a, struct json_ref b, struct schema_meter *meter)
{
    struct json_iter x = json_iter(a), y = json_iter(b);
    while (json_next(&x) && json_next(&y))
        if (!schema_values_equal(x.value, y.value, meter))
            return false;
    return true;
}

bool schema_values_equal(struct json_ref a, struct json_ref b, struct schema_meter *meter)
{
    const enum json_type type = json_type(a);
    if (!schema_spend(meter, 1) || type != json_type(b))
        return false;
    switch (type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a) == json_bool(b);
    case JSON_NUMBER:
        return schema_number_compare(json_text(a), json_text(b)) == 0;
    case JSON_STRING:
        return schema_spend(meter, json_text(b).len / BYTES_PER_COST) && strings_equal(a, b);
    case JSON_ARRAY:
        return json_count(a) == json_count(b) && arrays_equal(a, b, meter);
    case JSON_OBJECT:
        return json_count(a) == json_count(b) && objects_equal(a, b, meter);
    }
    return false;
}

/* --- twins --- */

struct hashing {
    uint64_t seed;
    struct schema_meter *meter;
    bool out_of_memory;
};

static uint64_t mix(uint64_t a, uint64_t b, uint64_t seed)
{
    const uint64_t both[] = {a, b};
    return hash_bytes(slice_of((const char *)both, sizeof(both)), seed);
}

static uint64_t hash_string(struct hashing *h, struct json_ref string)
{
    struct schema_text text;
    schema_text_open(&text, string);
    h->out_of_memory |= !text.bytes.ptr;
    const uint64_t hash = text.bytes.ptr ? hash_bytes(text.bytes, h->seed) : 0;
    schema_text_close(&text);
    return hash;
}

/* Equal for equal values. */
static uint64_t hash_value(struct hashing *h, struct json_ref value)
{
    const enum json_type type = json_type(value);
    uint64_t hash = mix(type, 0, h->seed);
    struct json_iter it = json_iter(value);
    if (!schema_spend(h->meter, 1))
        return 0;
    switch (type) {
    case JSON_NULL:
        return hash;
    case JSON_BOOL:
        return hash + json_bool(value);
    case JSON_NUMBER:
        return schema_number_hash(json_text(value), h->seed);
    case JSON_STRING:
        return schema_spend(h->meter, json_text(value).len / BYTES_PER_COST) ? hash_string(h, value)
                                                                             : 0;
    case JSON_ARRAY:
        while (json_next(&it))
            hash = mix(hash, hash_value(h, it.value), h->seed);
        return hash;
    case JSON_OBJECT:
        while (json_next(&it)) {
            const uint64_t key = hash_string(h, it.key);
            hash += mix(key, hash_value(h, it.value), h->seed); /* in any order */
        }
        return hash;
    }
    return hash;
}

struct hashed {
    uint64_t hash;
    struct json_ref value;
    uint32_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Compares all that may be equal: neighbours of the same hash. */
static bool compare_neighbours(const struct hashed *items, uint32_t count,
                               struct schema_meter *meter, uint32_t *first, uint32_t *second)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count && items[j].hash == items[i].hash; j++) {
            if (!schema_values_equal(items[i].value, items[j].value, meter))
                continue;
            *first = items[i].index;
            *second = items[j].index;
            return true;
        }
    return false;
}

int schema_find_twins(struct json_ref array, uint64_t seed, struct schema_meter *meter,
                      uint32_t *first, uint32_t *second)
{
    const uint32_t count = json_count(array);
    struct hashed few[PAIRS_MOST];
    struct hashed *items = few;
    struct hashing h = {.seed = seed, .meter = meter};
    struct arena own;
    if (count < 2)
        return 0;
    arena_init(&own, 0);
    if (count > PAIRS_MOST)
        items = schema_spend(meter, count) ? arena_array(&own, count, sizeof(*items)) : NULL;
    struct json_iter it = json_iter(array);
    uint32_t filled = 0;
    for (; items && json_next(&it); filled++)
        items[filled] = (struct hashed){
            .hash = count > PAIRS_MOST ? hash_value(&h, it.value) : 0,
            .value = it.value,
            .index = filled,
        };
    int found = !items && !meter->over ? -1 : 0;
    if (items && count > PAIRS_MOST)
        qsort(items, filled, sizeof(*items), by_hash);
    if (h.out_of_memory)
        found = -1;
    else if (items && !meter->over)
        found = compare_neighbours(items, filled, meter, first, second);
    arena_free(&own);
    return found;
}
