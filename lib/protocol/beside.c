#include "protocol/beside.h"
#include "protocol/calls_reply.h"
#include "protocol/decimal.h"

enum { DIGITS_MOST = 15 };

/* The decimal that ends at `end`; where it begins. */
static size_t digits_before(struct slice text, size_t end)
{
    size_t at = end;
    while (at > 0 && end - at <= DIGITS_MOST && text.ptr[at - 1] >= '0' && text.ptr[at - 1] <= '9')
        at--;
    return at;
}

/* From its end: what is no reference is known for it after a few bytes, however long it is. */
bool beside_reference_read(struct slice text, struct beside_reference *reference)
{
    const size_t length_at = digits_before(text, text.len);
    if (length_at == text.len || text.len - length_at > DIGITS_MOST || length_at == 0 ||
        text.ptr[length_at - 1] != ',')
        return false;
    const size_t number_end = length_at - 1, number_at = digits_before(text, number_end);
    if (number_at == number_end || number_end - number_at > DIGITS_MOST || number_at == 0 ||
        text.ptr[number_at - 1] != '@' || (number_at > 1 && text.ptr[number_at - 2] != '|'))
        return false;
    reference->number = slice_of(text.ptr + number_at, number_end - number_at);
    reference->length = 0;
    for (size_t i = length_at; i < text.len; i++)
        reference->length = reference->length * 10 + (uint64_t)(text.ptr[i] - '0');
    return true;
}

void beside_write_budget(struct command *command, uint32_t operations, size_t inline_bytes)
{
    char text[DECIMAL_SIZE];
    if (inline_bytes == 0 || inline_bytes == BESIDE_INLINE_BYTES)
        command_arg_int(command, operations);
    else
        command_arg_pair(command, decimal_text(operations, text), (uint32_t)inline_bytes);
}
