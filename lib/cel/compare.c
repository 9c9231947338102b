#include "cel/compare.h"
#include "base/utf8.h"
#include "cel/address.h"
#include "cel/types.h"
#include <math.h>

/* --- numbers --- */

bool cel_is_number(const struct cel_value *value)
{
    return value->kind == CEL_INT || value->kind == CEL_UINT || value->kind == CEL_DOUBLE;
}

double cel_number_to_double(const struct cel_value *value)
{
    if (value->kind == CEL_INT)
        return (double)value->integer;
    return value->kind == CEL_UINT ? (double)value->uinteger : value->real;
}

static const double two_to_63 = 9223372036854775808.0;
static const double two_to_64 = 18446744073709551616.0;

bool cel_double_to_integer(double real, struct cel_value *integer)
{
    if (!(real >= -two_to_63 && real < two_to_64) || real != trunc(real))
        return false;
    if (real < two_to_63)
        *integer = cel_int((int64_t)real);
    else
        *integer = cel_uint((uint64_t)real);
    return true;
}

static enum cel_order flip(enum cel_order order)
{
    if (order == CEL_LESS)
        return CEL_GREATER;
    return order == CEL_GREATER ? CEL_LESS : order;
}

#define ORDER(a, b) ((a) < (b) ? CEL_LESS : (a) > (b) ? CEL_GREATER : CEL_SAME)

static enum cel_order compare_integers(const struct cel_value *a, const struct cel_value *b)
{
    if (a->kind == CEL_INT && b->kind == CEL_INT)
        return ORDER(a->integer, b->integer);
    if (a->kind == CEL_UINT && b->kind == CEL_UINT)
        return ORDER(a->uinteger, b->uinteger);
    if (a->kind == CEL_UINT)
        return flip(compare_integers(b, a));
    return a->integer < 0 ? CEL_LESS : ORDER((uint64_t)a->integer, b->uinteger);
}

/* Exact: the integer is not rounded. Equal keys of maps must hash alike. */
static bool same_numbers(const struct cel_value *a, const struct cel_value *b)
{
    struct cel_value whole;
    if (a->kind == CEL_DOUBLE && b->kind == CEL_DOUBLE)
        return a->real == b->real;
    if (a->kind == CEL_DOUBLE)
        return cel_double_to_integer(a->real, &whole) && compare_integers(&whole, b) == CEL_SAME;
    if (b->kind == CEL_DOUBLE)
        return same_numbers(b, a);
    return compare_integers(a, b) == CEL_SAME;
}

/* --- order --- */

static enum cel_order compare_text(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    return order != 0 ? ORDER(order, 0) : ORDER(a.len, b.len);
}

static enum cel_order compare_time(const struct cel_value *a, const struct cel_value *b)
{
    enum cel_order order = ORDER(a->time.seconds, b->time.seconds);
    return order != CEL_SAME ? order : ORDER(a->time.nanos, b->time.nanos);
}

static enum cel_order compare_doubles(double a, double b)
{
    return isnan(a) || isnan(b) ? CEL_UNORDERED : ORDER(a, b);
}

enum cel_order cel_compare(const struct cel_value *a, const struct cel_value *b)
{
    if (cel_is_number(a) && cel_is_number(b))
        return a->kind == CEL_DOUBLE || b->kind == CEL_DOUBLE
                   ? compare_doubles(cel_number_to_double(a), cel_number_to_double(b))
                   : compare_integers(a, b);
    if (a->kind != b->kind)
        return CEL_NOT_COMPARABLE;
    if (a->kind == CEL_STRING || a->kind == CEL_BYTES)
        return compare_text(a->text, b->text);
    if (a->kind == CEL_BOOL)
        return ORDER(a->boolean, b->boolean);
    if (a->kind == CEL_TIMESTAMP || a->kind == CEL_DURATION)
        return compare_time(a, b);
    return CEL_NOT_COMPARABLE;
}

/* --- equality --- */

/* Reads the characters of an escaped JSON string one by one; the reader has checked its form. */
struct unescape {
    const char *at;
    const char *end;
    char pending[4];
    size_t pending_at;
    size_t pending_count;
};

static struct unescape unescape_start(struct json_ref string)
{
    struct slice text = json_text(string);
    return (struct unescape){.at = text.ptr + 1, .end = text.ptr + text.len - 1};
}

