#include "cel/case_value.h"
#include "cel/base64.h"
#include "cel/calendar.h"
#include "cel/number_text.h"
#include "cel/value.h"
#include <math.h>

/* --- values --- */

static bool read_bytes(struct arena *arena, struct slice text, struct slice *bytes)
{
    size_t length = 0;
    char *out = arena_alloc(arena, text.len);
    if (!out || !cel_base64_decode(text, out, &length))
        return false;
    *bytes = slice_of(out, length);
    return true;
}

static bool read_list(struct arena *arena, struct json_ref json, struct cel_value *value)
{
    uint32_t count = json_count(json);
    struct cel_value *items = arena_array(arena, count, sizeof(*items));
    if (!items)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!cel_case_value(arena, json_element(json, i), &items[i]))
            return false;
    *value = (struct cel_value){.kind = CEL_LIST, .list = cel_list_make(arena, items, count)};
    return value->list != NULL;
}

static bool read_map(struct arena *arena, struct json_ref json, struct cel_value *value)
{
    uint32_t count = json_count(json);
    struct cel_entry *entries = arena_array(arena, count, sizeof(*entries));
    if (!entries)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct json_ref pair = json_element(json, i);
        if (json_count(pair) != 2 ||
            !cel_case_value(arena, json_element(pair, 0), &entries[i].key) ||
            !cel_case_value(arena, json_element(pair, 1), &entries[i].value))
            return false;
    }
    struct cel_meter meter = {INT64_MAX};
    uint32_t repeated = 0;
    *value = (struct cel_value){.kind = CEL_MAP,
                                .map = cel_map_make(arena, entries, count, &meter, &repeated)};
    return value->map && repeated == count;
}

/* Types that this library does not have get a type of their own name, which equals no other. */
static bool read_type_value(struct arena *arena, struct slice text, struct cel_value *value)
{
    const struct cel_type *type = cel_type_by_name(text);
    if (!type) {
        struct cel_type *other = arena_zalloc(arena, sizeof(*other));
        char *name = arena_strdup(arena, text);
        if (!other || !name)
            return false;
        other->kind = CEL_TYPE_ABSTRACT;
        other->name = name;
        other->runtime = name;
        type = other;
    }
    *value = (struct cel_value){.kind = CEL_TYPE, .type = type};
    return true;
}

static bool read_text_value(struct arena *arena, struct slice tag, struct slice text,
                            struct cel_value *value)
{
    *value = cel_string(text);
    if (slice_eq_str(tag, "string"))
        return true;
    if (slice_eq_str(tag, "int")) {
        value->kind = CEL_INT;
        return cel_int_read(text, &value->integer);
    }
    if (slice_eq_str(tag, "uint")) {
        value->kind = CEL_UINT;
        return cel_uint_read(text, &value->uinteger);
    }
    if (slice_eq_str(tag, "double")) {
        *value = cel_double(0);
        return cel_double_read(text, &value->real);
    }
    if (slice_eq_str(tag, "bytes")) {
        value->kind = CEL_BYTES;
        return read_bytes(arena, text, &value->text);
    }
    if (slice_eq_str(tag, "timestamp"))
        return cel_timestamp_parse(text, value);
    if (slice_eq_str(tag, "duration"))
        return cel_duration_parse(text, value);
    return slice_eq_str(tag, "type") && read_type_value(arena, text, value);
}

bool cel_case_value(struct arena *arena, struct json_ref json, struct cel_value *value)
{
    if (!json_present(json) || json_type(json) != JSON_OBJECT || json_count(json) != 1)
        return false;
    struct json_iter it = json_iter(json);
    if (!json_next(&it))
        return false;
    struct slice tag = json_string(it.key, arena);
    if (slice_eq_str(tag, "null")) {
        *value = cel_null();
        return true;
    }
    if (slice_eq_str(tag, "bool")) {
        *value = cel_bool(json_type(it.value) == JSON_BOOL && json_bool(it.value));
        return json_type(it.value) == JSON_BOOL;
    }
    if (slice_eq_str(tag, "json")) {
        *value = cel_from_json(it.value, arena);
        return value->kind != CEL_ERROR;
    }
    if (slice_eq_str(tag, "list"))
        return json_type(it.value) == JSON_ARRAY && read_list(arena, it.value, value);
    if (slice_eq_str(tag, "map"))
        return json_type(it.value) == JSON_ARRAY && read_map(arena, it.value, value);
    if (json_type(it.value) != JSON_STRING)
        return false;
    struct slice text = json_string(it.value, arena);
    return text.ptr && read_text_value(arena, tag, text, value);
}

/* --- types --- */

