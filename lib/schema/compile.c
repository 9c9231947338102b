/* compile: a document, read by the table of keywords. */
#include "schema/compile.h"
#include "base/hash.h"
#include "base/regex.h"
#include "base/suggest.h"
#include "schema/format.h"
#include "schema/number.h"
#include "schema/value.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

static const struct keyword keywords[] = {
#define KEYWORD(text, what, where, part)                                                           \
    {.name = text,                                                                                 \
     .kind = KIND_##what,                                                                          \
     .member = offsetof(struct schema_node, where),                                                \
     .group = GROUP_##part},
#define NOTE(text, what) {.name = text, .kind = KIND_##what},
#define REFUSED(text, reason) {.name = text, .kind = KIND_REFUSED, .why = reason},
#include "schema/keywords.def"
#undef KEYWORD
#undef NOTE
#undef REFUSED
};

static const char *const type_names[] = {
    [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
    [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
};

/* --- problems --- */

static struct json_position position_of(const struct schema_compiler *c, struct json_ref copy)
{
    struct json_ref original = c->original;
    original.index += copy.index;
    return json_position(original);
}

/* place: NULL is the whole. */
static void reject(struct schema_compiler *c, struct json_ref ref, const struct schema_place *place,
                   const char *keyword, const char *format, ...) PRINTF(5, 6);

static void reject(struct schema_compiler *c, struct json_ref ref, const struct schema_place *place,
                   const char *keyword, const char *format, ...)
{
    char message[500];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    c->problems++;
    if (!schema_report_full(c->report)) /* positions cost */
        schema_report_add(c->report, position_of(c, ref), place, keyword, message);
    c->out_of_memory |= c->report->out_of_memory;
}

static void *take(struct schema_compiler *c, size_t count, size_t size)
{
    void *memory = arena_array(&c->schema->arena, count, size);
    c->out_of_memory |= !memory;
    return memory;
}

static bool expect(struct schema_compiler *c, struct json_ref ref, const struct schema_place *place,
                   const char *keyword, enum json_type type, const char *wanted)
{
    if (json_type(ref) == type)
        return true;
    reject(c, ref, place, keyword, "expected %s, not %.*s", wanted,
           SLICE_ARG(schema_shown(json_text(ref))));
    return false;
}

/* --- values of keywords --- */

static void read_type(struct schema_compiler *c, struct json_ref ref,
                      const struct schema_place *place, unsigned *types)
{
    unsigned bit = 0;
    struct suggest suggest;
    if (!expect(c, ref, place, "type", JSON_STRING, "a type or a list of types"))
        return;
    struct slice text = json_text(ref);
    suggest_init(&suggest, slice_of(text.ptr + 1, text.len - 2));
    for (unsigned i = 0; i < ARRAY_LEN(type_names); i++) {
        if (json_string_eq(ref, slice_str(type_names[i])))
            bit = TYPE_BIT(i);
        suggest_offer(&suggest, slice_str(type_names[i]));
    }
    if (json_string_eq(ref, SLICE("integer")))
        bit = TYPE_INTEGER;
    suggest_offer(&suggest, SLICE("integer"));
    if (bit == 0)
        reject(c, ref, place, "type",
               "%.*s is no type%s%.*s%s: expected null, boolean, "
               "integer, number, string, array or object",
               SLICE_ARG(schema_shown(text)), suggest.best.ptr ? ", did you mean '" : "",
               SLICE_ARG(suggest.best.ptr ? suggest.best : SLICE("")),
               suggest.best.ptr ? "'?" : "");
    else if (*types & bit)
        reject(c, ref, place, "type", "%.*s stands there twice", SLICE_ARG(text));
    *types |= bit;
}

static void read_types(struct schema_compiler *c, struct json_ref ref,
                       const struct schema_place *place, unsigned *types)
{
    if (json_type(ref) != JSON_ARRAY) {
        read_type(c, ref, place, types);
        return;
    }
    if (json_count(ref) == 0)
        reject(c, ref, place, "type", "expected at least one type");
    struct json_iter it = json_iter(ref);
    for (uint32_t i = 0; json_next(&it); i++) {
        struct schema_place element = schema_place_index(place, i);
        read_type(c, it.value, &element, types);
    }
}

static void read_divisor(struct schema_compiler *c, struct json_ref ref,
                         const struct schema_place *place, const char *keyword,
                         struct json_ref *member)
{
    if (!expect(c, ref, place, keyword, JSON_NUMBER, "a number above 0"))
        return;
    if (schema_number_divides(json_text(ref)))
        *member = ref;
    else
        reject(c, ref, place, keyword,
               "expected a number above 0 of at most 18 significant digits, not %.*s",
               SLICE_ARG(schema_shown(json_text(ref))));
}

static void read_count(struct schema_compiler *c, struct json_ref ref,
                       const struct schema_place *place, const char *keyword, uint64_t *member)
{
    uint64_t value = 0;
    if (json_type(ref) == JSON_NUMBER && schema_number_count(json_text(ref), &value))
        *member = value;
    else
        reject(c, ref, place, keyword, "expected a whole number not below 0, not %.*s",
               SLICE_ARG(schema_shown(json_text(ref))));
}

/* A view of the copy where nothing is escaped, else a copy in the schema's arena. */
static bool read_text(struct schema_compiler *c, struct json_ref ref, struct slice *text)
{
    *text = json_string(ref, &c->schema->arena);
    c->out_of_memory |= !text->ptr;
    return text->ptr != NULL;
}

static void read_pattern(struct schema_compiler *c, struct json_ref ref,
                         const struct schema_place *place, const char *keyword,
                         struct schema_pattern *pattern)
{
    char message[160];
    if (!expect(c, ref, place, keyword, JSON_STRING, "a regular expression") ||
        !read_text(c, ref, &pattern->text))
        return;
    if (++c->patterns > SCHEMA_MAX_PATTERNS) {
        if (c->patterns == SCHEMA_MAX_PATTERNS + 1)
            reject(c, ref, place, keyword, "more than %u patterns", SCHEMA_MAX_PATTERNS);
        return;
    }
    struct schema_regex *kept = take(c, 1, sizeof(*kept));
    if (!kept)
        return;
    switch (regex_compile(pattern->text.ptr, pattern->text.len, &kept->regex, message,
                          sizeof(message))) {
    case REGEX_OK:
        kept->next = c->schema->regexes;
        c->schema->regexes = kept;
        pattern->regex = kept->regex;
        return;
    case REGEX_INVALID:
        reject(c, ref, place, keyword, "no regular expression (of RE2): %s", message);
        return;
    case REGEX_NO_MEMORY:
        c->out_of_memory = true;
    }
}

static void read_format(struct schema_compiler *c, struct json_ref ref,
                        const struct schema_place *place, const struct schema_format **format)
{
    struct slice name;
    struct suggest suggest;
    if (!expect(c, ref, place, "format", JSON_STRING, "the name of a format") ||
        !read_text(c, ref, &name))
        return;
    suggest_init(&suggest, name);
    *format = schema_format_find(name, &suggest);
    if (!*format)
        reject(c, ref, place, "format",
               "no format is called '%.*s'%s%.*s%s: known are date-time, email, uri and uuid",
               SLICE_ARG(schema_shown(name)), suggest.best.ptr ? ", did you mean '" : "",
               SLICE_ARG(suggest.best.ptr ? suggest.best : SLICE("")),
               suggest.best.ptr ? "'?" : "");
}

static int by_slice(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    const int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static void read_names(struct schema_compiler *c, struct json_ref ref,
                       const struct schema_place *place, struct schema_names *names)
{
    if (!expect(c, ref, place, "required", JSON_ARRAY, "a list of names"))
        return;
    struct slice *items = take(c, json_count(ref), sizeof(*items));
    struct json_iter it = json_iter(ref);
    for (uint32_t i = 0; items && json_next(&it); i++) {
        struct schema_place element = schema_place_index(place, i);
        if (expect(c, it.value, &element, "required", JSON_STRING, "a name") &&
            read_text(c, it.value, &items[names->count]))
            names->count++;
    }
    if (!items)
        return;
    names->items = items;
    struct slice *sorted = arena_array(&c->scratch, names->count, sizeof(*sorted));
    c->out_of_memory |= !sorted;
    if (!sorted || names->count == 0)
        return;
    memcpy(sorted, items, names->count * sizeof(*sorted));
    qsort(sorted, names->count, sizeof(*sorted), by_slice);
    for (uint32_t i = 1; i < names->count; i++)
        if (slice_eq(sorted[i - 1], sorted[i]))
            reject(c, ref, place, "required", "'%.*s' stands there twice",
                   SLICE_ARG(schema_shown(sorted[i])));
}

static void read_choices(struct schema_compiler *c, struct json_ref ref,
                         const struct schema_place *place, struct json_ref *choices)
{
    if (!expect(c, ref, place, "enum", JSON_ARRAY, "a list of values"))
        return;
    if (json_count(ref) == 0)
        reject(c, ref, place, "enum", "expected at least one value: nothing fits none");
    *choices = ref;
}

static void read_dialect(struct schema_compiler *c, struct json_ref ref,
                         const struct schema_place *place)
{
    if (!json_string_eq(ref, SLICE(DIALECT)) && !json_string_eq(ref, SLICE(DIALECT "#")))
        reject(c, ref, place, "$schema", "%.*s is not what is checked here, which is \"%s\"",
               SLICE_ARG(schema_shown(json_text(ref))), DIALECT);
    else if (place->parent)
        reject(c, ref, place, "$schema", "belongs to the top of the document");
}

static void read_identity(struct schema_compiler *c, struct json_ref ref,
                          const struct schema_place *place)
{
    if (expect(c, ref, place, "$id", JSON_STRING, "a URI") && place->parent)
        reject(c, ref, place, "$id",
               "would begin a document of its own here: only the top has one");
}

/* --- subschemas --- */

static struct schema_node *read_schema(struct schema_compiler *c, struct json_ref ref,
                                       const struct schema_place *place);

static void read_list(struct schema_compiler *c, struct json_ref ref,
                      const struct schema_place *place, const char *keyword,
                      struct schema_list *list)
{
    if (!expect(c, ref, place, keyword, JSON_ARRAY, "a list of schemas"))
        return;
    if (json_count(ref) == 0)
        reject(c, ref, place, keyword, "expected at least one schema");
    const struct schema_node **items = take(c, json_count(ref), sizeof(struct schema_node *));
    struct json_iter it = json_iter(ref);
    for (uint32_t i = 0; items && json_next(&it); i++) {
        struct schema_place element = schema_place_index(place, i);
        items[i] = read_schema(c, it.value, &element);
    }
    *list = (struct schema_list){items, items ? json_count(ref) : 0};
}

static int by_name(const void *a, const void *b)
{
    const struct schema_property *x = a, *y = b;
    return by_slice(&x->name, &y->name);
}

static void read_properties(struct schema_compiler *c, struct json_ref ref,
                            const struct schema_place *place, const char *keyword,
                            struct schema_properties *properties)
{
    if (!expect(c, ref, place, keyword, JSON_OBJECT, "an object of schemas"))
        return;
    struct schema_property *items = take(c, json_count(ref), sizeof(*items));
    struct json_iter it = json_iter(ref);
    for (uint32_t i = 0; items && json_next(&it); i++) {
        struct schema_place member = schema_place_key(place, it.key);
        if (!read_text(c, it.key, &items[i].name))
            return;
        items[i].node = read_schema(c, it.value, &member);
    }
    if (items && json_count(ref) > 0)
        qsort(items, json_count(ref), sizeof(*items), by_name);
    *properties = (struct schema_properties){items, items ? json_count(ref) : 0};
}

static void read_patterns(struct schema_compiler *c, struct json_ref ref,
                          const struct schema_place *place, const char *keyword,
                          struct schema_patterns *patterns)
{
    if (!expect(c, ref, place, keyword, JSON_OBJECT, "an object of schemas"))
        return;
    struct schema_pattern_property *items = take(c, json_count(ref), sizeof(*items));
    struct json_iter it = json_iter(ref);
    for (uint32_t i = 0; items && json_next(&it); i++) {
        struct schema_place member = schema_place_key(place, it.key);
        read_pattern(c, it.key, &member, keyword, &items[i].pattern);
        items[i].node = read_schema(c, it.value, &member);
    }
    *patterns = (struct schema_patterns){items, items ? json_count(ref) : 0};
}

static void read_reference(struct schema_compiler *c, struct json_ref ref,
                           const struct schema_place *place, struct schema_node *node)
{
    struct schema_line line = {0};
    if (!expect(c, ref, place, "$ref", JSON_STRING, "a reference"))
        return;
    schema_line_place(&line, place);
    struct schema_pending *pending = arena_array(&c->scratch, 1, sizeof(*pending));
    const char *path = arena_strdup(&c->scratch, slice_str(line.bytes));
    c->out_of_memory |= !pending || !path;
    if (!pending || !path)
        return;
    *pending = (struct schema_pending){node, ref, path, c->pending};
    c->pending = pending;
}

/* --- keywords --- */

static void read_keyword(struct schema_compiler *c, const struct keyword *keyword,
                         struct json_ref value, const struct schema_place *place,
                         struct schema_node *node)
{
    const char *name = keyword->name;
    struct schema_node note = {0}; /* what a note says is read like the rest, and not kept */
    void *member = (char *)(keyword->group != 0 ? node : &note) + keyword->member;
    struct schema_properties definitions;
    switch (keyword->kind) {
    case KIND_VALUE:
        *(struct json_ref *)member = value;
        break;
    case KIND_TYPES:
        read_types(c, value, place, member);
        break;
    case KIND_CHOICES:
        read_choices(c, value, place, member);
        break;
    case KIND_NUMBER:
        if (expect(c, value, place, name, JSON_NUMBER, "a number"))
            *(struct json_ref *)member = value;
        break;
    case KIND_DIVISOR:
        read_divisor(c, value, place, name, member);
        break;
    case KIND_COUNT:
        read_count(c, value, place, name, member);
        break;
    case KIND_BOOL:
        if (expect(c, value, place, name, JSON_BOOL, "true or false"))
            *(bool *)member = json_bool(value);
        break;
    case KIND_TEXT:
        (void)expect(c, value, place, name, JSON_STRING, "a string");
        break;
    case KIND_LIST:
        (void)expect(c, value, place, name, JSON_ARRAY, "a list");
        break;
    case KIND_PATTERN:
        read_pattern(c, value, place, name, member);
        break;
    case KIND_FORMAT:
        read_format(c, value, place, member);
        break;
    case KIND_NAMES:
        read_names(c, value, place, member);
        break;
    case KIND_SCHEMA:
        if (json_type(value) == JSON_ARRAY && strcmp(name, "items") == 0)
            reject(c, value, place, name,
                   "expected a schema, not a list: that is prefixItems since 2020-12");
        else
            *(const struct schema_node **)member = read_schema(c, value, place);
        break;
    case KIND_SCHEMAS:
        read_list(c, value, place, name, member);
        break;
    case KIND_PROPERTIES:
        read_properties(c, value, place, name, member);
        break;
    case KIND_PATTERNS:
        read_patterns(c, value, place, name, member);
        break;
    case KIND_REFERENCE:
        read_reference(c, value, place, node);
        break;
    case KIND_DEFINITIONS:
        read_properties(c, value, place, name, &definitions);
        break;
    case KIND_DIALECT:
        read_dialect(c, value, place);
        break;
    case KIND_IDENTITY:
        read_identity(c, value, place);
        break;
    case KIND_REFUSED:
        reject(c, value, place, name, "%s", keyword->why);
        break;
    }
}

static const struct keyword *find_keyword(struct json_ref key)
{
    for (uint32_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (json_string_eq(key, slice_str(keywords[i].name)))
            return &keywords[i];
    return NULL;
}

static void unknown_keyword(struct schema_compiler *c, struct json_ref key,
                            const struct schema_place *place)
{
    struct suggest suggest;
    struct slice text = json_text(key);
    suggest_init(&suggest, slice_of(text.ptr + 1, text.len - 2));
    for (uint32_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (keywords[i].kind != KIND_REFUSED)
            suggest_offer(&suggest, slice_str(keywords[i].name));
    if (suggest.best.ptr)
        reject(c, key, place, "", "unknown keyword, did you mean '%.*s'?", SLICE_ARG(suggest.best));
    else
        reject(c, key, place, "", "unknown keyword");
}

/* Never NULL but without memory, or beyond a limit (reported). */
static struct schema_node *read_schema(struct schema_compiler *c, struct json_ref ref,
                                       const struct schema_place *place)
{
    if (c->out_of_memory)
        return NULL;
    if (++c->subschemas > SCHEMA_MAX_SUBSCHEMAS) {
        if (c->subschemas == SCHEMA_MAX_SUBSCHEMAS + 1)
            reject(c, ref, place, "", "more than %u subschemas", SCHEMA_MAX_SUBSCHEMAS);
        return NULL;
    }
    struct schema_node *node = take(c, 1, sizeof(*node));
    if (!node)
        return NULL;
    *node = (struct schema_node){
        .place = ref.index,
        .max_length = UINT64_MAX,
        .min_contains = 1,
        .max_contains = UINT64_MAX,
        .max_items = UINT64_MAX,
        .max_members = UINT64_MAX,
    };
    c->nodes[ref.index] = node;
    if (json_type(ref) == JSON_BOOL) {
        node->never = !json_bool(ref);
        return node;
    }
    if (!expect(c, ref, place, "", JSON_OBJECT, "a schema (an object, true or false)"))
        return node;
    struct json_iter it = json_iter(ref);
    while (json_next(&it)) {
        struct schema_place member = schema_place_key(place, it.key);
        const struct keyword *keyword = find_keyword(it.key);
        if (!keyword) {
            unknown_keyword(c, it.key, &member);
            continue;
        }
        node->groups |= keyword->group;
        read_keyword(c, keyword, it.value, &member, node);
    }
    return node;
}

/* --- the whole --- */

/* The schema's own copy of the document. False without memory, or reported. */
static bool copy_document(struct schema_compiler *c, struct json_ref document)
{
    static const struct json_limits limits = {
        .max_depth = SCHEMA_MAX_DEPTH, .max_bytes = SCHEMA_MAX_BYTES, .max_number_bytes = 1024};
    struct json_error error;
    struct buf text;
    buf_init(&text, 0);
    json_minify(&text, document);
    struct slice copy =
        buf_ok(&text) ? arena_copy(&c->schema->arena, buf_slice(&text)) : SLICE_NONE;
    buf_free(&text);
    c->out_of_memory |= !copy.ptr;
    if (!copy.ptr)
        return false;
    if (json_read(&c->schema->arena, copy, &limits, &c->schema->doc, &error) == 0)
        return true;
    c->out_of_memory |= error.out_of_memory;
    c->problems++;
    if (!error.out_of_memory) /* a limit: the text is valid */
        schema_report_add(c->report, json_position(document), NULL, "", error.message);
    return false;
}

static bool compile(struct schema_compiler *c, struct json_ref document)
{
    if (!copy_document(c, document))
        return false;
    c->nodes = arena_array(&c->scratch, c->schema->doc.node_count, sizeof(struct schema_node *));
    c->out_of_memory |= !c->nodes;
    if (!c->nodes)
        return false;
    c->schema->root = read_schema(c, json_root(&c->schema->doc), NULL);
    if (!c->out_of_memory && c->problems == 0)
        schema_resolve(c);
    return !c->out_of_memory && c->problems == 0;
}

struct schema *schema_compile(struct json_ref document, struct schema_report *report)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct schema *schema = arena_zalloc(&arena, sizeof(*schema));
    if (!schema) {
        report->out_of_memory = true;
        arena_free(&arena);
        return NULL;
    }
    schema->arena = arena;
    schema->seed = hash_seed();
    struct schema_compiler c = {.schema = schema, .original = document, .report = report};
    arena_init(&c.scratch, 0);
    const bool good = compile(&c, document);
    arena_free(&c.scratch);
    report->out_of_memory |= c.out_of_memory;
    if (good)
        return schema;
    schema_free(schema);
    return NULL;
}

void schema_free(struct schema *schema)
{
    if (!schema)
        return;
    for (struct schema_regex *at = schema->regexes; at; at = at->next)
        regex_free(at->regex);
    struct arena arena = schema->arena; /* the schema itself stands in it */
    arena_free(&arena);
}
