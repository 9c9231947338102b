#include "cel/parser.h"
#include "cel/fault.h"
#include "cel/lexer.h"
#include "cel/macro_calls.h"
#include "cel/syntax.h"
#include "cel/utf8.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct parser {
    struct cel_lexer lexer;
    struct cel_token token; /* the next one, not consumed yet */
    struct arena *arena;
    uint32_t nesting;
};

/* Children of a node while their number is not known; in the parser's arena. */
struct nodes {
    struct cel_ast **items;
    uint32_t count;
    uint32_t size;
};

static struct cel_ast *parse_expression(struct parser *parser);
static struct cel_ast *parse_unary(struct parser *parser);

/* --- helpers --- */

static void *fail(struct parser *parser, size_t offset, const char *format, ...) PRINTF(3, 4);
static void *fail(struct parser *parser, size_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cel_error_vset(parser->lexer.error, parser->lexer.source, CEL_ERROR_SYNTAX, (uint32_t)offset,
                   format, arguments);
    va_end(arguments);
    return NULL;
}

static void *no_memory(struct parser *parser)
{
    cel_error_no_memory(parser->lexer.error, parser->lexer.source);
    return NULL;
}

/* "expected X, found Y" at the next token. */
static void *expected(struct parser *parser, const char *what)
{
    char found[64];
    struct slice text = cel_token_describe(&parser->token, found, sizeof(found));
    return fail(parser, parser->token.offset, "expected %s, found %.*s", what, SLICE_ARG(text));
}

static bool advance(struct parser *parser)
{
    return cel_lexer_next(&parser->lexer, &parser->token) == 0;
}

/* Consumes the symbol if it is next. -1 on an error of the lexer behind it. */
static int accept(struct parser *parser, const char *symbol)
{
    if (!cel_token_is(&parser->token, symbol))
        return 0;
    return advance(parser) ? 1 : -1;
}

static bool expect(struct parser *parser, const char *symbol, const char *what)
{
    if (!cel_token_is(&parser->token, symbol)) {
        expected(parser, what);
        return false;
    }
    return advance(parser);
}

static bool enter(struct parser *parser)
{
    if (++parser->nesting <= CEL_MAX_DEPTH)
        return true;
    fail(parser, parser->token.offset, "the expression is nested deeper than %u", CEL_MAX_DEPTH);
    return false;
}

static bool push(struct parser *parser, struct nodes *nodes, struct cel_ast *node)
{
    if (!node)
        return false;
    if (nodes->count == nodes->size) {
        uint32_t size = nodes->size ? nodes->size * 2 : 4;
        struct cel_ast **items = arena_array(parser->arena, size, sizeof(struct cel_ast *));
        if (!items)
            return no_memory(parser) != NULL;
        if (nodes->count > 0)
            memcpy(items, nodes->items, nodes->count * sizeof(struct cel_ast *));
        nodes->items = items;
        nodes->size = size;
    }
    nodes->items[nodes->count++] = node;
    return true;
}

static struct cel_ast *make(struct parser *parser, enum cel_ast_kind kind, size_t offset,
                            const struct nodes *children)
{
    struct cel_ast *node = arena_zalloc(parser->arena, sizeof(*node));
    if (!node)
        return no_memory(parser);
    node->kind = kind;
    node->offset = (uint32_t)offset;
    node->depth = 1;
    if (children) {
        node->arguments = children->items;
        node->argument_count = children->count;
        for (uint32_t i = 0; i < children->count; i++)
            if (children->items[i]->depth >= node->depth)
                node->depth = children->items[i]->depth + 1;
    }
    if (node->depth > CEL_MAX_DEPTH)
        return fail(parser, offset, "the expression is nested deeper than %u", CEL_MAX_DEPTH);
    return node;
}

static struct cel_ast *make_call(struct parser *parser, enum cel_form form,
                                 const struct cel_token *token, struct slice name,
                                 const struct nodes *children)
{
    struct cel_ast *node = make(parser, CEL_AST_CALL, token->offset, children);
    if (node) {
        node->form = form;
        node->name = name;
    }
    return node;
}

/* --- literals --- */

