#include "cel/ext_format.h"
#include "cel/address.h"
#include "cel/calendar.h"
#include "cel/compare.h"
#include "cel/number_text.h"
#include "cel/text.h"
#include "cel/types.h"
#include "cel/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_PRECISION 6u
#define MAX_PRECISION 1000u
#define MAX_NESTING 100u /* of lists and maps in a value */
/* "-", 309 digits of the largest double, a point and the precision. */
#define REAL_SIZE (MAX_PRECISION + 320u)

struct format {
    struct cel_evaluator *evaluator;
    const struct cel_ast *node;
    struct cel_text text;
    struct cel_value failure; /* an error once something failed */
};

static bool write_value(struct format *format, struct cel_text *text, struct cel_value value,
                        unsigned nesting);

static bool fail(struct format *format, struct cel_value failure)
{
    format->failure = failure;
    return false;
}

static bool unfit(struct format *format, char clause, const struct cel_value *value)
{
    return fail(format, cel_fail(format->evaluator, format->node, "%%%c cannot format %s", clause,
                                 cel_kind_name(value)));
}

/* --- %s --- */

struct pair {
    struct slice key; /* formatted */
    struct cel_value value;
};

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left;
    const struct pair *b = right;
    const struct cel_value x = cel_string(a->key);
    const struct cel_value y = cel_string(b->key);
    enum cel_order order = cel_compare(&x, &y);
    return order == CEL_LESS ? -1 : order == CEL_GREATER;
}

static bool write_list(struct format *format, struct cel_text *text, const struct cel_value *list,
                       unsigned nesting)
{
    struct cel_iter iter = cel_iter(list);
    cel_text_char(text, '[');
    for (bool first = true; cel_next(&iter); first = false) {
        if (!first)
            cel_text_add(text, SLICE(", "));
        if (!write_value(format, text, iter.value, nesting + 1))
            return false;
    }
    cel_text_char(text, ']');
    return true;
}

/* In the order of the keys as they are written, so that equal maps give equal texts. */
static bool write_map(struct format *format, struct cel_text *text, const struct cel_value *map,
                      unsigned nesting)
{
    uint32_t count = cel_count(map);
    struct pair *pairs = arena_array(format->evaluator->arena, count, sizeof(*pairs));
    if (!pairs)
        return fail(format, cel_fail_memory(format->evaluator));
    struct cel_iter iter = cel_iter(map);
    cel_charge(format->evaluator, count);
    for (uint32_t i = 0; i < count && cel_next(&iter); i++) {
        struct cel_text key = cel_text(format->evaluator);
        if (!write_value(format, &key, iter.key, nesting + 1))
            return false;
        pairs[i] = (struct pair){cel_text_slice(&key), iter.value};
    }
    qsort(pairs, count, sizeof(*pairs), compare_pairs);
    cel_text_char(text, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            cel_text_add(text, SLICE(", "));
        cel_text_add(text, pairs[i].key);
        cel_text_add(text, SLICE(": "));
        if (!write_value(format, text, pairs[i].value, nesting + 1))
            return false;
    }
    cel_text_char(text, '}');
    return true;
}

