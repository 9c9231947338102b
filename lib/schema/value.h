/* value: when two values are the same one. Internal to lib/schema.
 *
 * Numbers by their value, strings by their content, objects without regard to order.
 */
#ifndef TROUPE_SCHEMA_VALUE_H
#define TROUPE_SCHEMA_VALUE_H

#include "base/json.h"

/* What a check may still cost. */
struct schema_meter {
    uint64_t left;
    bool over;
};

/* False when it is over; it is from then on. */
static inline bool schema_spend(struct schema_meter *meter, uint64_t cost)
{
    if (meter->over || meter->left < cost) {
        meter->over = true;
        return false;
    }
    meter->left -= cost;
    return true;
}

/* A string's content, unescaped; without escapes a view. */
struct schema_text {
    struct slice bytes; /* ptr NULL: no memory */
    struct arena own;
};
void schema_text_open(struct schema_text *text, struct json_ref string);
void schema_text_close(struct schema_text *text);

uint64_t schema_text_points(struct json_ref string);

/* False also when the meter is over. */
bool schema_values_equal(struct json_ref a, struct json_ref b, struct schema_meter *meter);

/* Looks for two equal elements: 1 found (their indices, *first < *second), 0 none or the meter is over,
 * -1 no memory. */
MUSTCHECK int schema_find_twins(struct json_ref array, uint64_t seed, struct schema_meter *meter,
                                uint32_t *first, uint32_t *second);

#endif