static uint32_t hex4(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* The next byte, or -1 at the end. */
static int unescape_next(struct unescape *text)
{
    if (text->pending_at < text->pending_count)
        return (unsigned char)text->pending[text->pending_at++];
    if (text->at >= text->end)
        return -1;
    char c = *text->at++;
    if (c != '\\')
        return (unsigned char)c;
    c = *text->at++;
    if (c != 'u') {
        static const char letters[] = "bfnrt";
        static const char values[] = "\b\f\n\r\t";
        const char *letter = strchr(letters, c);
        return (unsigned char)(letter ? values[letter - letters] : c);
    }
    uint32_t point = hex4(text->at);
    text->at += 4;
    if (point >= 0xD800 && point <= 0xDBFF) {
        point = 0x10000 + ((point - 0xD800) << 10) + (hex4(text->at + 2) - 0xDC00);
        text->at += 6;
    }
    text->pending_count = utf8_encode(point, text->pending);
    text->pending_at = 1;
    return (unsigned char)text->pending[0];
}

static bool same_unread(struct json_ref a, struct json_ref b)
{
    if (slice_eq(json_text(a), json_text(b)))
        return true;
    struct unescape left = unescape_start(a);
    struct unescape right = unescape_start(b);
    for (;;) {
        int byte = unescape_next(&left);
        if (byte != unescape_next(&right))
            return false;
        if (byte < 0)
            return true;
    }
}

static bool same_string(const struct cel_value *a, const struct cel_value *b,
                        struct cel_meter *meter)
{
    bool a_read = a->kind == CEL_STRING;
    bool b_read = b->kind == CEL_STRING;
    if (a_read && b_read) {
        meter->left -= (int64_t)(a->text.len == b->text.len ? a->text.len / 64 : 0);
        return slice_eq(a->text, b->text);
    }
    struct slice text = json_text(a_read ? b->json : a->json);
    meter->left -= (int64_t)text.len / 16;
    if (!a_read && !b_read)
        return same_unread(a->json, b->json);
    return a_read ? json_string_eq(b->json, a->text) : json_string_eq(a->json, b->text);
}

static bool same_lists(const struct cel_value *a, const struct cel_value *b,
                       struct cel_meter *meter)
{
    if (cel_count(a) != cel_count(b))
        return false;
    struct cel_iter left = cel_iter(a);
    struct cel_iter right = cel_iter(b);
    while (meter->left >= 0 && cel_next(&left) && cel_next(&right))
        if (!cel_same(&left.value, &right.value, meter))
            return false;
    return true;
}

/* Most equal maps have the same order, so that is tried first. */
static bool same_maps(const struct cel_value *a, const struct cel_value *b, struct cel_meter *meter)
{
    if (cel_count(a) != cel_count(b))
        return false;
    struct cel_iter left = cel_iter(a);
    struct cel_iter right = cel_iter(b);
    bool in_step = true;
    while (meter->left >= 0 && cel_next(&left)) {
        struct cel_value other;
        in_step = in_step && cel_next(&right) && cel_same(&left.key, &right.key, meter);
        if (in_step)
            other = right.value;
        else if (!cel_map_find(b, &left.key, meter, &other))
            return false;
        if (!cel_same(&left.value, &other, meter))
            return false;
    }
    return true;
}

static bool is_string(const struct cel_value *value)
{
    return value->kind == CEL_STRING || cel_is_unread(value);
}

bool cel_same(const struct cel_value *a, const struct cel_value *b, struct cel_meter *meter)
{
    if (--meter->left < 0)
        return false;
    if (is_string(a) && is_string(b))
        return same_string(a, b, meter);
    if (cel_is_list(a) && cel_is_list(b))
        return same_lists(a, b, meter);
    if (cel_is_map(a) && cel_is_map(b))
        return same_maps(a, b, meter);
    if (a->kind == CEL_NULL && b->kind == CEL_NULL)
        return true;
    if (a->kind == CEL_TYPE && b->kind == CEL_TYPE)
        return strcmp(a->type->runtime, b->type->runtime) == 0;
    if (a->kind == CEL_OPTIONAL && b->kind == CEL_OPTIONAL)
        return a->optional && b->optional ? cel_same(a->optional, b->optional, meter)
                                          : a->optional == b->optional;
    if (a->kind == b->kind && (a->kind == CEL_IP || a->kind == CEL_CIDR))
        return cel_address_same(a->address, b->address);
    if (cel_is_number(a) && cel_is_number(b))
        return same_numbers(a, b);
    return cel_compare(a, b) == CEL_SAME;
}

bool cel_equal(const struct cel_value *a, const struct cel_value *b)
{
    struct cel_meter meter = {INT64_MAX};
    return cel_same(a, b, &meter);
}

const char *cel_kind_name(const struct cel_value *value)
{
    return value->kind == CEL_ERROR ? "error" : cel_type_of_value(value)->name;
}
