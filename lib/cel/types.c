#include "cel/types.h"
#include <stdio.h>

/* The kinds without parameters are constants: no allocation, and most comparisons are by pointer. */
static const struct cel_type plain_types[] = {
#define X(type_kind, text, runtime_text)                                                           \
    [CEL_TYPE_##                                                                                   \
        type_kind] = {.kind = CEL_TYPE_##type_kind, .name = (text), .runtime = (runtime_text)},
    CEL_TYPES(X)
#undef X
        [CEL_TYPE_NUMBER] = {.kind = CEL_TYPE_NUMBER, .name = "number", .runtime = "number"},
};

static const struct cel_type list_of_dyn = {.kind = CEL_TYPE_LIST,
                                            .count = 1,
                                            .name = "list",
                                            .runtime = "list",
                                            .parameters = {&plain_types[CEL_TYPE_DYN]}};
static const struct cel_type map_of_dyn = {
    .kind = CEL_TYPE_MAP,
    .count = 2,
    .name = "map",
    .runtime = "map",
    .parameters = {&plain_types[CEL_TYPE_DYN], &plain_types[CEL_TYPE_DYN]}};

static const struct cel_type optional_of_dyn = {.kind = CEL_TYPE_OPTIONAL,
                                                .count = 1,
                                                .name = "optional_type",
                                                .runtime = "optional_type",
                                                .parameters = {&plain_types[CEL_TYPE_DYN]}};

const struct cel_type *cel_type_of_kind(enum cel_type_kind kind)
{
    if (kind == CEL_TYPE_OPTIONAL)
        return &optional_of_dyn;
    if (kind == CEL_TYPE_LIST)
        return &list_of_dyn;
    return kind == CEL_TYPE_MAP ? &map_of_dyn : &plain_types[kind];
}

const struct cel_type *cel_type_with(struct arena *arena, const struct cel_type *type,
                                     const struct cel_type *const *parameters)
{
    struct cel_type *made = arena_alloc(arena, sizeof(*made));
    if (!made)
        return NULL;
    *made = *type;
    made->size = 1;
    for (uint32_t i = 0; i < made->count; i++) {
        if (!parameters[i])
            return NULL;
        made->parameters[i] = parameters[i];
        made->size += parameters[i]->size ? parameters[i]->size : 1;
    }
    return made->size > CEL_MAX_TYPE_SIZE ? &plain_types[CEL_TYPE_DYN] : made;
}

const struct cel_type *cel_type_list(struct arena *arena, const struct cel_type *element)
{
    return cel_type_with(arena, &list_of_dyn, &element);
}

const struct cel_type *cel_type_map(struct arena *arena, const struct cel_type *key,
                                    const struct cel_type *value)
{
    return cel_type_with(arena, &map_of_dyn, (const struct cel_type *const[]){key, value});
}

const struct cel_type *cel_type_type(struct arena *arena, const struct cel_type *of)
{
    struct cel_type type = plain_types[CEL_TYPE_TYPE];
    type.count = 1;
    return cel_type_with(arena, &type, &of);
}

const struct cel_type *cel_type_optional(struct arena *arena, const struct cel_type *of)
{
    return cel_type_with(arena, &optional_of_dyn, &of);
}

const struct cel_type *cel_type_by_name(struct slice name)
{
    for (size_t kind = CEL_TYPE_NULL; kind <= CEL_TYPE_OPTIONAL; kind++)
        if (slice_eq_str(name, plain_types[kind].runtime))
            return cel_type_of_kind((enum cel_type_kind)kind);
    return NULL;
}

static enum cel_type_kind kind_of_json(enum json_type type)
{
    switch (type) {
    case JSON_NULL:
        return CEL_TYPE_NULL;
    case JSON_BOOL:
        return CEL_TYPE_BOOL;
    case JSON_NUMBER:
        return CEL_TYPE_DOUBLE;
    case JSON_STRING:
        return CEL_TYPE_STRING;
    case JSON_ARRAY:
        return CEL_TYPE_LIST;
    case JSON_OBJECT:
        return CEL_TYPE_MAP;
    }
    return CEL_TYPE_DYN;
}

const struct cel_type *cel_type_of_value(const struct cel_value *value)
{
    static const enum cel_type_kind kinds[] = {
        [CEL_NULL] = CEL_TYPE_NULL,         [CEL_BOOL] = CEL_TYPE_BOOL,
        [CEL_INT] = CEL_TYPE_INT,           [CEL_UINT] = CEL_TYPE_UINT,
        [CEL_DOUBLE] = CEL_TYPE_DOUBLE,     [CEL_STRING] = CEL_TYPE_STRING,
        [CEL_BYTES] = CEL_TYPE_BYTES,       [CEL_LIST] = CEL_TYPE_LIST,
        [CEL_MAP] = CEL_TYPE_MAP,           [CEL_TIMESTAMP] = CEL_TYPE_TIMESTAMP,
        [CEL_DURATION] = CEL_TYPE_DURATION, [CEL_TYPE] = CEL_TYPE_TYPE,
        [CEL_OPTIONAL] = CEL_TYPE_OPTIONAL, [CEL_IP] = CEL_TYPE_IP,
        [CEL_CIDR] = CEL_TYPE_CIDR,         [CEL_JSON] = CEL_TYPE_DYN,
        [CEL_ERROR] = CEL_TYPE_DYN,
    };
    if (value->kind == CEL_JSON)
        return cel_type_of_kind(kind_of_json(json_type(value->json)));
    return cel_type_of_kind(kinds[value->kind]);
}

/* --- shapes --- */

enum { SHAPE_DEPTH = 8 }; /* lists of lists of …: further in they are dyn */

static const struct cel_type *shape_type(struct arena *arena, const struct shape *shape,
                                         unsigned depth)
{
    if (!shape || depth > SHAPE_DEPTH)
        return cel_type_of_kind(CEL_TYPE_DYN);
    if (shape->types == SHAPE_OF(JSON_NULL))
        return cel_type_of_kind(CEL_TYPE_NULL);
    if (shape->types == SHAPE_OF(JSON_BOOL))
        return cel_type_of_kind(CEL_TYPE_BOOL);
    if (shape->types == SHAPE_OF(JSON_NUMBER))
        return cel_type_of_kind(CEL_TYPE_NUMBER);
    if (shape->types == SHAPE_OF(JSON_STRING))
        return cel_type_of_kind(CEL_TYPE_STRING);
    if (shape->types == SHAPE_OF(JSON_ARRAY)) {
        const struct cel_type *element = shape_type(arena, shape->element, depth + 1);
        return element ? cel_type_list(arena, element) : NULL;
    }
    if (shape->types != SHAPE_OF(JSON_OBJECT))
        return cel_type_of_kind(CEL_TYPE_DYN); /* one of several */
    const struct cel_type *value =
        shape_type(arena, shape->member_count == 0 ? shape->rest : NULL, depth + 1);
    return value ? cel_type_map(arena, cel_type_of_kind(CEL_TYPE_STRING), value) : NULL;
}

const struct cel_type *cel_type_of_shape(struct arena *arena, const struct shape *shape)
{
    return shape_type(arena, shape, 0);
}

/* --- text --- */

struct writer {
    char *out;
    size_t size;
    size_t length;
};

static void writer_add(struct writer *writer, const char *text)
{
    size_t length = strlen(text);
    size_t left = writer->size - 1 - writer->length;
    if (length > left)
        length = left;
    memcpy(writer->out + writer->length, text, length);
    writer->length += length;
}

static void write_type(struct writer *writer, const struct cel_type *type)
{
    if (type->kind == CEL_TYPE_VARIABLE) {
        writer_add(writer, "dyn");
        return;
    }
    writer_add(writer, type->name);
    for (uint32_t i = 0; i < type->count; i++) {
        writer_add(writer, i == 0 ? "(" : ", ");
        write_type(writer, type->parameters[i]);
    }
    if (type->count > 0)
        writer_add(writer, ")");
}

const char *cel_type_write(const struct cel_type *type, char *out, size_t size)
{
    struct writer writer = {out, size, 0};
    write_type(&writer, type);
    out[writer.length] = '\0';
    return out;
}
