/* check_scalars: what may be said of any value, of numbers and of strings. */
#include "base/regex.h"
#include "base/suggest.h"
#include "schema/check.h"
#include "schema/format.h"
#include "schema/number.h"

#define SHOWN(ref) SLICE_ARG(schema_shown(json_text(ref)))

/* --- any --- */

static bool type_fits(unsigned types, struct json_ref value)
{
    const enum json_type type = json_type(value);
    return types == 0 || types & TYPE_BIT(type) ||
           (types & TYPE_INTEGER && type == JSON_NUMBER &&
            schema_number_integral(json_text(value)));
}

/* "a string, an integer or null" */
static void types_text(struct schema_line *line, unsigned types)
{
    static const char *const texts[] = {"null",     "a boolean", "a number",  "a string",
                                        "an array", "an object", "an integer"};
    unsigned left = (unsigned)__builtin_popcount(types);
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        if (!(types & TYPE_BIT(i)))
            continue;
        left--;
        schema_line_add(line, "%s%s", line->len == 0 ? "" : left == 0 ? " or " : ", ", texts[i]);
    }
}

static bool type_differs(struct schema_run *run, unsigned types, struct json_ref value,
                         const struct schema_place *place)
{
    struct schema_line wanted = {0};
    if (!run->report)
        return false;
    types_text(&wanted, types);
    if (json_type(value) == JSON_NUMBER)
        return run_differs(run, value, place, "type", "expected %s, not %.*s", wanted.bytes,
                           SHOWN(value));
    return run_differs(run, value, place, "type", "expected %s, not %s", wanted.bytes,
                       run_type_text(value));
}

static bool choice_differs(struct schema_run *run, struct json_ref choices, struct json_ref value,
                           const struct schema_place *place)
{
    struct schema_line all = {0};
    struct suggest suggest;
    const bool text = json_type(value) == JSON_STRING;
    struct slice quoted = json_text(value);
    if (!run->report)
        return false;
    suggest_init(&suggest, text ? slice_of(quoted.ptr + 1, quoted.len - 2) : SLICE(""));
    struct json_iter it = json_iter(choices);
    for (bool first = true; json_next(&it); first = false) {
        struct slice choice = json_text(it.value);
        if (all.len < 200)
            schema_line_add(&all, "%s%.*s", first ? "" : ", ", SLICE_ARG(schema_shown(choice)));
        else if (!all.cut) {
            schema_line_add(&all, ", …");
            all.cut = true;
        }
        if (text && json_type(it.value) == JSON_STRING && schema_spend(&run->meter, 1))
            suggest_offer(&suggest, slice_of(choice.ptr + 1, choice.len - 2));
    }
    return run_differs(run, value, place, "enum", "%.*s is none of %s%s%.*s%s", SHOWN(value),
                       all.bytes, suggest.best.ptr ? "; did you mean \"" : "",
                       SLICE_ARG(suggest.best.ptr ? suggest.best : SLICE("")),
                       suggest.best.ptr ? "\"?" : "");
}

bool run_any(struct schema_run *run, const struct schema_node *node, struct json_ref value,
             const struct schema_place *place)
{
    if (!type_fits(node->types, value))
        return type_differs(run, node->types, value, place);
    if (json_present(node->constant) && !schema_values_equal(node->constant, value, &run->meter))
        return run_differs(run, value, place, "const", "expected %.*s, not %.*s",
                           SHOWN(node->constant), SHOWN(value));
    if (!json_present(node->choices))
        return true;
    struct json_iter it = json_iter(node->choices);
    while (json_next(&it))
        if (schema_values_equal(it.value, value, &run->meter))
            return true;
    return choice_differs(run, node->choices, value, place);
}

/* --- numbers --- */

bool run_number(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                const struct schema_place *place)
{
    const struct {
        const char *keyword, *wanted;
        struct json_ref bound;
        int least, most; /* how value may compare with it */
    } bounds[] = {
        {"minimum", "a number not below", node->minimum, 0, 1},
        {"maximum", "a number not above", node->maximum, -1, 0},
        {"exclusiveMinimum", "a number above", node->above, 1, 1},
        {"exclusiveMaximum", "a number below", node->below, -1, -1},
    };
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(bounds) && (good || !run_enough(run)); i++) {
        if (!json_present(bounds[i].bound))
            continue;
        const int order = schema_number_compare(json_text(value), json_text(bounds[i].bound));
        if (order < bounds[i].least || order > bounds[i].most)
            good = run_differs(run, value, place, bounds[i].keyword, "expected %s %.*s, not %.*s",
                               bounds[i].wanted, SHOWN(bounds[i].bound), SHOWN(value));
    }
    if (good || !run_enough(run))
        if (json_present(node->divisor) &&
            !schema_number_multiple(json_text(value), json_text(node->divisor)))
            good = run_differs(run, value, place, "multipleOf",
                               "expected a multiple of %.*s, not %.*s", SHOWN(node->divisor),
                               SHOWN(value));
    return good;
}

/* --- strings --- */

static bool check_length(struct schema_run *run, const struct schema_node *node,
                         struct json_ref value, const struct schema_place *place)
{
    const uint64_t points = schema_text_points(value);
    if (points < node->min_length)
        return run_differs(run, value, place, "minLength",
                           "expected at least %llu character%s, not %llu",
                           (unsigned long long)node->min_length, node->min_length == 1 ? "" : "s",
                           (unsigned long long)points);
    if (points > node->max_length)
        return run_differs(run, value, place, "maxLength",
                           "expected at most %llu character%s, not %llu",
                           (unsigned long long)node->max_length, node->max_length == 1 ? "" : "s",
                           (unsigned long long)points);
    return true;
}

static bool check_content(struct schema_run *run, const struct schema_node *node,
                          struct json_ref value, const struct schema_place *place)
{
    struct schema_text text;
    int found = 1;
    schema_text_open(&text, value);
    if (!text.bytes.ptr)
        found = -1;
    if (found == 1 && node->pattern.regex)
        found = regex_search(node->pattern.regex, text.bytes.ptr, text.bytes.len);
    const bool formed = found < 0 || !node->format || node->format->fits(text.bytes);
    schema_text_close(&text);
    run->out_of_memory |= found < 0;
    bool good = found == 1;
    if (found == 0)
        good =
            run_differs(run, value, place, "pattern", "expected text that matches %.*s, not %.*s",
                        SLICE_ARG(schema_shown(node->pattern.text)), SHOWN(value));
    if (!formed)
        good = run_differs(run, value, place, "format", "expected %s, not %.*s",
                           node->format->wanted, SHOWN(value));
    return good;
}

bool run_string(struct schema_run *run, const struct schema_node *node, struct json_ref value,
                const struct schema_place *place)
{
    if (!schema_spend(&run->meter, json_text(value).len / 16))
        return false;
    bool good = true;
    if (node->min_length > 0 || node->max_length < UINT64_MAX)
        good = check_length(run, node, value, place);
    if ((good || !run_enough(run)) && (node->pattern.regex || node->format))
        good = check_content(run, node, value, place) && good;
    return good;
}
