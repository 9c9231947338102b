#include "cel/print.h"
#include "cel/macro_calls.h"
#include "cel/number_text.h"
#include "cel/syntax.h"
#include <math.h>

static void print_node(struct buf *buf, const struct cel_ast *node);

/* In parentheses when it binds less tightly than its place needs. */
static void print_operand(struct buf *buf, const struct cel_ast *node, unsigned needed)
{
    bool parentheses = cel_precedence(node) < needed;
    if (parentheses)
        buf_char(buf, '(');
    print_node(buf, node);
    if (parentheses)
        buf_char(buf, ')');
}

static void print_spread(struct buf *buf, const struct cel_ast *node)
{
    if (node->spread)
        buf_char(buf, '?');
    print_node(buf, node);
}

static void print_list(struct buf *buf, struct cel_ast *const *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buf_str(buf, ", ");
        print_spread(buf, nodes[i]);
    }
}

/* --- literals --- */

static void print_quoted(struct buf *buf, struct slice text, bool bytes)
{
    static const char escaped[] = "\\\"\n\r\t";
    static const char letters[] = "\\\"nrt";
    buf_str(buf, bytes ? "b\"" : "\"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *found = c ? strchr(escaped, c) : NULL;
        if (found)
            buf_printf(buf, "\\%c", letters[found - escaped]);
        else if (c < 0x20 || c == 0x7F || (bytes && c >= 0x80))
            buf_printf(buf, "\\x%02x", (unsigned)c);
        else
            buf_char(buf, (char)c);
    }
    buf_char(buf, '"');
}

/* With a '.' or an exponent, or it would be read as an int. */
static void print_double(struct buf *buf, double real)
{
    char text[CEL_NUMBER_TEXT_SIZE];
    size_t length = cel_double_write(real, text);
    buf_append(buf, text, length);
    if (!memchr(text, '.', length) && !memchr(text, 'e', length))
        buf_str(buf, ".0");
}

static void print_literal(struct buf *buf, const struct cel_value *value)
{
    if (value->kind == CEL_BOOL) {
        buf_str(buf, value->boolean ? "true" : "false");
    } else if (value->kind == CEL_INT) {
        buf_int(buf, value->integer);
    } else if (value->kind == CEL_UINT) {
        buf_uint(buf, value->uinteger);
        buf_char(buf, 'u');
    } else if (value->kind == CEL_DOUBLE) {
        print_double(buf, value->real);
    } else if (value->kind == CEL_STRING || value->kind == CEL_BYTES) {
        print_quoted(buf, value->text, value->kind == CEL_BYTES);
    } else {
        buf_str(buf, "null");
    }
}

/* --- members and calls --- */

static bool is_plain_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return true;
}

static void print_select(struct buf *buf, const struct cel_ast *node)
{
    const char *quote = is_plain_name(node->name) ? "" : "`";
    if (node->test)
        buf_str(buf, "has(");
    print_operand(buf, node->arguments[0], CEL_PRECEDENCE_PRIMARY);
    buf_printf(buf, ".%s%s%.*s%s", node->optional ? "?" : "", quote, SLICE_ARG(node->name), quote);
    if (node->test)
        buf_char(buf, ')');
}

/* A number after '-' would become part of it. */
static bool is_unsigned_number(const struct cel_ast *node)
{
    const struct cel_value *value = &node->literal;
    while (node->kind == CEL_AST_SELECT || node->kind == CEL_AST_MACRO ||
           (node->kind == CEL_AST_CALL &&
            (node->form == CEL_FORM_INDEX || node->form == CEL_FORM_METHOD))) {
        node = node->arguments[0];
        value = &node->literal;
    }
    return node->kind == CEL_AST_LITERAL && ((value->kind == CEL_INT && value->integer >= 0) ||
                                             (value->kind == CEL_DOUBLE && !signbit(value->real)));
}

static void print_prefix(struct buf *buf, const struct cel_ast *node)
{
    const struct cel_ast *operand = node->arguments[0];
    buf_slice_append(buf, node->name);
    bool parentheses = *node->name.ptr == '-' && is_unsigned_number(operand);
    if (parentheses)
        buf_char(buf, '(');
    print_operand(buf, operand, CEL_PRECEDENCE_UNARY);
    if (parentheses)
        buf_char(buf, ')');
}