/* What is no list or map. */
static bool write_scalar(struct format *format, struct cel_text *text,
                         const struct cel_value *value)
{
    char out[CEL_NUMBER_PLAIN_SIZE];
    _Static_assert(sizeof(out) >= CEL_TIME_TEXT_SIZE, "one buffer for both");
    size_t length = 0;
    switch (value->kind) {
    case CEL_NULL:
        cel_text_add(text, SLICE("null"));
        return true;
    case CEL_BOOL:
        cel_text_add(text, value->boolean ? SLICE("true") : SLICE("false"));
        return true;
    case CEL_INT:
        length = (size_t)snprintf(out, sizeof(out), "%lld", (long long)value->integer);
        break;
    case CEL_UINT:
        length = (size_t)snprintf(out, sizeof(out), "%llu", (unsigned long long)value->uinteger);
        break;
    case CEL_DOUBLE:
        length = cel_double_write_plain(value->real, out);
        break;
    case CEL_BYTES:
        if (!cel_utf8_valid(value->text))
            return fail(format, cel_fail(format->evaluator, format->node,
                                         "%%s cannot format bytes that are not valid UTF-8"));
        cel_text_add(text, value->text);
        return true;
    case CEL_STRING:
        cel_text_add(text, value->text);
        return true;
    case CEL_TIMESTAMP:
        length = cel_timestamp_write(value, out);
        break;
    case CEL_DURATION:
        length = cel_duration_write(value, out);
        break;
    case CEL_IP:
        length = cel_address_write(value->address, out);
        break;
    case CEL_CIDR:
        length = cel_network_write(value->address, out);
        break;
    case CEL_TYPE:
        cel_text_add(text, slice_str(value->type->runtime));
        return true;
    case CEL_LIST:
    case CEL_MAP:
    case CEL_OPTIONAL:
    case CEL_JSON:
    case CEL_ERROR:
        return unfit(format, 's', value);
    }
    cel_text_add(text, slice_of(out, length));
    return true;
}

static bool write_value(struct format *format, struct cel_text *text, struct cel_value value,
                        unsigned nesting)
{
    struct cel_evaluator *evaluator = format->evaluator;
    if (text->failed || --evaluator->meter.left < 0)
        return fail(format, text->failed ? cel_text_value(text) : cel_fail_cost(evaluator));
    if (nesting > MAX_NESTING)
        return fail(format, cel_fail(evaluator, format->node,
                                     "%%s cannot format what is nested deeper than %u levels",
                                     MAX_NESTING));
    if (!cel_value_read(&value, evaluator->arena))
        return fail(format, cel_fail_memory(evaluator));
    if (cel_is_list(&value))
        return write_list(format, text, &value, nesting);
    if (cel_is_map(&value))
        return write_map(format, text, &value, nesting);
    return write_scalar(format, text, &value);
}

/* --- numbers --- */

static bool write_decimal(struct format *format, const struct cel_value *value)
{
    return cel_is_number(value) ? write_scalar(format, &format->text, value)
                                : unfit(format, 'd', value);
}

static bool write_real(struct format *format, char clause, unsigned precision,
                       const struct cel_value *value)
{
    char out[REAL_SIZE];
    if (!cel_is_number(value))
        return unfit(format, clause, value);
    double real = cel_number_to_double(value);
    if (!isfinite(real))
        return write_scalar(format, &format->text, value);
    int length = snprintf(out, sizeof(out), clause == 'f' ? "%.*f" : "%.*e", (int)precision, real);
    cel_text_add(&format->text, slice_of(out, (size_t)length));
    return true;
}

/* The digits of a number in base 2, 8 or 16 (1, 3, 4 bits a digit). */
static void write_bits(struct cel_text *text, bool negative, uint64_t magnitude, unsigned bits,
                       const char *digits)
{
    char out[65];
    size_t at = sizeof(out);
    do {
        out[--at] = digits[magnitude & ((1u << bits) - 1)];
        magnitude >>= bits;
    } while (magnitude > 0);
    if (negative)
        cel_text_char(text, '-');
    cel_text_add(text, slice_of(out + at, sizeof(out) - at));
}

static bool write_whole(struct format *format, char clause, unsigned bits,
                        const struct cel_value *value)
{
    const char *digits = clause == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    bool text = value->kind == CEL_STRING || value->kind == CEL_BYTES;
    if (value->kind == CEL_INT) {
        bool negative = value->integer < 0;
        uint64_t magnitude = (uint64_t)value->integer;
        write_bits(&format->text, negative, negative ? 0 - magnitude : magnitude, bits, digits);
    } else if (value->kind == CEL_UINT) {
        write_bits(&format->text, false, value->uinteger, bits, digits);
    } else if (value->kind == CEL_BOOL && clause == 'b') {
        write_bits(&format->text, false, value->boolean, bits, digits);
    } else if (text && (clause == 'x' || clause == 'X')) {
        cel_charge(format->evaluator, value->text.len / 16);
        for (size_t i = 0; i < value->text.len && !format->text.failed; i++) {
            unsigned byte = (unsigned char)value->text.ptr[i];
            const char pair[2] = {digits[byte >> 4], digits[byte & 15]};
            cel_text_add(&format->text, slice_of(pair, sizeof(pair)));
        }
    } else {
        return unfit(format, clause, value);
    }
    return true;
}

