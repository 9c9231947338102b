/* ext_math: math.greatest, math.round and their like. */
#include "cel/compare.h"
#include "cel/evaluator.h"
#include "cel/library.h"
#include <math.h>

/* --- the greatest, the least --- */

/* The one of *best and next that is further in the direction of `wanted`; false when they have no
 * order. Of two that are the same the first stays. */
static bool choose(struct cel_value *best, const struct cel_value *next, enum cel_order wanted)
{
    if (!cel_is_number(next))
        return false;
    enum cel_order order = cel_compare(next, best);
    if (order == wanted)
        *best = *next;
    return order != CEL_UNORDERED && order != CEL_NOT_COMPARABLE;
}

static struct cel_value best_of_list(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                     const struct cel_value *arguments, enum cel_order wanted)
{
    struct cel_iter iter = cel_iter(&arguments[0]);
    cel_charge(evaluator, cel_count(&arguments[0]));
    if (!cel_next(&iter))
        return cel_fail(evaluator, node, "an empty list has no %s element",
                        wanted == CEL_GREATER ? "greatest" : "least");
    struct cel_value best = iter.value;
    bool good = cel_is_number(&best);
    while (good && cel_next(&iter))
        good = choose(&best, &iter.value, wanted);
    return good ? best
                : cel_fail(evaluator, node, "the list has elements that are not numbers or NaN");
}

static struct cel_value best_of(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments, enum cel_order wanted)
{
    if (cel_argument_count(node) == 1 && cel_is_list(&arguments[0]))
        return best_of_list(evaluator, node, arguments, wanted);
    struct cel_value best = arguments[0];
    bool good = cel_is_number(&best);
    for (uint32_t i = 1; good && i < cel_argument_count(node); i++)
        good = choose(&best, &arguments[i], wanted);
    return good ? best : cel_fail_overload(evaluator, node, arguments);
}

static struct cel_value greatest(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    return best_of(evaluator, node, arguments, CEL_GREATER);
}

static struct cel_value least(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    return best_of(evaluator, node, arguments, CEL_LESS);
}

/* --- doubles --- */

static struct cel_value apply(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments, double (*function)(double))
{
    if (arguments[0].kind != CEL_DOUBLE)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_double(function(arguments[0].real));
}

static struct cel_value ceiling(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return apply(evaluator, node, arguments, ceil);
}

static struct cel_value floored(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return apply(evaluator, node, arguments, floor);
}

/* Halves go away from zero. */
static struct cel_value rounded(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return apply(evaluator, node, arguments, round);
}

static struct cel_value truncated(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  const struct cel_value *arguments)
{
    return apply(evaluator, node, arguments, trunc);
}

static struct cel_value square_root(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    if (!cel_is_number(&arguments[0]))
        return cel_fail_overload(evaluator, node, arguments);
    return cel_double(sqrt(cel_number_to_double(&arguments[0])));
}

static struct cel_value is_nan(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_DOUBLE)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(isnan(arguments[0].real));
}

static struct cel_value is_inf(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_DOUBLE)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(isinf(arguments[0].real));
}

static struct cel_value is_finite(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_DOUBLE)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(isfinite(arguments[0].real));
}

/* --- signs --- */

static struct cel_value absolute(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    if (value->kind == CEL_UINT)
        return *value;
    if (value->kind == CEL_DOUBLE)
        return cel_double(fabs(value->real));
    if (value->kind != CEL_INT)
        return cel_fail_overload(evaluator, node, arguments);
    if (value->integer == INT64_MIN)
        return cel_fail(evaluator, node, "the absolute value does not fit an int");
    return cel_int(value->integer < 0 ? -value->integer : value->integer);
}

static struct cel_value sign(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    if (value->kind == CEL_UINT)
        return cel_uint(value->uinteger > 0);
    if (value->kind == CEL_INT)
        return cel_int((value->integer > 0) - (value->integer < 0));
    if (value->kind != CEL_DOUBLE)
        return cel_fail_overload(evaluator, node, arguments);
    if (isnan(value->real))
        return *value;
    return cel_double((value->real > 0) - (value->real < 0));
}