/* Digits, decimal or 0x; false when they do not fit. */
static bool read_digits(struct slice text, uint64_t *value)
{
    unsigned base = text.len > 2 && (text.ptr[1] == 'x' || text.ptr[1] == 'X') ? 16 : 10;
    *value = 0;
    for (size_t i = base == 16 ? 2 : 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
        if (__builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return true;
}

static bool read_int(struct slice text, bool negative, int64_t *value)
{
    uint64_t digits = 0;
    if (!read_digits(text, &digits) || digits > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - digits) : (int64_t)digits;
    return true;
}

/* The lexer has checked the form; strtod wants an end of its own. */
static bool read_double(struct parser *parser, struct slice text, bool negative, double *value)
{
    char *copy = arena_strdup(parser->arena, text);
    if (!copy)
        return no_memory(parser) != NULL;
    *value = strtod(copy, NULL);
    if (isinf(*value))
        return fail(parser, parser->token.offset, "the number is too large for a double") != NULL;
    if (negative)
        *value = -*value;
    return true;
}

/* At a number, whose '-' (at offset) is consumed already. */
static struct cel_ast *parse_number(struct parser *parser, bool negative, uint32_t offset)
{
    struct slice text = parser->token.content;
    struct cel_value value;
    memset(&value, 0, sizeof(value));
    if (parser->token.kind == CEL_TOKEN_INT) {
        value.kind = CEL_INT;
        if (!read_int(text, negative, &value.integer))
            return fail(parser, offset, "the number does not fit an int (64 bits)");
    } else if (parser->token.kind == CEL_TOKEN_UINT) {
        value.kind = CEL_UINT;
        if (!read_digits(text, &value.uinteger))
            return fail(parser, offset, "the number does not fit a uint (64 bits)");
    } else {
        value.kind = CEL_DOUBLE;
        if (!read_double(parser, text, negative, &value.real))
            return NULL;
    }
    struct cel_ast *node = make(parser, CEL_AST_LITERAL, offset, NULL);
    if (!node || !advance(parser))
        return NULL;
    node->literal = value;
    return node;
}

static struct cel_ast *parse_text(struct parser *parser)
{
    struct cel_ast *node = make(parser, CEL_AST_LITERAL, parser->token.offset, NULL);
    if (!node)
        return NULL;
    node->literal.kind = parser->token.kind == CEL_TOKEN_BYTES ? CEL_BYTES : CEL_STRING;
    if (cel_lexer_decode(&parser->lexer, &parser->token, parser->arena, &node->literal.text) != 0)
        return NULL;
    return advance(parser) ? node : NULL;
}

static struct cel_ast *parse_keyword(struct parser *parser, struct cel_value value)
{
    struct cel_ast *node = make(parser, CEL_AST_LITERAL, parser->token.offset, NULL);
    if (!node || !advance(parser))
        return NULL;
    node->literal = value;
    return node;
}

/* --- lists, maps, arguments --- */

/* An expression that may have a '?' before it. */
static struct cel_ast *parse_spread(struct parser *parser)
{
    int spread = accept(parser, "?");
    struct cel_ast *node = spread < 0 ? NULL : parse_expression(parser);
    if (node && spread)
        node->spread = true;
    return node;
}

/* Expressions between commas up to the closing symbol, which is consumed. A comma may stand before
 * it only where `trailing` says so. */
static bool parse_items(struct parser *parser, const char *close, bool trailing,
                        struct nodes *nodes)
{
    while (!cel_token_is(&parser->token, close)) {
        bool list = *close == ']';
        if (!push(parser, nodes, list ? parse_spread(parser) : parse_expression(parser)))
            return false;
        int comma = accept(parser, ",");
        if (comma < 0)
            return false;
        if (comma == 0 && !cel_token_is(&parser->token, close))
            return expected(parser, list ? "',' or ']'" : "',' or ')'") != NULL;
        if (comma == 1 && !trailing && cel_token_is(&parser->token, close))
            return expected(parser, "another argument after ','") != NULL;
    }
    return advance(parser);
}

static struct cel_ast *parse_list(struct parser *parser)
{
    uint32_t offset = parser->token.offset;
    struct nodes nodes = {0};
    if (!advance(parser) || !parse_items(parser, "]", true, &nodes))
        return NULL;
    return make(parser, CEL_AST_LIST, offset, &nodes);
}

static struct cel_ast *parse_map(struct parser *parser)
{
    uint32_t offset = parser->token.offset;
    struct nodes nodes = {0};
    if (!advance(parser))
        return NULL;
    while (!cel_token_is(&parser->token, "}")) {
        if (!push(parser, &nodes, parse_spread(parser)) ||
            !expect(parser, ":", "':' after the key") ||
            !push(parser, &nodes, parse_expression(parser)))
            return NULL;
        int comma = accept(parser, ",");
        if (comma < 0)
            return NULL;
        if (comma == 0 && !cel_token_is(&parser->token, "}"))
            return expected(parser, "',' or '}' after the value");
    }
    return advance(parser) ? make(parser, CEL_AST_MAP, offset, &nodes) : NULL;
}

/* --- names, calls, macros --- */

static struct cel_ast *make_has(struct parser *parser, const struct cel_token *token,
                                const struct nodes *arguments)
{
    struct cel_ast *select = arguments->count == 1 ? arguments->items[0] : NULL;
    if (!select || select->kind != CEL_AST_SELECT || select->test || select->optional)
        return fail(parser, token->offset,
                    "has() takes one member selection, as in has(input.name)");
    select->test = true;
    return select;
}

/* At a name that is not a keyword; consumed here, and its call if there is one. */
static struct cel_ast *parse_name(struct parser *parser, bool rooted)
{
    struct cel_token token = parser->token;
    if (cel_is_reserved(token.content))
        return fail(parser, token.offset, "'%.*s' is a reserved word and cannot be a name",
                    SLICE_ARG(token.content));
    if (!advance(parser))
        return NULL;
    int call = accept(parser, "(");
    if (call < 0)
        return NULL;
    if (call == 0) {
        if (cel_token_is(&parser->token, "{"))
            return fail(parser, parser->token.offset, "messages ('%.*s{…}') are not supported",
                        SLICE_ARG(token.content));
        struct cel_ast *node = make(parser, CEL_AST_NAME, token.offset, NULL);
        if (node) {
            node->name = token.content;
            node->rooted = rooted;
        }
        return node;
    }
    struct nodes arguments = {0};
    if (!parse_items(parser, ")", false, &arguments))
        return NULL;
    if (slice_eq_str(token.content, "has") && !rooted)
        return make_has(parser, &token, &arguments);
    struct cel_ast *node = make_call(parser, CEL_FORM_FUNCTION, &token, token.content, &arguments);
    if (node)
        node->rooted = rooted;
    return node;
}

static struct cel_ast *parse_primary(struct parser *parser)
{
    const struct cel_token *token = &parser->token;
    switch (token->kind) {
    case CEL_TOKEN_INT:
    case CEL_TOKEN_UINT:
    case CEL_TOKEN_DOUBLE:
        return parse_number(parser, false, token->offset);
    case CEL_TOKEN_STRING:
    case CEL_TOKEN_BYTES:
        return parse_text(parser);
    case CEL_TOKEN_NAME:
        if (cel_token_is_word(token, "true") || cel_token_is_word(token, "false"))
            return parse_keyword(parser, cel_bool(cel_token_is_word(token, "true")));
        if (cel_token_is_word(token, "null"))
            return parse_keyword(parser, cel_null());
        return parse_name(parser, false);
    case CEL_TOKEN_SYMBOL:
        if (cel_token_is(token, "["))
            return parse_list(parser);
        if (cel_token_is(token, "{"))
            return parse_map(parser);
        if (cel_token_is(token, "(")) {
            if (!advance(parser))
                return NULL;
            struct cel_ast *inner = parse_expression(parser);
            return inner && expect(parser, ")", "')'") ? inner : NULL;
        }
        if (cel_token_is(token, ".")) {
            if (!advance(parser))
                return NULL;
            return parser->token.kind == CEL_TOKEN_NAME ? parse_name(parser, true)
                                                        : expected(parser, "a name after '.'");
        }
        break;
    case CEL_TOKEN_QUOTED_NAME:
        return fail(parser, token->offset, "a quoted name can only follow '.'");
    case CEL_TOKEN_END:
        break;
    }
    return expected(parser, "a value");
}

/* --- members --- */

/* Behind "operand."; the name may be any word, since it stands for a key. */
static struct cel_ast *parse_member(struct parser *parser, struct cel_ast *operand)
{
    int optional = accept(parser, "?");
    if (optional < 0)
        return NULL;
    struct cel_token token = parser->token;
    if (token.kind != CEL_TOKEN_NAME && token.kind != CEL_TOKEN_QUOTED_NAME)
        return expected(parser, "a name after '.'");
    if (!advance(parser))
        return NULL;
    struct nodes arguments = {0};
    if (!push(parser, &arguments, operand))
        return NULL;
    int call = token.kind == CEL_TOKEN_NAME && !optional ? accept(parser, "(") : 0;
    if (call < 0)
        return NULL;
    if (call == 0) {
        struct cel_ast *node = make(parser, CEL_AST_SELECT, token.offset, &arguments);
        if (node) {
            node->name = token.content;
            node->optional = optional;
        }
        return node;
    }
    if (!parse_items(parser, ")", false, &arguments))
        return NULL;
    struct cel_ast *node = make_call(parser, CEL_FORM_METHOD, &token, token.content, &arguments);
    if (!node || cel_macro_expand(node, parser->arena, parser->lexer.source, parser->lexer.error))
        return NULL;
    return node;
}

static struct cel_ast *parse_index(struct parser *parser, struct cel_ast *operand,
                                   const struct cel_token *bracket)
{
    struct nodes arguments = {0};
    int optional = accept(parser, "?");
    if (optional < 0 || !push(parser, &arguments, operand) ||
        !push(parser, &arguments, parse_expression(parser)) || !expect(parser, "]", "']'"))
        return NULL;
    return make_call(parser, CEL_FORM_INDEX, bracket, optional ? SLICE("[?]") : SLICE("[]"),
                     &arguments);
}

static struct cel_ast *parse_postfix(struct parser *parser, struct cel_ast *node)
{
    while (node) {
        struct cel_token token = parser->token;
        if (cel_token_is(&token, "."))
            node = advance(parser) ? parse_member(parser, node) : NULL;
        else if (cel_token_is(&token, "["))
            node = advance(parser) ? parse_index(parser, node, &token) : NULL;
        else
            break;
    }
    return node;
}

/* --- operators --- */

static struct cel_ast *parse_prefix(struct parser *parser)
{
    struct cel_token token = parser->token;
    if (!advance(parser))
        return NULL;
    bool number = parser->token.kind == CEL_TOKEN_INT || parser->token.kind == CEL_TOKEN_DOUBLE;
    if (*token.text.ptr == '-' && number)
        return parse_postfix(parser, parse_number(parser, true, token.offset));
    struct nodes operand = {0};
    if (!push(parser, &operand, parse_unary(parser)))
        return NULL;
    return make_call(parser, CEL_FORM_PREFIX, &token, token.text, &operand);
}

static struct cel_ast *parse_unary(struct parser *parser)
{
    if (!enter(parser))
        return NULL;
    struct cel_ast *node = cel_token_is(&parser->token, "!") || cel_token_is(&parser->token, "-")
                               ? parse_prefix(parser)
                               : parse_postfix(parser, parse_primary(parser));
    parser->nesting--;
    return node;
}

/* Operators of the given precedence and above; all group to the left. */
static struct cel_ast *parse_binary(struct parser *parser, unsigned lowest)
{
    struct cel_ast *left = parse_unary(parser);
    while (left) {
        struct cel_token token = parser->token;
        bool is_operator = token.kind == CEL_TOKEN_SYMBOL || cel_token_is_word(&token, "in");
        unsigned precedence = is_operator ? cel_binary_precedence(token.text) : 0;
        if (precedence < lowest || precedence == 0)
            break;
        struct nodes operands = {0};
        if (!push(parser, &operands, left) || !advance(parser) ||
            !push(parser, &operands, parse_binary(parser, precedence + 1)))
            return NULL;
        left = make_call(parser, CEL_FORM_BINARY, &token, token.text, &operands);
    }
    return left;
}

/* a && b && c, or with ||: one node for the whole chain. */
static struct cel_ast *parse_logic(struct parser *parser, bool conjunction)
{
    const char *symbol = conjunction ? "&&" : "||";
    struct cel_token token = {0};
    struct nodes operands = {0};
    for (;;) {
        struct cel_ast *operand =
            conjunction ? parse_binary(parser, CEL_PRECEDENCE_RELATION) : parse_logic(parser, true);
        if (!push(parser, &operands, operand))
            return NULL;
        if (!cel_token_is(&parser->token, symbol))
            break;
        if (operands.count == 1)
            token = parser->token;
        if (!advance(parser))
            return NULL;
    }
    if (operands.count == 1)
        return operands.items[0];
    return make_call(parser, CEL_FORM_LOGIC, &token, token.text, &operands);
}

static struct cel_ast *parse_conditional(struct parser *parser, struct cel_ast *condition)
{
    struct cel_token token = parser->token;
    struct nodes operands = {0};
    if (!advance(parser) || !push(parser, &operands, condition) ||
        !push(parser, &operands, parse_logic(parser, false)) ||
        !expect(parser, ":", "':' of the conditional") ||
        !push(parser, &operands, parse_expression(parser)))
        return NULL;
    return make_call(parser, CEL_FORM_CONDITIONAL, &token, SLICE("?:"), &operands);
}

static struct cel_ast *parse_expression(struct parser *parser)
{
    if (!enter(parser))
        return NULL;
    struct cel_ast *node = parse_logic(parser, false);
    if (node && cel_token_is(&parser->token, "?"))
        node = parse_conditional(parser, node);
    parser->nesting--;
    return node;
}

/* --- entry --- */

struct cel_ast *cel_parse(struct arena *arena, struct slice source, struct cel_error *error)
{
    struct parser parser = {.lexer = {.source = source, .error = error}, .arena = arena};
    if (source.len > CEL_MAX_SOURCE_BYTES)
        return fail(&parser, 0, "the expression is longer than %u bytes", CEL_MAX_SOURCE_BYTES);
    size_t valid = cel_utf8_valid_prefix(source);
    if (valid < source.len)
        return fail(&parser, valid, "the expression is not valid UTF-8");
    if (!advance(&parser))
        return NULL;
    if (parser.token.kind == CEL_TOKEN_END)
        return fail(&parser, parser.token.offset, "the expression is empty");
    struct cel_ast *root = parse_expression(&parser);
    if (root && parser.token.kind != CEL_TOKEN_END)
        return expected(&parser, "an operator or the end of the expression");
    return root;
}
