/* binding: compiling a template. */
#include "graph/binding_ops.h"
#include "graph/compile.h"

struct template
{
    struct scope *scope;
    struct buf text; /* of the TEXT being collected */
    struct binding_op *ops;
    uint32_t count, capacity;
    bool wrong; /* something was reported */
};

void binding_write_content(struct buf *out, struct slice bytes)
{
    const size_t start = out->len;
    json_write_string(out, bytes);
    if (!buf_ok(out))
        return;
    out->len -= 2; /* the quotes */
    memmove(out->data + start, out->data + start + 1, out->len - start);
    out->data[out->len] = '\0';
}

static int append(struct template *t, struct binding_op op)
{
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity ? t->capacity * 2 : 8;
        struct binding_op *ops = arena_array(&t->scope->c->scratch, capacity, sizeof(*ops));
        if (!ops)
            return -1;
        if (t->count > 0)
            memcpy(ops, t->ops, t->count * sizeof(*ops));
        t->ops = ops;
        t->capacity = capacity;
    }
    t->ops[t->count++] = op;
    return 0;
}

static int flush(struct template *t)
{
    if (!buf_ok(&t->text))
        return -1;
    if (t->text.len == 0)
        return 0;
    struct slice text = arena_copy(t->scope->c->arena, buf_slice(&t->text));
    if (!text.ptr)
        return -1;
    buf_reset(&t->text);
    return append(t, (struct binding_op){.kind = BINDING_TEXT, .text = text});
}

static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; }
static bool is_member(char c) { return is_name(c) || (unsigned char)c >= 0x80; }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* --- $NAME.path[0] --- */

/* One step at *at; false when there is none of the right form. */
static bool read_step(struct slice s, size_t *at, struct binding_step *step)
{
    const bool element = s.ptr[*at] == '[';
    size_t start = *at + 1, end = start;
    if (!element && s.ptr[*at] != '.')
        return false;
    if (!element) {
        while (end < s.len && is_member(s.ptr[end]))
            end++;
        *step = (struct binding_step){.member = slice_of(s.ptr + start, end - start)};
        *at = end;
        return end > start;
    }
    uint32_t index = 0;
    for (; end < s.len && is_digit(s.ptr[end]) && end - start < 9; end++)
        index = index * 10 + (uint32_t)(s.ptr[end] - '0');
    *step = (struct binding_step){.member = SLICE_NONE, .index = index};
    *at = end + 1;
    return end > start && end < s.len && s.ptr[end] == ']';
}

/* The steps behind the name. count is UINT32_MAX when the rest is no path. */
static int read_steps(struct template *t, struct slice s, size_t at,
                      const struct binding_step **steps, uint32_t *count)
{
    struct binding_step step;
    *count = 0;
    *steps = NULL;
    for (size_t probe = at; probe < s.len; (*count)++) {
        if (!read_step(s, &probe, &step)) {
            *count = UINT32_MAX;
            return 0;
        }
    }
    struct binding_step *list = arena_array(t->scope->c->arena, *count, sizeof(*list));
    if (!list)
        return -1;
    for (uint32_t i = 0; i < *count; i++) {
        (void)read_step(s, &at, &list[i]);
        if (!list[i].member.ptr)
            continue;
        list[i].member = arena_copy(t->scope->c->arena, list[i].member);
        if (!list[i].member.ptr)
            return -1;
    }
    *steps = list;
    return 0;
}

/* Where the string's first character is. */
static struct json_position dollar(const struct template *t, struct json_ref ref)
{
    return places_in_string(&t->scope->c->places, ref, 0);
}

/* Names of expressions that `$` does not know. */
static bool reserved_name(struct template *t, struct slice name, struct json_ref ref,
                          const struct path *path)
{
    static const char *const expression_only[] = {"output", "ctx", "run", "index", "iteration"};
    static const char *const later[] = {"item"};
    if (slice_eq_str(name, "secrets")) {
        report(t->scope->c, FINDING_ERROR, dollar(t, ref), path,
               "$secrets: write ${secrets.NAME} (a plain '$' is written '$$')");
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        if (!slice_eq_str(name, later[i]))
            continue;
        report(t->scope->c, FINDING_ERROR, dollar(t, ref), path,
               "$%s: not supported yet (a plain '$' is written '$$')", later[i]);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(expression_only); i++) {
        if (!slice_eq_str(name, expression_only[i]))
            continue;
        report(t->scope->c, FINDING_ERROR, dollar(t, ref), path,
               "$%s: that name is for expressions: write ${%s…} (a plain '$' is written '$$')",
               expression_only[i], expression_only[i]);
        return true;
    }
    return false;
}

