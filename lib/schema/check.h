/* check: one value being looked at. Internal to lib/schema.
 *
 * A check goes twice at most: silently, until the first thing that differs; and, when something does
 * and reasons are wanted, once more to collect them. Between alternatives it always is silent first.
 * A function here returns whether the value fits; false also when the check has stopped, which whoever
 * turns a result around (not, anyOf, …) must look at.
 */
#ifndef TROUPE_SCHEMA_CHECK_H
#define TROUPE_SCHEMA_CHECK_H

#include "schema/node.h"
#include "schema/report.h"
#include "schema/value.h"

struct schema_run {
    const struct schema *schema;
    struct schema_report *report; /* NULL: silent */
    struct schema_meter meter;
    uint32_t depth, depth_most;
    uint32_t reasons; /* inside so many messages about alternatives */
    bool too_deep, out_of_memory;
};

static inline bool run_stopped(const struct schema_run *run)
{
    return run->meter.over || run->too_deep || run->out_of_memory;
}

/* Nothing more is to be found out once something differs. */
static inline bool run_enough(const struct schema_run *run)
{
    return !run->report || run->report->more || run_stopped(run);
}

/* Notes a problem; returns false. */
bool run_differs(struct schema_run *run, struct json_ref value, const struct schema_place *place,
                 const char *keyword, const char *format, ...) PRINTF(5, 6);

/* What a value is, for messages: "a number". */
const char *run_type_text(struct json_ref value);

bool run_apply(struct schema_run *run, const struct schema_node *node, struct json_ref value,
               const struct schema_place *place);
/* run_apply, silently: false also when the run has stopped. */
bool run_fits(struct schema_run *run, const struct schema_node *node, struct json_ref value,
              const struct schema_place *place);

/* One group each. */
bool run_any(struct schema_run *run, const struct schema_node *node, struct json_ref value,
             const struct schema_place *place);
bool run_number(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                const struct schema_place *place);
bool run_string(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                const struct schema_place *place);
bool run_array(struct schema_run *run, const struct schema_node *node, struct json_ref value,
               const struct schema_place *place);
bool run_object(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                const struct schema_place *place);
bool run_whole(struct schema_run *run, const struct schema_node *node, struct json_ref value,
               const struct schema_place *place);

#endif
