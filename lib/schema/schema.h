/* schema: JSON Schema (2020-12), compiled once, applied many times.
 *
 *   document --schema_compile--> problems, or a schema --schema_validate(value)--> verdict, problems
 *
 * The keywords are those of keywords.def; every other one is a problem, with what was probably meant:
 * a schema never says something that is not looked at. docs/schema.md lists them and what they mean
 * where the standard leaves room.
 *
 * A schema owns copies of everything (the document may go once it is compiled), is immutable, and may
 * be used by any number of threads at once.
 *
 * Numbers are compared as they are written, digit by digit, never as doubles: 9007199254740993 is not
 * 9007199254740992, and 0.30 is 0.3. Text is counted in code points.
 *
 * Neither a schema nor a value can make a check run away: every step costs, and one that costs more
 * than its limit ends with SCHEMA_LIMIT, never with a guess.
 *
 * Problems say where (a path as `items[2].price`, the line and column of the value) and what would be
 * right. They stand in the arena of the report, which is the caller's. A check allocates nothing else,
 * but for large arrays that must be unique, and for strings with escapes.
 */
#ifndef TROUPE_SCHEMA_SCHEMA_H
#define TROUPE_SCHEMA_SCHEMA_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include <stdbool.h>
#include <stdint.h>

struct schema;

/* --- reports --- */

struct schema_problem {
    const char *path; /* "" for the whole; of the value, or of the schema when that is compiled */
    const char *keyword; /* "minimum"; "" when there is none */
    const char *message; /* "expected a number not below 3, not 2" */
    struct json_position position;
};

struct schema_report {
    struct arena *arena;
    uint32_t limit; /* no more problems than that */
    struct schema_problem *items;
    uint32_t count;
    bool more; /* there were more */
    bool out_of_memory;
};

/* limit 0: only the verdict is of interest, which is faster. */
void schema_report_init(struct schema_report *report, struct arena *arena, uint32_t limit);

/* --- schemas --- */

/* Of one schema. */
#define SCHEMA_MAX_BYTES (1u << 20) /* minified */
#define SCHEMA_MAX_DEPTH 128u       /* of nesting */
#define SCHEMA_MAX_SUBSCHEMAS 20000u
#define SCHEMA_MAX_PATTERNS 500u
#define SCHEMA_MAX_CHAIN 100u /* subschemas within one another that all look at the same value */

/* NULL with at least one problem in the report (if its limit is not 0), or report->out_of_memory.
 * Positions are those of the document. */
MUSTCHECK struct schema *schema_compile(struct json_ref document, struct schema_report *report);
void schema_free(struct schema *schema); /* NULL is fine */

/* --- checks --- */

enum schema_verdict {
    SCHEMA_FITS,
    SCHEMA_DIFFERS, /* with at least one problem, if the report's limit is not 0 */
    SCHEMA_LIMIT,   /* undecided: too costly, or nested too deep; one problem says which */
    SCHEMA_MEMORY,  /* undecided */
};

/* A zero is that field's default. */
struct schema_limits {
    uint64_t cost;  /* 20 million: under a second */
    uint32_t depth; /* of subschemas applied within one another: 1000 */
};

/* What costs: a subschema applied to a value, a member looked up, 16 bytes compared or matched: 1 each.
 * limits may be NULL for the defaults. */
MUSTCHECK enum schema_verdict schema_validate(const struct schema *schema, struct json_ref value,
                                              const struct schema_limits *limits,
                                              struct schema_report *report);

#endif