static const struct cel_type *plain_type(struct slice name)
{
    for (size_t kind = CEL_TYPE_DYN; kind <= CEL_TYPE_OPTIONAL; kind++) {
        const struct cel_type *type = cel_type_of_kind((enum cel_type_kind)kind);
        if (slice_eq_str(name, type->name))
            return type;
    }
    return NULL;
}

static const struct cel_type *type_parameter(struct arena *arena, struct slice name,
                                             struct cel_type_names *names)
{
    uint32_t id = 0;
    while (id < names->count && !slice_eq(names->names[id], name))
        id++;
    struct cel_type *type = arena_zalloc(arena, sizeof(*type));
    if (!type || id == CEL_MAX_TYPE_PARAMETERS)
        return NULL;
    if (id == names->count)
        names->names[names->count++] = name;
    *type = (struct cel_type){.kind = CEL_TYPE_VARIABLE, .id = id, .name = "dyn"};
    return type;
}

static const struct cel_type *abstract_type(struct arena *arena, struct json_ref json,
                                            struct json_ref name, struct cel_type_names *names)
{
    struct json_ref parameters = json_member(json, SLICE("params"));
    const struct cel_type *types[CEL_MAX_TYPE_PARAMETERS] = {NULL};
    struct cel_type type = {.kind = CEL_TYPE_ABSTRACT};
    if (json_string_eq(name, slice_str(cel_type_of_kind(CEL_TYPE_OPTIONAL)->name)))
        type.kind = CEL_TYPE_OPTIONAL;
    type.count = json_present(parameters) ? json_count(parameters) : 0;
    if (type.count > CEL_MAX_TYPE_PARAMETERS)
        return NULL;
    type.name = arena_strdup(arena, json_string(name, arena));
    type.runtime = type.name;
    for (uint32_t i = 0; i < type.count; i++)
        types[i] = cel_case_type(arena, json_element(parameters, i), names);
    return type.name ? cel_type_with(arena, &type, types) : NULL;
}

const struct cel_type *cel_case_type(struct arena *arena, struct json_ref json,
                                     struct cel_type_names *names)
{
    if (!json_present(json))
        return NULL;
    if (json_type(json) == JSON_STRING)
        return plain_type(json_string(json, arena));
    if (json_type(json) != JSON_OBJECT)
        return NULL;
    struct json_ref abstract = json_member(json, SLICE("abstract"));
    if (json_present(abstract))
        return abstract_type(arena, json, abstract, names);
    struct json_ref of = json_member(json, SLICE("list"));
    if (json_present(of))
        return cel_type_list(arena, cel_case_type(arena, of, names));
    of = json_member(json, SLICE("map"));
    if (json_present(of)) {
        const struct cel_type *key = cel_case_type(arena, json_element(of, 0), names);
        return cel_type_map(arena, key, cel_case_type(arena, json_element(of, 1), names));
    }
    of = json_member(json, SLICE("type_param"));
    if (json_present(of))
        return type_parameter(arena, json_string(of, arena), names);
    /* A wrapper is its type or null: values of JSON need no type for that, dyn is as good. */
    of = json_member(json, SLICE("wrapper"));
    return json_present(of) ? cel_type_of_kind(CEL_TYPE_DYN) : NULL;
}

/* --- equality --- */

static bool same_lists(const struct cel_value *a, const struct cel_value *b)
{
    struct cel_iter left = cel_iter(a);
    struct cel_iter right = cel_iter(b);
    while (cel_next(&left) && cel_next(&right))
        if (!cel_case_same(&left.value, &right.value))
            return false;
    return true;
}

static bool same_maps(const struct cel_value *a, const struct cel_value *b)
{
    struct cel_iter left = cel_iter(a);
    while (cel_next(&left)) {
        struct cel_iter right = cel_iter(b);
        bool found = false;
        while (!found && cel_next(&right))
            found =
                cel_case_same(&left.key, &right.key) && cel_case_same(&left.value, &right.value);
        if (!found)
            return false;
    }
    return true;
}

bool cel_case_same(const struct cel_value *a, const struct cel_value *b)
{
    if (cel_is_list(a) && cel_is_list(b))
        return cel_count(a) == cel_count(b) && same_lists(a, b);
    if (cel_is_map(a) && cel_is_map(b))
        return cel_count(a) == cel_count(b) && same_maps(a, b);
    if (a->kind != b->kind && !cel_is_unread(a) && !cel_is_unread(b))
        return false;
    if (a->kind == CEL_DOUBLE && b->kind == CEL_DOUBLE)
        return isnan(a->real) || isnan(b->real)
                   ? isnan(a->real) && isnan(b->real)
                   : a->real == b->real && signbit(a->real) == signbit(b->real);
    return cel_equal(a, b);
}
