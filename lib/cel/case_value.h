/* case_value: tagged values and types of conformance cases. Internal to cases. */
#ifndef TROUPE_CEL_CASE_VALUE_H
#define TROUPE_CEL_CASE_VALUE_H

#include "cel/types.h"

/* {"int": "1"} and so on; {"json": …} is a value of a document, as workflows have them. False when it is none, or without memory. */
bool cel_case_value(struct arena *arena, struct json_ref json, struct cel_value *value);

/* Type parameters of one declaration, numbered as they appear. */
struct cel_type_names {
    struct slice names[CEL_MAX_TYPE_PARAMETERS];
    uint32_t count;
};

/* "int", {"list": T}, {"map": [K, V]}, {"wrapper": T}, {"type_param": name},
 * {"abstract": name, "params": [T, …]}. NULL when it is none, or without memory. */
const struct cel_type *cel_case_type(struct arena *arena, struct json_ref json,
                                     struct cel_type_names *names);

/* Equality as cases want it: of the same kind, NaN equals NaN, -0.0 is not 0.0. */
bool cel_case_same(const struct cel_value *a, const struct cel_value *b);

#endif
