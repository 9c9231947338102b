/* library: the functions and operators of the language, one row each. Internal to lib/cel.
 *
 * A row has a name (operators: their symbol; functions of a namespace: both, "math.abs"), the
 * signatures for the checker and one C function that serves them all, since the kinds of arguments
 * may be known at run time only.
 *
 * Signatures are separated by blanks: parameters, ':', result. One letter a type:
 *   i int  u uint  d double  s string  y bytes  b bool  n null  t timestamp  r duration  * dyn
 *   lX list(X)  mXY map(X, Y)  TX type(X)  oX optional(X)  A B C type variables
 *   p IP address  c network  # a number of whatever kind (as a parameter)
 * A '.' behind the first parameter makes it a method ("s.s:b" is string.f(string) -> bool), a '+'
 * behind the last one lets it repeat. A leading '~' means: only if the type of some argument is not
 * known; a leading '!': only if no signature before it fits.
 */
#ifndef TROUPE_CEL_LIBRARY_H
#define TROUPE_CEL_LIBRARY_H

#include "cel/ast.h"

struct cel_library_row {
    const char *name;
    const char *signatures;
    cel_function *call;
    bool reads_views;
    cel_run *run; /* instead of call, for what does not evaluate all of its arguments; or NULL */
};

/* The functions of one file of extensions. */
struct cel_library_table {
    const struct cel_library_row *rows;
    size_t count;
};
/* Each in the file of its name. */
extern const struct cel_library_table cel_ext_strings, cel_ext_math, cel_ext_optionals,
    cel_ext_encoders, cel_ext_network;

/* One row after the other; NULL behind the last. */
const struct cel_library_row *cel_library_at(size_t index);
/* NULL when there is none. */
const struct cel_library_row *cel_library_find(struct slice name);
/* A function of a namespace, as math.abs is. */
const struct cel_library_row *cel_library_find_in(struct slice space, struct slice name);
/* Has the library functions of that namespace? */
bool cel_library_has_space(struct slice space);

/* numbers.c */
cel_function cel_add, cel_subtract_or_negate, cel_multiply, cel_divide, cel_modulo;
/* operators.c */
cel_function cel_not, cel_less, cel_less_equal, cel_greater, cel_greater_equal, cel_equals,
    cel_not_equals, cel_in, cel_index, cel_size;
/* strings.c */
cel_function cel_contains, cel_starts_with, cel_ends_with, cel_matches;
/* conversions.c */
cel_function cel_to_int, cel_to_uint, cel_to_double, cel_to_string, cel_to_bytes, cel_to_bool,
    cel_to_timestamp, cel_to_duration, cel_to_dyn, cel_to_type;
/* times.c */
cel_function cel_get_full_year, cel_get_month, cel_get_date, cel_get_day_of_month,
    cel_get_day_of_week, cel_get_day_of_year, cel_get_hours, cel_get_minutes, cel_get_seconds,
    cel_get_milliseconds;

/* a[?b], and a[b] of an optional a (ext_optionals.c). */
cel_function cel_index_optional;

/* For numbers.c: what `+` and `-` do with what is no number; an error when there is no overload. */
struct cel_value cel_concatenate(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments); /* operators.c */
struct cel_value cel_add_time(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments, bool subtract); /* times.c */

#endif