static void print_call(struct buf *buf, const struct cel_ast *node)
{
    struct cel_ast *const *arguments = node->arguments;
    unsigned precedence = cel_precedence(node);
    switch (node->form) {
    case CEL_FORM_FUNCTION:
        buf_printf(buf, "%s%.*s(", node->rooted ? "." : "", SLICE_ARG(node->name));
        print_list(buf, arguments, node->argument_count);
        buf_char(buf, ')');
        break;
    case CEL_FORM_METHOD:
        print_operand(buf, arguments[0], CEL_PRECEDENCE_PRIMARY);
        buf_printf(buf, ".%.*s(", SLICE_ARG(node->name));
        print_list(buf, arguments + 1, node->argument_count - 1);
        buf_char(buf, ')');
        break;
    case CEL_FORM_PREFIX:
        print_prefix(buf, node);
        break;
    case CEL_FORM_BINARY:
        print_operand(buf, arguments[0], precedence);
        buf_printf(buf, " %.*s ", SLICE_ARG(node->name));
        print_operand(buf, arguments[1], precedence + 1);
        break;
    case CEL_FORM_LOGIC:
        for (uint32_t i = 0; i < node->argument_count; i++) {
            if (i > 0)
                buf_printf(buf, " %.*s ", SLICE_ARG(node->name));
            print_operand(buf, arguments[i], precedence + 1);
        }
        break;
    case CEL_FORM_CONDITIONAL:
        print_operand(buf, arguments[0], precedence + 1);
        buf_str(buf, " ? ");
        print_operand(buf, arguments[1], precedence + 1);
        buf_str(buf, " : ");
        print_operand(buf, arguments[2], precedence);
        break;
    case CEL_FORM_INDEX:
        print_operand(buf, arguments[0], CEL_PRECEDENCE_PRIMARY);
        buf_str(buf, slice_eq_str(node->name, "[?]") ? "[?" : "[");
        print_node(buf, arguments[1]);
        buf_char(buf, ']');
        break;
    }
}

/* Names that macros make of cel.index(0) and cel.iterVar(0, 1) begin with '@'. */
static void print_name(struct buf *buf, struct slice name)
{
    const char *dot = name.len > 0 ? memchr(name.ptr, '.', name.len) : NULL;
    const size_t index = sizeof(CEL_INDEX_PREFIX) - 1;
    const size_t iteration = sizeof(CEL_ITERATION_PREFIX) - 1;
    if (name.len == 0 || *name.ptr != '@')
        buf_slice_append(buf, name);
    else if (!dot)
        buf_printf(buf, "cel.index(%.*s)", (int)(name.len - index), name.ptr + index);
    else
        buf_printf(buf, "cel.iterVar(%.*s, %.*s)", (int)(dot - name.ptr - (ptrdiff_t)iteration),
                   name.ptr + iteration, (int)(name.ptr + name.len - dot - 1), dot + 1);
}

static void print_macro(struct buf *buf, const struct cel_ast *node)
{
    static const char *const names[] = {
#define X(macro, text, ...) text,
        CEL_MACROS(X)
#undef X
    };
    uint32_t from = 1;
    if (node->macro == CEL_MACRO_BLOCK) {
        buf_str(buf, "cel.block([");
        from = node->argument_count - 1;
        print_list(buf, node->arguments, from);
        buf_str(buf, "], ");
    } else if (node->macro == CEL_MACRO_BIND) {
        buf_str(buf, "cel.bind(");
        print_name(buf, node->name);
        buf_str(buf, ", ");
        from = 0;
    } else {
        print_operand(buf, node->arguments[0], CEL_PRECEDENCE_PRIMARY);
        buf_printf(buf, ".%s(", names[node->macro]);
        print_name(buf, node->name);
        buf_str(buf, ", ");
        if (node->second.ptr)
            print_name(buf, node->second);
        buf_str(buf, node->second.ptr ? ", " : "");
    }
    print_list(buf, node->arguments + from, node->argument_count - from);
    buf_char(buf, ')');
}

static void print_map(struct buf *buf, const struct cel_ast *node)
{
    buf_char(buf, '{');
    for (uint32_t i = 0; i < node->argument_count; i++) {
        if (i > 0)
            buf_str(buf, i % 2 ? ": " : ", ");
        print_spread(buf, node->arguments[i]);
    }
    buf_char(buf, '}');
}

static void print_node(struct buf *buf, const struct cel_ast *node)
{
    switch (node->kind) {
    case CEL_AST_LITERAL:
        print_literal(buf, &node->literal);
        break;
    case CEL_AST_NAME:
        buf_str(buf, node->rooted ? "." : "");
        print_name(buf, node->name);
        break;
    case CEL_AST_SELECT:
        print_select(buf, node);
        break;
    case CEL_AST_CALL:
        print_call(buf, node);
        break;
    case CEL_AST_LIST:
        buf_char(buf, '[');
        print_list(buf, node->arguments, node->argument_count);
        buf_char(buf, ']');
        break;
    case CEL_AST_MAP:
        print_map(buf, node);
        break;
    case CEL_AST_MACRO:
        print_macro(buf, node);
        break;
    }
}

void cel_print(struct buf *buf, const struct cel_ast *node) { print_node(buf, node); }

/* --- comparison --- */

/* Unlike in the language, 1 is not 1.0 here, and -0.0 not 0.0. */
static bool same_literal(const struct cel_value *a, const struct cel_value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == CEL_DOUBLE)
        return a->real == b->real && signbit(a->real) == signbit(b->real);
    return cel_equal(a, b);
}

bool cel_ast_equal(const struct cel_ast *a, const struct cel_ast *b)
{
    if (a->kind != b->kind || a->form != b->form || a->macro != b->macro ||
        a->rooted != b->rooted || a->test != b->test || a->optional != b->optional ||
        a->spread != b->spread || !slice_eq(a->name, b->name) || !slice_eq(a->second, b->second) ||
        a->argument_count != b->argument_count)
        return false;
    if (a->kind == CEL_AST_LITERAL && !same_literal(&a->literal, &b->literal))
        return false;
    for (uint32_t i = 0; i < a->argument_count; i++)
        if (!cel_ast_equal(a->arguments[i], b->arguments[i]))
            return false;
    return true;
}
