#include "protocol/decimal.h"
#include "base/digits.h"

bool decimal_u64(struct slice text, uint64_t *value)
{
    uint64_t n = 0;
    if (text.len == 0 || text.len > 20)
        return false;
    if (text.len < 20) { /* fits */
        for (size_t i = 0; i < text.len; i++) {
            const unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
            if (digit > 9)
                return false;
            n = n * 10 + digit;
        }
        *value = n;
        return true;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(text.ptr[i] - '0'), &n))
            return false;
    }
    *value = n;
    return true;
}

bool decimal_u32(struct slice text, uint32_t *value)
{
    uint64_t n;
    if (!decimal_u64(text, &n) || n > UINT32_MAX)
        return false;
    *value = (uint32_t)n;
    return true;
}

bool decimal_i64(struct slice text, int64_t *value)
{
    uint64_t n;
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative)
        text = slice_of(text.ptr + 1, text.len - 1);
    if (!decimal_u64(text, &n) || n > (uint64_t)INT64_MAX)
        return false;
    *value = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

bool decimal_cut(struct slice *rest, char separator, struct slice *part)
{
    const char *at = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!at)
        return false;
    *part = slice_of(rest->ptr, (size_t)(at - rest->ptr));
    *rest = slice_of(at + 1, rest->len - part->len - 1);
    return true;
}

struct slice decimal_text(int64_t value, char out[DECIMAL_SIZE])
{
    /* Negating as unsigned is defined for INT64_MIN too. */
    char *at = digits_write(value < 0 ? -(uint64_t)value : (uint64_t)value, out + DECIMAL_SIZE);
    if (value < 0)
        *--at = '-';
    return slice_of(at, (size_t)(out + DECIMAL_SIZE - at));
}