/* --- clauses --- */

/* Reads ".N" if it is there. */
static bool read_precision(struct format *format, struct slice *rest, unsigned *precision)
{
    *precision = DEFAULT_PRECISION;
    if (rest->len == 0 || *rest->ptr != '.')
        return true;
    size_t at = 1;
    *precision = 0;
    for (; at < rest->len && rest->ptr[at] >= '0' && rest->ptr[at] <= '9'; at++) {
        *precision = *precision * 10 + (unsigned)(rest->ptr[at] - '0');
        if (*precision > MAX_PRECISION)
            return fail(format,
                        cel_fail(format->evaluator, format->node,
                                 "the format asks for a precision above %u", MAX_PRECISION));
    }
    if (at == 1)
        return fail(format, cel_fail(format->evaluator, format->node,
                                     "the format has no digits behind '%%.'"));
    *rest = slice_of(rest->ptr + at, rest->len - at);
    return true;
}

/* Behind a '%'; *rest moves on. */
static bool write_clause(struct format *format, struct slice *rest, struct cel_value value)
{
    unsigned precision = 0;
    if (!cel_value_read(&value, format->evaluator->arena))
        return fail(format, cel_fail_memory(format->evaluator));
    if (!read_precision(format, rest, &precision))
        return false;
    char clause = rest->len > 0 ? *rest->ptr : '\0';
    *rest = slice_of(rest->ptr + (rest->len > 0), rest->len - (rest->len > 0));
    switch (clause) {
    case 's':
        return write_value(format, &format->text, value, 0);
    case 'd':
        return write_decimal(format, &value);
    case 'f':
    case 'e':
        return write_real(format, clause, precision, &value);
    case 'b':
        return write_whole(format, clause, 1, &value);
    case 'o':
        return write_whole(format, clause, 3, &value);
    case 'x':
    case 'X':
        return write_whole(format, clause, 4, &value);
    default:
        return fail(format, cel_fail(format->evaluator, format->node,
                                     "the format has a '%%' without a known letter; known are "
                                     "%%s %%d %%f %%e %%b %%o %%x %%X, and %%%% for a '%%'"));
    }
}

static bool write_all(struct format *format, struct slice rest, const struct cel_value *list)
{
    struct cel_iter iter = cel_iter(list);
    uint32_t index = 0;
    while (rest.len > 0) {
        const char *found = memchr(rest.ptr, '%', rest.len);
        size_t before = found ? (size_t)(found - rest.ptr) : rest.len;
        cel_text_add(&format->text, slice_of(rest.ptr, before));
        if (!found)
            return true;
        rest = slice_of(found + 1, rest.len - before - 1);
        if (rest.len > 0 && *rest.ptr == '%') {
            cel_text_char(&format->text, '%');
            rest = slice_of(rest.ptr + 1, rest.len - 1);
            continue;
        }
        if (!cel_next(&iter))
            return fail(format,
                        cel_fail(format->evaluator, format->node,
                                 "the format takes more values than the %u of its list", index));
        index++;
        if (!write_clause(format, &rest, iter.value))
            return false;
    }
    return true;
}

struct cel_value cel_format(struct cel_evaluator *evaluator, const struct cel_ast *node,
                            const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_STRING || !cel_is_list(&arguments[1]))
        return cel_fail_overload(evaluator, node, arguments);
    struct format format = {.evaluator = evaluator, .node = node, .text = cel_text(evaluator)};
    cel_charge(evaluator, arguments[0].text.len / 16);
    return write_all(&format, arguments[0].text, &arguments[1]) ? cel_text_value(&format.text)
                                                                : format.failure;
}
