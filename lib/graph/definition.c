/* definition: the table-driven reading of one object.
 *
 * Everything here is told by fields.def: which members an object may have, of what kind, and which of
 * them work. What rows cannot say (ids, references, one of several) is for the passes behind.
 */
#include "graph/compile.h"
#include <stdio.h>

/* "a string, an object or a list" */
static void kinds_text(const struct field *field, char *text, size_t size)
{
    static const struct {
        unsigned kinds;
        const char *text;
    } names[] = {{KIND_INTEGER | KIND_NUMBER, "a number"},
                 {KIND_STRING, "a string"},
                 {KIND_OBJECT, "an object"},
                 {KIND_LIST, "a list"},
                 {KIND_STRINGS, "a list of strings"},
                 {KIND_BINDING, "a binding"}};
    unsigned left = 0, used = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        left += (field->kinds & names[i].kinds) != 0;
    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(field->kinds & names[i].kinds))
            continue;
        left--;
        const char *glue = used == 0 ? "" : left == 0 ? " or " : ", ";
        int n = snprintf(text + used, size - used, "%s%s", glue, names[i].text);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (unsigned)n;
    }
}

static bool has_dollar(struct json_ref string)
{
    struct slice text = json_text(string);
    return memchr(text.ptr, '$', text.len) != NULL;
}

static bool all_strings(struct json_ref list)
{
    struct json_iter it = json_iter(list);
    while (json_next(&it))
        if (json_type(it.value) != JSON_STRING)
            return false;
    return true;
}

/* True when the value is what the row wants; says what is wrong otherwise. */
static bool check_kind(struct compiler *c, const struct field *field, struct json_ref value,
                       const struct path *path)
{
    bool fits = false;
    int64_t integer = 0;
    char wanted[120];
    static const char *const found[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "a list",   [JSON_OBJECT] = "an object"};
    if (field->kinds & KIND_ANY)
        return true;
    kinds_text(field, wanted, sizeof(wanted));
    switch (json_type(value)) {
    case JSON_STRING:
        fits = field->kinds & KIND_STRING || (field->kinds & KIND_BINDING && has_dollar(value));
        break;
    case JSON_NUMBER:
        if (field->kinds & KIND_INTEGER && !json_int(value, &integer)) {
            report_error(c, value, path, "expected a whole number, not %.*s",
                         SLICE_ARG(shown(json_text(value))));
            return false;
        }
        fits = (field->kinds & (KIND_INTEGER | KIND_NUMBER)) != 0;
        if (fits && json_double(value) < (double)field->min) {
            report_error(c, value, path, "expected a number not below %lld, not %.*s",
                         (long long)field->min, SLICE_ARG(shown(json_text(value))));
            return false;
        }
        break;
    case JSON_OBJECT:
        fits = (field->kinds & KIND_OBJECT) != 0;
        break;
    case JSON_ARRAY:
        fits = field->kinds & KIND_LIST || (field->kinds & KIND_STRINGS && all_strings(value));
        break;
    case JSON_NULL:
    case JSON_BOOL:
        break;
    }
    if (!fits) {
        const bool mixed = json_type(value) == JSON_ARRAY && field->kinds & KIND_STRINGS;
        report_error(c, value, path, "expected %s, not %s", wanted,
                     mixed ? "a list with other values" : found[json_type(value)]);
    }
    return fits;
}

static void not_supported(struct compiler *c, struct json_ref ref, const struct path *path)
{
    if (c->quiet == 0)
        report_error(c, ref, path, "not supported yet");
}

/* False when the string is none of the set. */
static bool check_choice(struct compiler *c, const struct field *field, struct json_ref value,
                         const struct path *path)
{
    struct slice text = json_string(value, &c->scratch);
    if (!text.ptr) {
        c->findings->out_of_memory = true;
        return false;
    }
    struct suggest suggest;
    char all[160] = "";
    suggest_init(&suggest, text);
    for (uint32_t i = 0; i < choices_count; i++) {
        const struct choice *choice = &choices_table[i];
        if (choice->set != field->choices)
            continue;
        if (slice_eq_str(text, choice->text)) {
            if (!choice->built && field->flags & FIELD_BUILT && c->quiet == 0)
                report_error(c, value, path, "\"%s\": not supported yet", choice->text);
            return true;
        }
        suggest_offer(&suggest, slice_str(choice->text));
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof(all) - used, "%s\"%s\"", used ? ", " : "", choice->text);
    }
    report_error(c, value, path, "'%.*s' is none of %s%s", SLICE_ARG(shown(text)), all,
                 hint_of(&suggest).text);
    return false;
}

