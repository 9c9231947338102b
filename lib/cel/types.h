/* types: what the checker knows of values, and what `type(x)` gives. Internal to lib/cel.
 *
 * Types are immutable and compared by structure. Type variables (of `[]`, of generic functions) are
 * numbers bound in a cel_inference; a variable that nothing binds is dyn in the end.
 */
#ifndef TROUPE_CEL_TYPES_H
#define TROUPE_CEL_TYPES_H

#include "cel/cel.h"

/* kind, name in messages, name at run time */
#define CEL_TYPES(X)                                                                               \
    X(DYN, "dyn", "dyn")                                                                           \
    X(NULL, "null", "null_type")                                                                   \
    X(BOOL, "bool", "bool")                                                                        \
    X(INT, "int", "int")                                                                           \
    X(UINT, "uint", "uint")                                                                        \
    X(DOUBLE, "double", "double")                                                                  \
    X(STRING, "string", "string")                                                                  \
    X(BYTES, "bytes", "bytes")                                                                     \
    X(TIMESTAMP, "timestamp", "google.protobuf.Timestamp")                                         \
    X(DURATION, "duration", "google.protobuf.Duration")                                            \
    X(LIST, "list", "list")                                                                        \
    X(MAP, "map", "map")                                                                           \
    X(TYPE, "type", "type")                                                                        \
    X(IP, "net.IP", "net.IP")                                                                      \
    X(CIDR, "net.CIDR", "net.CIDR")                                                                \
    X(OPTIONAL, "optional_type", "optional_type")

enum cel_type_kind {
#define X(kind, name, runtime) CEL_TYPE_##kind,
    CEL_TYPES(X)
#undef X
        CEL_TYPE_NUMBER, /* of JSON, by a shape: int or double; nothing can be declared so */
    CEL_TYPE_VARIABLE,   /* id */
    CEL_TYPE_ABSTRACT,   /* name and parameters; only from declarations */
};

#define CEL_MAX_TYPE_PARAMETERS 4
#define CEL_MAX_TYPE_SIZE 400u

struct cel_type {
    enum cel_type_kind kind;
    uint32_t id;         /* VARIABLE */
    uint32_t size;       /* types it is made of, itself included; 0 for those without parameters */
    uint32_t count;      /* parameters: LIST 1, MAP 2, OPTIONAL 1, TYPE 0 or 1, ABSTRACT any */
    const char *name;    /* in messages */
    const char *runtime; /* what type() calls it */
    const struct cel_type *parameters[CEL_MAX_TYPE_PARAMETERS];
};

/* The type without parameters; list is list(dyn), and so on. */
const struct cel_type *cel_type_of_kind(enum cel_type_kind kind);
/* NULL without memory, or when a parameter is NULL. Beyond CEL_MAX_TYPE_SIZE it is dyn: types share
 * parts, so that a short expression could otherwise name one that takes forever to look through. */
MUSTCHECK const struct cel_type *cel_type_list(struct arena *arena, const struct cel_type *element);
MUSTCHECK const struct cel_type *cel_type_map(struct arena *arena, const struct cel_type *key,
                                              const struct cel_type *value);
MUSTCHECK const struct cel_type *cel_type_type(struct arena *arena, const struct cel_type *of);
MUSTCHECK const struct cel_type *cel_type_optional(struct arena *arena, const struct cel_type *of);

/* The same type with other parameters; as above. */
MUSTCHECK const struct cel_type *cel_type_with(struct arena *arena, const struct cel_type *type,
                                               const struct cel_type *const *parameters);

/* The type a name stands for as a value ("int", "google.protobuf.Duration"), or NULL. */
const struct cel_type *cel_type_by_name(struct slice name);
/* The run-time type of a value. */
const struct cel_type *cel_type_of_value(const struct cel_value *value);

/* What a shape says of values; NULL shapes are dyn. NULL without memory. */
MUSTCHECK const struct cel_type *cel_type_of_shape(struct arena *arena, const struct shape *shape);
static inline bool cel_type_is_number(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_INT || type->kind == CEL_TYPE_UINT ||
           type->kind == CEL_TYPE_DOUBLE || type->kind == CEL_TYPE_NUMBER;
}

/* "map(string, list(int))"; type variables are "dyn". Cut to size. Returns out. */
const char *cel_type_write(const struct cel_type *type, char *out, size_t size);

#endif