static int read_root(struct template *t, struct slice name, struct json_ref ref,
                     const struct path *path, struct binding_reference *reference)
{
    struct scope *scope = t->scope;
    reference->node = NO_NODE;
    if (slice_eq_str(name, "input")) {
        reference->root = ROOT_INPUT;
        scope->names_input = true;
    } else if (slice_eq_str(name, "context")) {
        reference->root = ROOT_CONTEXT;
        scope->names_context = true;
    } else if (slice_eq_str(name, "error")) {
        reference->root = ROOT_ERROR;
        if (scope->site == SITE_OUTPUT || !scope->c->graph->nodes[scope->node].goto_target) {
            report(scope->c, FINDING_ERROR, dollar(t, ref), path,
                   "$error: 'error' exists only in the direct targets of a goto");
            t->wrong = true;
        }
    } else if (reserved_name(t, name, ref, path)) {
        t->wrong = true;
    } else {
        reference->root = ROOT_NODE;
        if (scope_node(scope, name, "$", ref, 0, path, &reference->node) != 0)
            return -1;
        t->wrong = t->wrong || reference->node == NO_NODE;
    }
    return 0;
}

/* What begins like a reference and is none: in prose the '$' is plain, else it was meant. */
static bool is_prose(struct template *t, struct slice s, struct slice name, struct json_ref ref,
                     const struct path *path)
{
    bool spaces = false;
    for (size_t i = 0; i < s.len; i++)
        spaces = spaces || is_space(s.ptr[i]);
    if (spaces) {
        report(t->scope->c, FINDING_WARNING, dollar(t, ref), path,
               "'$%.*s' is plain text here: only a whole string is a reference (write "
               "${…} to insert a value, '$$' for a plain '$')",
               SLICE_ARG(shown(name)));
        return true;
    }
    report(t->scope->c, FINDING_ERROR, dollar(t, ref), path,
           "'%.*s' is no reference: expected $NAME, then .member or [index] (a plain '$' is "
           "written '$$')",
           SLICE_ARG(shown(s)));
    t->wrong = true;
    return false;
}

/* A string that begins with '$' and a letter. *plain: it is text after all. */
static int write_reference(struct template *t, struct json_ref ref, struct slice s,
                           const struct path *path, bool *plain)
{
    struct arena *arena = t->scope->c->arena;
    struct binding_reference *reference = arena_zalloc(arena, sizeof(*reference));
    size_t end = 1;
    if (!reference)
        return -1;
    while (end < s.len && is_name(s.ptr[end]))
        end++;
    const struct slice name = slice_of(s.ptr + 1, end - 1);
    if (read_steps(t, s, end, &reference->steps, &reference->step_count) != 0)
        return -1;
    *plain = reference->step_count == UINT32_MAX && is_prose(t, s, name, ref, path);
    if (reference->step_count == UINT32_MAX)
        return 0;
    if (read_root(t, name, ref, path, reference) != 0)
        return -1;
    reference->written = arena_copy(arena, s);
    reference->path = path_text(path, arena);
    if (!reference->written.ptr || !reference->path || flush(t) != 0)
        return -1;
    return append(t, (struct binding_op){.kind = BINDING_REFERENCE, .reference = reference});
}

/* --- ${ CEL } --- */

/* Behind the string literal whose quote is at `at`. */
static size_t skip_literal(struct slice s, size_t at)
{
    const char quote = s.ptr[at];
    const char before = at > 0 ? s.ptr[at - 1] : ' ';
    const char earlier = at > 1 ? s.ptr[at - 2] : ' ';
    const bool bytes = before == 'b' || before == 'B';
    const bool raw =
        before == 'r' || before == 'R' || (bytes && (earlier == 'r' || earlier == 'R'));
    const bool triple = at + 2 < s.len && s.ptr[at + 1] == quote && s.ptr[at + 2] == quote;
    for (at += triple ? 3 : 1; at < s.len; at++) {
        if (s.ptr[at] == '\\' && !raw) {
            at++;
        } else if (s.ptr[at] == quote) {
            if (!triple)
                return at + 1;
            if (at + 2 < s.len && s.ptr[at + 1] == quote && s.ptr[at + 2] == quote)
                return at + 3;
        }
    }
    return s.len;
}

/* Of the '}' that closes an expression which begins at `at`; s.len when there is none. */
static size_t find_close(struct slice s, size_t at)
{
    unsigned depth = 0;
    while (at < s.len) {
        const char c = s.ptr[at];
        if (c == '\'' || c == '"') {
            at = skip_literal(s, at);
            continue;
        }
        if (c == '/' && at + 1 < s.len && s.ptr[at + 1] == '/') {
            while (at < s.len && s.ptr[at] != '\n')
                at++;
            continue;
        }
        if (c == '}' && depth-- == 0)
            return at;
        depth += c == '{';
        at++;
    }
    return s.len;
}

static int write_expression(struct template *t, struct json_ref ref, struct slice s, size_t start,
                            size_t end, const struct path *path, enum binding_op_kind kind)
{
    const struct graph_expr *expr;
    struct slice text = slice_of(s.ptr + start, end - start);
    if (expr_compile(t->scope, ref, start, text, path, &expr) != 0)
        return -1;
    if (!expr) {
        t->wrong = true;
        return 0;
    }
    if (flush(t) != 0)
        return -1;
    return append(t, (struct binding_op){.kind = kind, .expr = expr});
}