static int check_nested(struct compiler *c, enum field_context context, struct json_ref ref,
                        const struct path *path)
{
    if (json_type(ref) != JSON_OBJECT) {
        report_error(c, ref, path, "expected %s (an object), not %.*s", context_text(context),
                     SLICE_ARG(shown(json_text(ref))));
        return 0;
    }
    if (context == CONTEXT_NODE) {
        struct node_fields node;
        return definition_node(c, ref, path, &node);
    }
    struct fields fields;
    return definition_object(c, context, ref, path, &fields);
}

static int check_elements(struct compiler *c, enum field_context context, struct json_ref list,
                          const struct path *path)
{
    struct json_iter it = json_iter(list);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct path element = path_index(path, i);
        if (check_nested(c, context, it.value, &element) != 0)
            return -1;
    }
    return 0;
}

/* A member that has a row. */
static int check_field(struct compiler *c, const struct field *field, struct json_ref value,
                       const struct path *path, struct json_ref *slot)
{
    if (!check_kind(c, field, value, path))
        return 0;
    bool built = field->flags & FIELD_BUILT;
    bool text = json_type(value) == JSON_STRING;
    if (!built)
        not_supported(c, value, path);
    if (text && field->choices != CHOICES_NONE && !check_choice(c, field, value, path))
        return 0;
    *slot = value;
    if (field->nested == CONTEXT_NONE || field->flags & FIELD_APART)
        return 0;
    int rc = 0;
    c->quiet += !built;
    if (json_type(value) == JSON_OBJECT)
        rc = check_nested(c, field->nested, value, path);
    else if (json_type(value) == JSON_ARRAY && field->kinds & KIND_LIST)
        rc = check_elements(c, field->nested, value, path);
    c->quiet -= !built;
    return rc;
}

/* A field of that name somewhere, rather one that works. */
static const struct field *find_elsewhere(struct slice name)
{
    const struct field *found = NULL;
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields_table[i];
        if (slice_eq_str(name, field->name) &&
            (!found || (field->flags & FIELD_BUILT && !(found->flags & FIELD_BUILT))))
            found = field;
    }
    return found;
}

static void unknown_field(struct compiler *c, enum field_context context, struct json_ref key,
                          struct slice name, const struct path *path)
{
    struct suggest suggest;
    int first, end;
    suggest_init(&suggest, name);
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++)
        suggest_offer(&suggest, slice_str(fields_table[i].name));
    if (suggest.best.ptr) {
        report_error(c, key, path, "unknown field%s", hint_of(&suggest).text);
        return;
    }
    const struct field *elsewhere = find_elsewhere(name);
    if (elsewhere) {
        report_error(c, key, path, "unknown field in %s; it belongs into %s", context_text(context),
                     context_text(elsewhere->context));
        return;
    }
    report_error(c, key, path, "unknown field in %s", context_text(context));
}

static void check_required(struct compiler *c, enum field_context context, struct json_ref ref,
                           const struct path *path, const bool *present)
{
    int first, end;
    context_rows(context, &first, &end);
    for (int i = first; i < end; i++)
        if (fields_table[i].flags & FIELD_REQUIRED && !present[i - first])
            report_error(c, ref, path, "%s is missing", fields_table[i].name);
}

int definition_object(struct compiler *c, enum field_context context, struct json_ref ref,
                      const struct path *path, struct fields *fields)
{
    bool present[FIELDS_PER_CONTEXT] = {false};
    int first, end;
    context_rows(context, &first, &end);
    *fields = (struct fields){0};
    struct json_iter it = json_iter(ref);
    while (json_next(&it)) {
        struct slice name = json_string(it.key, &c->scratch);
        if (!name.ptr)
            return -1;
        struct path member = path_key(path, name);
        const struct field *field = field_find(context, it.key);
        if (!field) {
            if (!context_open(context))
                unknown_field(c, context, it.key, name, &member);
            continue;
        }
        ptrdiff_t row = field - &fields_table[first];
        present[row] = true;
        if (check_field(c, field, it.value, &member, &fields->values[row]) != 0)
            return -1;
    }
    check_required(c, context, ref, path, present);
    return 0;
}

