/* yaml_scalar: the core schema of YAML 1.2 (10.3.2): "yes", "on" and dates are text, 0o14 is 12. */
#include "base/yaml_scalar.h"

static const char core_prefix[] = "tag:yaml.org,2002:";

enum yaml_tag yaml_tag_of(const char *tag)
{
    static const char *const names[] = {
        [YAML_TAG_NULL] = "null",   [YAML_TAG_BOOL] = "bool", [YAML_TAG_INT] = "int",
        [YAML_TAG_FLOAT] = "float", [YAML_TAG_STR] = "str",   [YAML_TAG_SEQ] = "seq",
        [YAML_TAG_MAP] = "map"};
    if (!tag || !*tag)
        return YAML_TAG_NONE;
    if (strcmp(tag, "!") == 0)
        return YAML_TAG_STR;
    size_t prefix = sizeof(core_prefix) - 1;
    if (strncmp(tag, core_prefix, prefix) != 0)
        return YAML_TAG_UNKNOWN;
    for (size_t i = YAML_TAG_NULL; i < ARRAY_LEN(names); i++) {
        if (strcmp(tag + prefix, names[i]) == 0)
            return (enum yaml_tag)i;
    }
    return YAML_TAG_UNKNOWN;
}

static bool one_of(struct slice text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_str(text, words[i]))
            return true;
    }
    return false;
}
#define ONE_OF(text, ...)                                                                          \
    one_of(text, (const char *const[]){__VA_ARGS__},                                               \
           ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static struct slice drop(struct slice text, size_t count)
{
    return slice_of(text.ptr + count, text.len - count);
}

static size_t digits_of(struct slice text)
{
    size_t count = 0;
    while (count < text.len && is_digit(text.ptr[count]))
        count++;
    return count;
}

static bool is_infinite_or_nan(struct slice text)
{
    if (ONE_OF(text, ".nan", ".NaN", ".NAN"))
        return true;
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        text = drop(text, 1);
    return ONE_OF(text, ".inf", ".Inf", ".INF");
}

/* 0o17 and 0x1F. 0: is none; 1: *value; -1: more than 64 bits. */
static int parse_based(struct slice text, uint64_t *value)
{
    if (text.len < 3 || text.ptr[0] != '0' || (text.ptr[1] != 'o' && text.ptr[1] != 'x'))
        return 0;
    unsigned shift = text.ptr[1] == 'o' ? 3 : 4;
    uint64_t sum = 0;
    bool fits = true;
    for (size_t i = 2; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit = is_digit(c)            ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit >> shift)
            return 0;
        fits = fits && sum >> (64 - shift) == 0;
        sum = sum << shift | digit;
    }
    *value = sum;
    return fits ? 1 : -1;
}

/* The parts of [-+]? digits ( . digits )? ( [eE] [-+]? digits )?, of which some may be empty. */
struct decimal {
    bool negative;
    bool point;
    struct slice whole; /* without leading zeros, at least one digit */
    struct slice fraction;
    struct slice exponent; /* with its sign, without the 'e' */
};

static bool parse_decimal(struct slice text, struct decimal *decimal)
{
    *decimal = (struct decimal){0};
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        decimal->negative = text.ptr[0] == '-';
        text = drop(text, 1);
    }
    decimal->whole = slice_of(text.ptr, digits_of(text));
    text = drop(text, decimal->whole.len);
    if (text.len > 0 && text.ptr[0] == '.') {
        decimal->point = true;
        text = drop(text, 1);
        decimal->fraction = slice_of(text.ptr, digits_of(text));
        text = drop(text, decimal->fraction.len);
    }
    if (decimal->whole.len + decimal->fraction.len == 0)
        return false;
    if (text.len > 0 && (text.ptr[0] == 'e' || text.ptr[0] == 'E')) {
        text = drop(text, 1);
        size_t sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
        size_t digits = digits_of(drop(text, sign));
        if (digits == 0)
            return false;
        decimal->exponent = slice_of(text.ptr, sign + digits);
        text = drop(text, sign + digits);
    }
    while (decimal->whole.len > 1 && decimal->whole.ptr[0] == '0')
        decimal->whole = drop(decimal->whole, 1);
    if (decimal->whole.len == 0)
        decimal->whole = SLICE("0");
    return text.len == 0;
}

static bool is_int(const struct decimal *decimal)
{
    return !decimal->point && decimal->exponent.len == 0;
}

static void write_decimal(struct buf *json, const struct decimal *decimal, bool as_float)
{
    if (decimal->negative)
        buf_char(json, '-');
    buf_slice_append(json, decimal->whole);
    if (decimal->point || (as_float && is_int(decimal))) {
        buf_char(json, '.');
        buf_slice_append(json, decimal->fraction.len ? decimal->fraction : SLICE("0"));
    }
    if (decimal->exponent.len > 0) {
        buf_char(json, 'e');
        buf_slice_append(json, decimal->exponent);
    }
}

static int wrong(const char **message, const char *what)
{
    *message = what;
    return -1;
}

static int write_plain(struct buf *json, struct slice text, enum yaml_tag tag, enum json_type *type,
                       const char **message)
{
    struct decimal decimal;
    uint64_t based = 0;
    bool any = tag == YAML_TAG_NONE;
    if ((any || tag == YAML_TAG_NULL) &&
        (text.len == 0 || ONE_OF(text, "null", "Null", "NULL", "~"))) {
        *type = JSON_NULL;
        buf_str(json, "null");
        return 0;
    }
    if (any || tag == YAML_TAG_BOOL) {
        bool truth = ONE_OF(text, "true", "True", "TRUE");
        if (truth || ONE_OF(text, "false", "False", "FALSE")) {
            *type = JSON_BOOL;
            buf_str(json, truth ? "true" : "false");
            return 0;
        }
    }
    if (any || tag == YAML_TAG_INT || tag == YAML_TAG_FLOAT) {
        *type = JSON_NUMBER;
        int found = tag == YAML_TAG_FLOAT ? 0 : parse_based(text, &based);
        if (found < 0)
            return wrong(message, "this number has more than 64 bits");
        if (found > 0) {
            buf_uint(json, based);
            return 0;
        }
        if (parse_decimal(text, &decimal) && (tag != YAML_TAG_INT || is_int(&decimal))) {
            write_decimal(json, &decimal, tag == YAML_TAG_FLOAT);
            return 0;
        }
        if (tag != YAML_TAG_INT && is_infinite_or_nan(text))
            return wrong(message, "infinity and NaN are no values here; write text in quotes");
    }
    if (!any)
        return wrong(message, "the text does not fit its tag");
    *type = JSON_STRING;
    json_write_string(json, text);
    return 0;
}

int yaml_write_scalar(struct buf *json, struct slice text, enum yaml_tag tag, bool plain,
                      enum json_type *type, const char **message)
{
    switch (tag) {
    case YAML_TAG_NONE:
        if (plain)
            return write_plain(json, text, tag, type, message);
        break;
    case YAML_TAG_NULL:
    case YAML_TAG_BOOL:
    case YAML_TAG_INT:
    case YAML_TAG_FLOAT:
        return write_plain(json, text, tag, type, message);
    case YAML_TAG_STR:
        break;
    case YAML_TAG_SEQ:
    case YAML_TAG_MAP:
        return wrong(message, "this tag is for lists and maps, but here is a scalar");
    case YAML_TAG_UNKNOWN:
        return wrong(message,
                     "unknown tag: there are !!null !!bool !!int !!float !!str !!seq !!map");
    }
    *type = JSON_STRING;
    json_write_string(json, text);
    return 0;
}
