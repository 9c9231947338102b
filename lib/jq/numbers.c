#include "jq/numbers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_TEXT_BYTES = 1100 }; /* base/json.h takes none of more than 1024 */

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static bool too_big(struct slice digits)
{
    static const struct slice least = SLICE("9007199254740992"); /* 2^53 */
    if (digits.len != least.len)
        return digits.len > least.len;
    return memcmp(digits.ptr, least.ptr, least.len) >= 0;
}

static bool overflows(struct slice number)
{
    char text[NUMBER_TEXT_BYTES];
    if (number.len >= sizeof(text))
        return true;
    memcpy(text, number.ptr, number.len);
    text[number.len] = '\0';
    return !isfinite(strtod(text, NULL));
}

static bool lossy(struct slice number)
{
    for (size_t i = 0; i < number.len; i++)
        if (number.ptr[i] == '.' || number.ptr[i] == 'e' || number.ptr[i] == 'E')
            return overflows(number);
    const size_t sign = number.len > 0 && number.ptr[0] == '-';
    return too_big(slice_of(number.ptr + sign, number.len - sign));
}

struct slice jq_lossy_number(struct slice json)
{
    size_t at = 0;
    while (at < json.len) {
        const char c = json.ptr[at];
        size_t end = at + 1;
        if (c == '"') {
            while (end < json.len && json.ptr[end] != '"')
                end += json.ptr[end] == '\\' ? 2 : 1;
            end++;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            while (end < json.len && in_number(json.ptr[end]))
                end++;
            const struct slice number = slice_of(json.ptr + at, end - at);
            if (lossy(number))
                return number;
        }
        at = end;
    }
    return SLICE_NONE;
}
