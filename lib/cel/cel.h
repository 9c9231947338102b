/* cel: the Common Expression Language over JSON values.
 *
 *   source --lexer--> tokens --parser--> tree --checker--> typed tree --evaluator--> value
 *
 * A program is compiled once per graph and is immutable afterwards: any number of evaluations may
 * share it (each with its own arena). Values are views over the JSON that arrived: nothing is copied
 * that is only compared. Evaluation errors are values inside the evaluator (so that `&&` and `||`
 * absorb them either way round) and come out as a cel_error.
 *
 * Numbers of JSON without '.', 'e', 'E' that fit int64 are int, all others double. Arithmetic
 * between an int and a double that are not both statically typed is done in double; NaN, infinities
 * and type values cannot leave as JSON (CEL_ERROR_TYPE).
 *
 * Besides the standard functions there are the extensions for strings, numbers, optionals, bytes and
 * addresses, macros with two variables and cel.bind: one file ext_NAME.c each, with a table.
 *
 * This layer knows nothing of workflows: which names exist, is told by a cel_env.
 */
#ifndef TROUPE_CEL_CEL_H
#define TROUPE_CEL_CEL_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/shape.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

/* --- values --- */

enum cel_kind {
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING, /* UTF-8 */
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_TYPE,
    CEL_OPTIONAL,
    CEL_IP,
    CEL_CIDR,
    CEL_JSON,  /* a view: an array or object of a document, not looked into yet */
    CEL_ERROR, /* inside the evaluator only, and "absent" in activations */
};

struct cel_list; /* built by the evaluator, in its arena */
struct cel_map;
struct cel_address;
struct cel_fault;

struct cel_value {
    enum cel_kind kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t uinteger;
        struct {
            double real;
            const char *digits; /* the number's text in its document, ended by what is no number;
                                   NULL when computed */
        };
        struct slice text; /* STRING, BYTES */
        struct json_ref json;
        const struct cel_list *list;
        const struct cel_map *map;
        struct {
            int64_t seconds;
            int32_t nanos;
        } time; /* TIMESTAMP since 1970, DURATION */
        const struct cel_type *type;
        const struct cel_value *optional;  /* NULL: none */
        const struct cel_address *address; /* IP, CIDR */
        const struct cel_fault *fault;     /* NULL: absent */
    };
};

static inline struct cel_value cel_absent(void) { return (struct cel_value){.kind = CEL_ERROR}; }
static inline bool cel_is_absent(const struct cel_value *value)
{
    return value->kind == CEL_ERROR && value->fault == NULL;
}
static inline struct cel_value cel_int(int64_t integer)
{
    return (struct cel_value){.kind = CEL_INT, .integer = integer};
}
static inline struct cel_value cel_string(struct slice text)
{
    return (struct cel_value){.kind = CEL_STRING, .text = text};
}
static inline struct cel_value cel_null(void) { return (struct cel_value){.kind = CEL_NULL}; }
static inline struct cel_value cel_bool(bool boolean)
{
    return (struct cel_value){.kind = CEL_BOOL, .boolean = boolean};
}

/* Scalars are converted, arrays and objects become views. Strings with escapes are unescaped into
 * the arena; without memory the result is an error value. */
struct cel_value cel_from_json(struct json_ref ref, struct arena *arena);

/* A map of given members in their order, e.g. what `ctx.N` is. Names and values are borrowed for the
 * arena's life; absent values are left out. */
struct cel_member {
    struct slice name;
    struct cel_value value;
};
struct cel_value cel_record(struct arena *arena, const struct cel_member *members, uint32_t count);

/* --- environment and compilation --- */

enum cel_static_type {
    CEL_DYN,
    CEL_STATIC_INT,
    CEL_STATIC_STRING,
    CEL_STATIC_BOOL,
    CEL_STATIC_MAP,
    CEL_STATIC_LIST
};

struct cel_variable {
    const char *name;
    enum cel_static_type type;
    uint32_t slot; /* index into the activation's values */
};

/* A namespace is a name of which only constant members may be used: `ctx.N`, `ctx["a-b"]`,
 * `has(ctx.N)`, `'a-b' in ctx`; anything else (`ctx` alone, `ctx[x]`) is a compile error. Every
 * member used gets a reference; its value is given per evaluation in that order, or absent. */
struct cel_namespace {
    const char *name;
    uint32_t id; /* caller's, comes back in cel_reference */
};

struct cel_reference {
    uint32_t namespace_id;
    struct slice member; /* unescaped, owned by the program's arena */
    uint32_t offset;     /* in the source, of its first use */
    bool required;       /* used otherwise than under has() / in */
};

