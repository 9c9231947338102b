/* numbers: arithmetic. Integers never wrap: overflow is an error. An int with a double is computed
 * in double. */
#include "cel/compare.h"
#include "cel/evaluator.h"
#include "cel/library.h"

enum pair { INTS, UINTS, DOUBLES, OTHERS };

/* How the two operands are computed with. */
static enum pair pair_of(const struct cel_value *arguments)
{
    enum cel_kind a = arguments[0].kind;
    enum cel_kind b = arguments[1].kind;
    if (a == CEL_INT && b == CEL_INT)
        return INTS;
    if (a == CEL_UINT && b == CEL_UINT)
        return UINTS;
    if ((a == CEL_DOUBLE && (b == CEL_DOUBLE || b == CEL_INT)) || (a == CEL_INT && b == CEL_DOUBLE))
        return DOUBLES;
    return OTHERS;
}

static struct cel_value overflow(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    return cel_fail(evaluator, node, "%s overflow in '%.*s'", cel_kind_name(arguments),
                    SLICE_ARG(node->name));
}

/* One operator over the three kinds of pairs. */
#define ARITHMETIC(evaluator, node, arguments, builtin, operator, otherwise)                       \
    do {                                                                                           \
        int64_t integer = 0;                                                                       \
        uint64_t uinteger = 0;                                                                     \
        switch (pair_of(arguments)) {                                                              \
        case INTS:                                                                                 \
            if (builtin((arguments)[0].integer, (arguments)[1].integer, &integer))                 \
                return overflow(evaluator, node, arguments);                                       \
            return cel_int(integer);                                                               \
        case UINTS:                                                                                \
            if (builtin((arguments)[0].uinteger, (arguments)[1].uinteger, &uinteger))              \
                return overflow(evaluator, node, arguments);                                       \
            return cel_uint(uinteger);                                                             \
        case DOUBLES:                                                                              \
            return cel_double(cel_number_to_double(&(arguments)[0]) operator cel_number_to_double( \
                &(arguments)[1]));                                                                 \
        case OTHERS:                                                                               \
            break;                                                                                 \
        }                                                                                          \
        return otherwise;                                                                          \
    } while (0)

struct cel_value cel_add(struct cel_evaluator *evaluator, const struct cel_ast *node,
                         const struct cel_value *arguments)
{
    ARITHMETIC(evaluator, node, arguments, __builtin_add_overflow, +,
               cel_concatenate(evaluator, node, arguments));
}

static struct cel_value negate(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind == CEL_DOUBLE)
        return cel_double(-arguments[0].real);
    if (arguments[0].kind != CEL_INT)
        return cel_fail_overload(evaluator, node, arguments);
    if (arguments[0].integer == INT64_MIN)
        return overflow(evaluator, node, arguments);
    return cel_int(-arguments[0].integer);
}

struct cel_value cel_subtract_or_negate(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                        const struct cel_value *arguments)
{
    if (node->argument_count == 1)
        return negate(evaluator, node, arguments);
    ARITHMETIC(evaluator, node, arguments, __builtin_sub_overflow, -,
               cel_add_time(evaluator, node, arguments, true));
}

struct cel_value cel_multiply(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    ARITHMETIC(evaluator, node, arguments, __builtin_mul_overflow, *,
               cel_fail_overload(evaluator, node, arguments));
}

/* Division by zero of integers is an error, of doubles an infinity or NaN. */
struct cel_value cel_divide(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments)
{
    switch (pair_of(arguments)) {
    case INTS:
        if (arguments[1].integer == 0)
            return cel_fail(evaluator, node, "division by zero");
        if (arguments[0].integer == INT64_MIN && arguments[1].integer == -1)
            return overflow(evaluator, node, arguments);
        return cel_int(arguments[0].integer / arguments[1].integer);
    case UINTS:
        if (arguments[1].uinteger == 0)
            return cel_fail(evaluator, node, "division by zero");
        return cel_uint(arguments[0].uinteger / arguments[1].uinteger);
    case DOUBLES:
        return cel_double(cel_number_to_double(&arguments[0]) /
                          cel_number_to_double(&arguments[1]));
    case OTHERS:
        break;
    }
    return cel_fail_overload(evaluator, node, arguments);
}

struct cel_value cel_modulo(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments)
{
    switch (pair_of(arguments)) {
    case INTS:
        if (arguments[1].integer == 0)
            return cel_fail(evaluator, node, "modulus by zero");
        if (arguments[1].integer == -1) /* INT64_MIN % -1 traps */
            return cel_int(0);
        return cel_int(arguments[0].integer % arguments[1].integer);
    case UINTS:
        if (arguments[1].uinteger == 0)
            return cel_fail(evaluator, node, "modulus by zero");
        return cel_uint(arguments[0].uinteger % arguments[1].uinteger);
    case DOUBLES:
    case OTHERS:
        break;
    }
    return cel_fail_overload(evaluator, node, arguments);
}
