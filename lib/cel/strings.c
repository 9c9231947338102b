/* strings: contains, startsWith, endsWith, matches. */
#define _GNU_SOURCE /* memmem */
#include "base/regex.h"
#include "cel/evaluator.h"
#include "cel/library.h"

static bool two_strings(const struct cel_value *arguments)
{
    return arguments[0].kind == CEL_STRING && arguments[1].kind == CEL_STRING;
}

struct cel_value cel_contains(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    if (!two_strings(arguments))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    struct slice part = arguments[1].text;
    cel_charge(evaluator, text.len / 16);
    return cel_bool(part.len == 0 || memmem(text.ptr, text.len, part.ptr, part.len) != NULL);
}

struct cel_value cel_starts_with(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    if (!two_strings(arguments))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    struct slice part = arguments[1].text;
    return cel_bool(text.len >= part.len && slice_eq(slice_of(text.ptr, part.len), part));
}

struct cel_value cel_ends_with(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (!two_strings(arguments))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    struct slice part = arguments[1].text;
    return cel_bool(text.len >= part.len &&
                    slice_eq(slice_of(text.ptr + text.len - part.len, part.len), part));
}

static struct cel_value search(struct cel_evaluator *evaluator, const void *regex,
                               struct slice text)
{
    cel_charge(evaluator, text.len / 16);
    int found = regex_search(regex, text.ptr, text.len);
    return found < 0 ? cel_fail_memory(evaluator) : cel_bool(found == 1);
}

/* Constant patterns were compiled with the program; others are compiled here, which costs. */
struct cel_value cel_matches(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    if (!two_strings(arguments))
        return cel_fail_overload(evaluator, node, arguments);
    if (node->cached)
        return search(evaluator, node->cached, arguments[0].text);
    struct slice pattern = arguments[1].text;
    cel_charge(evaluator, 100 + pattern.len);
    void *regex = NULL;
    char message[160];
    switch (regex_compile(pattern.ptr, pattern.len, &regex, message, sizeof(message))) {
    case REGEX_INVALID:
        return cel_fail(evaluator, node, "invalid regular expression: %s", message);
    case REGEX_NO_MEMORY:
        return cel_fail_memory(evaluator);
    case REGEX_OK:
        break;
    }
    struct cel_value found = search(evaluator, regex, arguments[0].text);
    regex_free(regex);
    return found;
}