/* Text with `${…}` and `$$` in it. */
static int write_interpolated(struct template *t, struct json_ref ref, struct slice s,
                              const struct path *path)
{
    size_t plain = 0; /* where the text began that is not yet written */
    buf_char(&t->text, '"');
    for (size_t at = 0; at + 1 < s.len;) {
        const char next = s.ptr[at + 1];
        if (s.ptr[at] != '$' || (next != '$' && next != '{')) {
            at++;
            continue;
        }
        if (next == '$') {
            binding_write_content(&t->text, slice_of(s.ptr + plain, at + 1 - plain));
            plain = at += 2;
            continue;
        }
        const size_t close = find_close(s, at + 2);
        if (close == s.len) {
            report(t->scope->c, FINDING_ERROR, places_in_string(&t->scope->c->places, ref, at),
                   path, "'${' without its '}' (a plain '$' is written '$$')");
            t->wrong = true;
            return 0;
        }
        binding_write_content(&t->text, slice_of(s.ptr + plain, at - plain));
        if (write_expression(t, ref, s, at + 2, close, path, BINDING_PIECE) != 0)
            return -1;
        plain = at = close + 1;
    }
    binding_write_content(&t->text, slice_of(s.ptr + plain, s.len - plain));
    buf_char(&t->text, '"');
    return 0;
}

static int write_string(struct template *t, struct json_ref ref, const struct path *path)
{
    struct slice s = json_string(ref, &t->scope->c->scratch);
    if (!s.ptr)
        return -1;
    if (!memchr(s.ptr, '$', s.len)) {
        buf_slice_append(&t->text, json_text(ref));
        return 0;
    }
    if (s.len > 1 && s.ptr[0] == '$' && is_letter(s.ptr[1])) {
        bool plain = false;
        if (write_reference(t, ref, s, path, &plain) != 0)
            return -1;
        if (!plain)
            return 0;
    }
    if (s.len > 2 && s.ptr[0] == '$' && s.ptr[1] == '{' && find_close(s, 2) == s.len - 1)
        return write_expression(t, ref, s, 2, s.len - 1, path, BINDING_VALUE);
    return write_interpolated(t, ref, s, path);
}

static int write_value(struct template *t, struct json_ref ref, const struct path *path);

/* takes: of an object, NULL: all members. */
static int write_list(struct template *t, struct json_ref ref, bool (*takes)(struct json_ref key),
                      const struct path *path)
{
    const bool object = json_type(ref) == JSON_OBJECT;
    struct json_iter it = json_iter(ref);
    bool first = true;
    buf_char(&t->text, object ? '{' : '[');
    for (uint32_t i = 0; json_next(&it); i++) {
        struct path member = path_index(path, i);
        if (takes && !takes(it.key))
            continue;
        if (!first)
            buf_char(&t->text, ',');
        first = false;
        if (object) {
            member = path_key(path, json_string(it.key, &t->scope->c->scratch));
            if (!member.key.ptr)
                return -1;
            buf_slice_append(&t->text, json_text(it.key));
            buf_char(&t->text, ':');
        }
        if (write_value(t, it.value, &member) != 0)
            return -1;
    }
    buf_char(&t->text, object ? '}' : ']');
    return 0;
}

static int write_value(struct template *t, struct json_ref ref, const struct path *path)
{
    const enum json_type type = json_type(ref);
    if (type == JSON_STRING)
        return write_string(t, ref, path);
    if (type == JSON_ARRAY || type == JSON_OBJECT)
        return write_list(t, ref, NULL, path);
    buf_slice_append(&t->text, json_text(ref));
    return 0;
}

static int finish(struct template *t, const struct binding **result)
{
    struct arena *arena = t->scope->c->arena;
    if (flush(t) != 0)
        return -1;
    if (t->wrong)
        return 0;
    struct binding *binding = arena_zalloc(arena, sizeof(*binding));
    struct binding_op *ops = arena_array(arena, t->count, sizeof(*ops));
    if (!binding || !ops)
        return -1;
    memcpy(ops, t->ops, t->count * sizeof(*ops));
    *binding = (struct binding){.ops = ops, .count = t->count};
    *result = binding;
    return 0;
}

int binding_compile(struct scope *scope, struct json_ref ref, const struct path *path,
                    const struct binding **result)
{
    struct template t = {.scope = scope};
    *result = NULL;
    buf_init(&t.text, (size_t)GRAPH_SOURCE_MAX_BYTES * 4); /* escapes may grow */
    int rc = write_value(&t, ref, path);
    if (rc == 0)
        rc = finish(&t, result);
    buf_free(&t.text);
    return rc;
}

int binding_compile_members(struct scope *scope, struct json_ref object,
                            bool (*takes)(struct json_ref key), const struct path *path,
                            const struct binding **result)
{
    struct template t = {.scope = scope};
    struct json_iter it = json_iter(object);
    bool any = false;
    *result = NULL;
    while (json_next(&it))
        any |= takes(it.key);
    if (!any)
        return 0;
    buf_init(&t.text, (size_t)GRAPH_SOURCE_MAX_BYTES * 4);
    int rc = write_list(&t, object, takes, path);
    if (rc == 0)
        rc = finish(&t, result);
    buf_free(&t.text);
    return rc;
}
