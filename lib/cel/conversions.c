/* conversions: int(x), string(x) and the like. Messages name kinds, never what a string holds: it
 * may be a secret. */
#include "cel/address.h"
#include "cel/calendar.h"
#include "cel/compare.h"
#include "cel/evaluator.h"
#include "cel/library.h"
#include "cel/number_text.h"
#include "cel/types.h"
#include "cel/utf8.h"
#include <math.h>
#include <stdio.h>

static struct cel_value not_a(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const char *what)
{
    return cel_fail(evaluator, node, "the string is not %s", what);
}

static struct cel_value out_of_range(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                     const struct cel_value *value)
{
    return cel_fail(evaluator, node, "the %s is out of the range of %.*s", cel_kind_name(value),
                    SLICE_ARG(node->name));
}

/* --- numbers --- */

struct cel_value cel_to_int(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    int64_t integer = 0;
    if (value->kind == CEL_INT)
        return *value;
    if (value->kind == CEL_UINT)
        return value->uinteger <= INT64_MAX ? cel_int((int64_t)value->uinteger)
                                            : out_of_range(evaluator, node, value);
    if (value->kind == CEL_DOUBLE) /* both bounds themselves are out of range, as CEL has it */
        return value->real > -9223372036854775808.0 && value->real < 9223372036854775808.0
                   ? cel_int((int64_t)value->real)
                   : out_of_range(evaluator, node, value);
    if (value->kind == CEL_TIMESTAMP)
        return cel_int(value->time.seconds);
    if (value->kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_int_read(value->text, &integer) ? cel_int(integer)
                                               : not_a(evaluator, node, "an int");
}

struct cel_value cel_to_uint(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    uint64_t uinteger = 0;
    if (value->kind == CEL_UINT)
        return *value;
    if (value->kind == CEL_INT)
        return value->integer >= 0 ? cel_uint((uint64_t)value->integer)
                                   : out_of_range(evaluator, node, value);
    if (value->kind == CEL_DOUBLE)
        return value->real >= 0 && value->real < 18446744073709551616.0
                   ? cel_uint((uint64_t)value->real)
                   : out_of_range(evaluator, node, value);
    if (value->kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_uint_read(value->text, &uinteger) ? cel_uint(uinteger)
                                                 : not_a(evaluator, node, "a uint");
}

struct cel_value cel_to_double(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    double real = 0;
    if (value->kind == CEL_DOUBLE)
        return *value;
    if (cel_is_number(value))
        return cel_double(cel_number_to_double(value));
    if (value->kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_double_read(value->text, &real) ? cel_double(real)
                                               : not_a(evaluator, node, "a double");
}

struct cel_value cel_to_bool(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    if (arguments[0].kind == CEL_BOOL)
        return arguments[0];
    if (arguments[0].kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (slice_eq_str(arguments[0].text, yes[i]))
            return cel_bool(true);
        if (slice_eq_str(arguments[0].text, no[i]))
            return cel_bool(false);
    }
    return not_a(evaluator, node, "a bool (\"true\", \"false\", \"t\", \"f\", \"1\", \"0\")");
}

/* --- text --- */

static struct cel_value string_of(struct cel_evaluator *evaluator, const char *text, size_t length)
{
    struct slice copy = arena_copy(evaluator->arena, slice_of(text, length));
    return copy.ptr ? cel_string(copy) : cel_fail_memory(evaluator);
}

struct cel_value cel_to_string(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    char text[CEL_ADDRESS_TEXT_SIZE];
    _Static_assert(sizeof(text) >= CEL_TIME_TEXT_SIZE, "one buffer for all");
    _Static_assert(sizeof(text) >= CEL_NUMBER_TEXT_SIZE, "one buffer for all");
    int length = 0;
    switch (value->kind) {
    case CEL_STRING:
        return *value;
    case CEL_BYTES:
        cel_charge(evaluator, value->text.len / 64);
        if (!cel_utf8_valid(value->text))
            return cel_fail(evaluator, node, "the bytes are not valid UTF-8");
        return cel_string(value->text);
    case CEL_BOOL:
        return cel_string(value->boolean ? SLICE("true") : SLICE("false"));
    case CEL_INT:
        length = snprintf(text, sizeof(text), "%lld", (long long)value->integer);
        return string_of(evaluator, text, (size_t)length);
    case CEL_UINT:
        length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value->uinteger);
        return string_of(evaluator, text, (size_t)length);
    case CEL_DOUBLE:
        return string_of(evaluator, text, cel_double_write(value->real, text));
    case CEL_TIMESTAMP:
        return string_of(evaluator, text, cel_timestamp_write(value, text));
    case CEL_DURATION:
        return string_of(evaluator, text, cel_duration_write(value, text));
    case CEL_IP:
        return string_of(evaluator, text, cel_address_write(value->address, text));
    case CEL_CIDR:
        return string_of(evaluator, text, cel_network_write(value->address, text));
    case CEL_NULL:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_JSON:
    case CEL_ERROR:
        break;
    }
    return cel_fail_overload(evaluator, node, arguments);
}

struct cel_value cel_to_bytes(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_BYTES && arguments[0].kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bytes(arguments[0].text);
}

/* --- times --- */

struct cel_value cel_to_timestamp(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  const struct cel_value *arguments)
{
    const struct cel_value *value = &arguments[0];
    struct cel_value timestamp;
    if (value->kind == CEL_TIMESTAMP)
        return *value;
    if (value->kind == CEL_INT)
        return cel_timestamp_make(value->integer, 0, &timestamp)
                   ? timestamp
                   : out_of_range(evaluator, node, value);
    if (value->kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_timestamp_parse(value->text, &timestamp)
               ? timestamp
               : not_a(evaluator, node, "a timestamp (RFC 3339, as in 2024-01-31T09:30:00Z)");
}

struct cel_value cel_to_duration(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    struct cel_value duration;
    if (arguments[0].kind == CEL_DURATION)
        return arguments[0];
    if (arguments[0].kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_duration_parse(arguments[0].text, &duration)
               ? duration
               : not_a(evaluator, node, "a duration (as in 1h30m, 1.5s, 20ms)");
}

/* --- types --- */

struct cel_value cel_to_dyn(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments)
{
    (void)evaluator;
    (void)node;
    return arguments[0];
}

struct cel_value cel_to_type(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    (void)evaluator;
    (void)node;
    return (struct cel_value){.kind = CEL_TYPE, .type = cel_type_of_value(&arguments[0])};
}