/* Shapes (base/shape.h) give types to what comes from outside: a member that an object cannot have, or
 * `+` of a text and a number, is an error of checking then. Where CEL would only refuse to guess what
 * becomes of different types (lists of them, the branches of `?:`, a comparison with null) values with
 * shapes may differ: what evaluates well is not refused. A number is "number" then: int or double.
 * Shapes are read by compilation only. */
struct cel_env {
    const struct cel_variable *variables;
    uint32_t variable_count;
    const struct cel_namespace *namespaces;
    uint32_t namespace_count;
    /* Names that exist elsewhere but not here, with why: "'iteration' exists only inside a loop". */
    const struct cel_hint {
        const char *name;
        const char *why;
    } * hints;
    uint32_t hint_count;
    /* What variables that come from JSON certainly are, instead of their type: parallel to variables, or
     * NULL, and so may each be. */
    const struct shape *const *shapes;
    /* The same of members of namespaces. The callback may be NULL, and so may what it gives. */
    const struct shape *(*member_shape)(void *context, uint32_t namespace_id, struct slice member);
    void *shape_context;
    const char *container; /* CEL container for name resolution, or NULL */
    bool disable_check;    /* parse only; for conformance cases */
};

enum cel_error_code {
    CEL_ERROR_SYNTAX,     /* compile time */
    CEL_ERROR_CHECK,      /* compile time: types, unknown names, arity */
    CEL_ERROR_EVALUATION, /* run time: overflow, no such key, division by zero, … */
    CEL_ERROR_TYPE,       /* the result cannot be JSON, or is not of the wanted kind */
    CEL_ERROR_COST,       /* budget of steps or memory exceeded */
    CEL_ERROR_MEMORY,     /* the arena gave no more memory */
};

struct cel_error {
    enum cel_error_code code;
    uint32_t offset;   /* bytes into the source */
    uint32_t line;     /* from 1, within the source */
    uint32_t column;   /* from 1, code points */
    char message[300]; /* without position */
};

struct cel_program;

/* Compiles. Program, tree, constants and messages' names live in the arena; `source` must outlive it.
 * NULL with *error filled. Give it back with cel_program_release. */
MUSTCHECK const struct cel_program *cel_compile(struct arena *arena, struct slice source,
                                                const struct cel_env *env, struct cel_error *error);

/* Frees what a program holds besides the arena's memory: its compiled regular expressions. Call it
 * once before the arena is freed; the program cannot be used afterwards. NULL is fine. */
void cel_program_release(const struct cel_program *program);

/* What the program reads. */
const struct cel_reference *cel_references(const struct cel_program *program, uint32_t *count);
bool cel_uses_slot(const struct cel_program *program, uint32_t slot);
struct slice cel_source(const struct cel_program *program);
/* True when the checker knows that the result is a bool / cannot be a bool. */
bool cel_is_static_bool(const struct cel_program *program);
bool cel_is_static_non_bool(const struct cel_program *program);
/* The checked type as CEL writes it ("int", "list(string)", "dyn"): for messages and tests. */
struct slice cel_type_text(const struct cel_program *program);

/* The names of all functions and macros; operators are left out. A name may come more than once. */
void cel_each_function(void (*each)(void *context, struct slice name), void *context);

/* --- evaluation --- */

struct cel_budget {
    uint64_t max_steps; /* evaluator steps; 0: default 1,000,000 */
    uint64_t max_bytes; /* of memory, all that is made on the way; 0: what the arena gives */
};

struct cel_activation {
    const struct cel_value *slots; /* by cel_variable.slot */
    uint32_t slot_count;
    const struct cel_value *references; /* parallel to cel_references(); absent allowed */
    uint32_t reference_count;
    int64_t now_us; /* unused by standard functions; for extensions */
    struct cel_budget budget;
};

/* Evaluates into *value, whose memory is the arena's, the documents' and the program's. 0 or -1; then
 * nothing of the arena is used. */
MUSTCHECK int cel_eval(const struct cel_program *program, const struct cel_activation *activation,
                       struct arena *arena, struct cel_value *value, struct cel_error *error);

/* Appends the value as JSON: views keep their text (minified), doubles have '.' or 'e', bytes are
 * base64, timestamps RFC 3339, durations "3s", addresses text. -1 with CEL_ERROR_TYPE for what JSON cannot say, with
 * CEL_ERROR_MEMORY for more than the buf takes and for what nests deeper than JSON is read. */
MUSTCHECK int cel_write_json(struct buf *buf, const struct cel_value *value,
                             struct cel_error *error);

/* CEL equality of two values (numbers across types, maps without order). */
bool cel_equal(const struct cel_value *a, const struct cel_value *b);

/* "int", "string", … of a value, for messages. */
const char *cel_kind_name(const struct cel_value *value);

#endif