static int read_type(struct compiler *c, const struct path *path, struct node_fields *fields)
{
    struct json_ref ref = FIELD_VALUE(&fields->node, NODE, TYPE);
    if (!json_present(ref))
        return 0;
    struct slice text = json_string(ref, &c->scratch);
    if (!text.ptr)
        return -1;
    struct path place = path_key(path, SLICE("type"));
    fields->type_known = node_type_find(text, &fields->type);
    if (fields->type_known) {
        if (!node_type_built(fields->type) && c->quiet == 0)
            report_error(c, ref, &place, "type '%.*s' is not supported yet",
                         SLICE_ARG(shown(text)));
        return 0;
    }
    struct suggest suggest;
    suggest_init(&suggest, text);
#define X(id, name, alias, built)                                                                  \
    suggest_offer(&suggest, SLICE(name));                                                          \
    if (slice_str(alias).ptr)                                                                      \
        suggest_offer(&suggest, slice_str(alias));
    NODE_TYPES(X)
#undef X
    report_error(c, ref, &place, "unknown type '%.*s'%s", SLICE_ARG(shown(text)),
                 hint_of(&suggest).text);
    return 0;
}

/* Which function decides which fields its config may have. */
static int read_function(struct compiler *c, const struct path *path, struct node_fields *fields)
{
    fields->function = FUNCTION_NONE;
    const bool may_call = fields->type == NODE_FUNCTION || fields->type == NODE_LOOP;
    if (!may_call || !json_present(fields->config))
        return 0;
    struct json_ref ref = json_member(fields->config, SLICE("function_name"));
    if (!json_present(ref) || json_type(ref) != JSON_STRING)
        return 0;
    struct slice name = json_string(ref, &c->scratch);
    if (!name.ptr)
        return -1;
    fields->function = function_find(name);
    struct path place = path_key(path, SLICE("function_name"));
    if (c->quiet > 0 || function_built(fields->function))
        return 0;
    if (fields->function != FUNCTION_NONE) {
        report_error(c, ref, &place, "function '%.*s' is not supported yet",
                     SLICE_ARG(shown(name)));
        return 0;
    }
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (enum graph_function i = 0; i < FUNCTION_NONE; i++)
        suggest_offer(&suggest, slice_str(function_name(i)));
    report_warning(c, ref, &place,
                   "no built-in function is called '%.*s'%s: a remote worker or a plugin has to "
                   "serve it",
                   SLICE_ARG(shown(name)), hint_of(&suggest).text);
    return 0;
}

static int read_config(struct compiler *c, struct json_ref node, const struct path *path,
                       struct node_fields *fields)
{
    struct path place = path_key(path, SLICE("config"));
    if (read_function(c, &place, fields) != 0)
        return -1;
    enum field_context context = config_context(fields->type, fields->function != FUNCTION_NONE);
    if (!json_present(fields->config)) {
        /* A config of the wrong kind was reported; one that is not there may be needed. */
        bool none[FIELDS_PER_CONTEXT] = {false};
        if (!json_present(json_member(node, SLICE("config"))))
            check_required(c, context, node, &place, none);
        return 0;
    }
    bool refused = !node_type_built(fields->type);
    c->quiet += refused;
    int rc = definition_object(c, context, fields->config, &place, &fields->config_fields);
    c->quiet -= refused;
    struct json_ref input = json_member(fields->config, SLICE("input"));
    const enum field_context written_out =
        fields->type == NODE_FUNCTION ? function_input_context(fields->function) : CONTEXT_NONE;
    if (rc == 0 && written_out != CONTEXT_NONE && json_present(input) &&
        json_type(input) == JSON_OBJECT) {
        struct path input_place = path_key(&place, SLICE("input"));
        struct fields ignored;
        rc = definition_object(c, written_out, input, &input_place, &ignored);
    }
    return rc;
}

int definition_node(struct compiler *c, struct json_ref ref, const struct path *path,
                    struct node_fields *fields)
{
    *fields = (struct node_fields){.type = NODE_NOOP, .function = FUNCTION_NONE};
    if (definition_object(c, CONTEXT_NODE, ref, path, &fields->node) != 0 ||
        read_type(c, path, fields) != 0)
        return -1;
    fields->config = FIELD_VALUE(&fields->node, NODE, CONFIG);
    return fields->type_known ? read_config(c, ref, path, fields) : 0;
}