/* --- bits --- */

static bool is_whole(const struct cel_value *value)
{
    return value->kind == CEL_INT || value->kind == CEL_UINT;
}

static uint64_t bits_of(const struct cel_value *value)
{
    return value->kind == CEL_INT ? (uint64_t)value->integer : value->uinteger;
}

/* The bits as a value of that kind. */
static struct cel_value of_bits(enum cel_kind kind, uint64_t bits)
{
    return kind == CEL_INT ? cel_int((int64_t)bits) : cel_uint(bits);
}

static struct cel_value combine(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments, char symbol)
{
    if (!is_whole(&arguments[0]) || arguments[0].kind != arguments[1].kind)
        return cel_fail_overload(evaluator, node, arguments);
    uint64_t a = bits_of(&arguments[0]);
    uint64_t b = bits_of(&arguments[1]);
    return of_bits(arguments[0].kind, symbol == '&' ? a & b : symbol == '|' ? a | b : a ^ b);
}

static struct cel_value bit_and(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return combine(evaluator, node, arguments, '&');
}

static struct cel_value bit_or(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    return combine(evaluator, node, arguments, '|');
}

static struct cel_value bit_xor(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return combine(evaluator, node, arguments, '^');
}

static struct cel_value bit_not(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    if (!is_whole(&arguments[0]))
        return cel_fail_overload(evaluator, node, arguments);
    return of_bits(arguments[0].kind, ~bits_of(&arguments[0]));
}

/* Of ints too the bits move, not the number: what moves in from the left is 0. */
static struct cel_value shift(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments, bool left)
{
    if (!is_whole(&arguments[0]) || arguments[1].kind != CEL_INT)
        return cel_fail_overload(evaluator, node, arguments);
    int64_t by = arguments[1].integer;
    if (by < 0)
        return cel_fail(evaluator, node, "bits cannot be shifted by less than 0, as %lld",
                        (long long)by);
    uint64_t bits = bits_of(&arguments[0]);
    if (by > 63)
        return of_bits(arguments[0].kind, 0);
    return of_bits(arguments[0].kind, left ? bits << by : bits >> by);
}

static struct cel_value bit_shift_left(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                       const struct cel_value *arguments)
{
    return shift(evaluator, node, arguments, true);
}

static struct cel_value bit_shift_right(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                        const struct cel_value *arguments)
{
    return shift(evaluator, node, arguments, false);
}

/* Any number of numbers, or a list of them; what they are together if that is one kind. */
#define BEST "i+:i u+:u d+:d li:i lu:u ld:d !#+:*"

static const struct cel_library_row rows[] = {
    {"math.abs", "i:i u:u d:d", absolute, false, NULL},
    {"math.bitAnd", "ii:i uu:u", bit_and, false, NULL},
    {"math.bitNot", "i:i u:u", bit_not, false, NULL},
    {"math.bitOr", "ii:i uu:u", bit_or, false, NULL},
    {"math.bitShiftLeft", "ii:i ui:u", bit_shift_left, false, NULL},
    {"math.bitShiftRight", "ii:i ui:u", bit_shift_right, false, NULL},
    {"math.bitXor", "ii:i uu:u", bit_xor, false, NULL},
    {"math.ceil", "d:d", ceiling, false, NULL},
    {"math.floor", "d:d", floored, false, NULL},
    {"math.greatest", BEST, greatest, false, NULL},
    {"math.isFinite", "d:b", is_finite, false, NULL},
    {"math.isInf", "d:b", is_inf, false, NULL},
    {"math.isNaN", "d:b", is_nan, false, NULL},
    {"math.least", BEST, least, false, NULL},
    {"math.round", "d:d", rounded, false, NULL},
    {"math.sign", "i:i u:u d:d", sign, false, NULL},
    {"math.sqrt", "d:d i:d u:d", square_root, false, NULL},
    {"math.trunc", "d:d", truncated, false, NULL},
};

const struct cel_library_table cel_ext_math = {rows, ARRAY_LEN(rows)};
