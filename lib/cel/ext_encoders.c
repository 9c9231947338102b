/* ext_encoders: base64.encode, base64.decode. */
#include "cel/base64.h"
#include "cel/evaluator.h"
#include "cel/library.h"

static struct cel_value encode(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_BYTES)
        return cel_fail_overload(evaluator, node, arguments);
    struct slice bytes = arguments[0].text;
    size_t size = cel_base64_size(bytes.len);
    cel_charge(evaluator, size / 16);
    char *out = arena_alloc(evaluator->arena, size);
    if (!out)
        return cel_fail_memory(evaluator);
    cel_base64_encode(bytes, out);
    return cel_string(slice_of(out, size));
}

static struct cel_value decode(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    size_t length = 0;
    cel_charge(evaluator, text.len / 16);
    char *out = arena_alloc(evaluator->arena, text.len);
    if (!out)
        return cel_fail_memory(evaluator);
    if (!cel_base64_decode(text, out, &length))
        return cel_fail(evaluator, node, "the string is not base64");
    return cel_bytes(slice_of(out, length));
}

static const struct cel_library_row rows[] = {
    {"base64.decode", "s:y", decode, false, NULL},
    {"base64.encode", "y:s", encode, false, NULL},
};

const struct cel_library_table cel_ext_encoders = {rows, ARRAY_LEN(rows)};
