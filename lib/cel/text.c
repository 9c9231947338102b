#include "cel/text.h"

static bool grow(struct cel_text *text, size_t more)
{
    struct cel_evaluator *evaluator = text->evaluator;
    size_t needed = text->length + more;
    size_t size = text->size ? text->size : 32;
    while (size < needed)
        size *= 2;
    cel_charge(evaluator, size / 16);
    char *data = evaluator->meter.left < 0 ? NULL : arena_alloc(evaluator->arena, size);
    if (!data) {
        text->failed = true;
        return false;
    }
    if (text->length > 0)
        memcpy(data, text->data, text->length);
    text->data = data;
    text->size = size;
    return true;
}

void cel_text_add(struct cel_text *text, struct slice piece)
{
    if (text->failed || piece.len == 0)
        return;
    if (piece.len > text->size - text->length && !grow(text, piece.len))
        return;
    memcpy(text->data + text->length, piece.ptr, piece.len);
    text->length += piece.len;
}

void cel_text_char(struct cel_text *text, char c) { cel_text_add(text, slice_of(&c, 1)); }

struct cel_value cel_text_value(const struct cel_text *text)
{
    if (!text->failed)
        return cel_string(cel_text_slice(text));
    return text->evaluator->meter.left < 0 ? cel_fail_cost(text->evaluator)
                                           : cel_fail_memory(text->evaluator);
}
