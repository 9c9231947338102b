#include "cel/syntax.h"

bool cel_is_reserved(struct slice name)
{
    static const char *const words[] = {"as",    "break",     "const", "continue", "else",   "for",
                                        "false", "function",  "if",    "import",   "in",     "let",
                                        "loop",  "namespace", "null",  "package",  "return", "true",
                                        "var",   "void",      "while"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_str(name, words[i]))
            return true;
    return false;
}

/* Is the method of that name? "cel.bind" is bind of what is called cel. */
static bool is_called(const struct cel_ast *node, const char *name)
{
    const struct cel_ast *space = node->arguments[0];
    if (strncmp(name, "cel.", 4) != 0)
        return slice_eq_str(node->name, name);
    return space->kind == CEL_AST_NAME && slice_eq_str(space->name, "cel") &&
           slice_eq_str(node->name, name + 4);
}

enum cel_macro cel_macro_of_call(const struct cel_ast *node)
{
    static const char *const names[] = {
#define X(macro, text, ...) text,
        CEL_MACROS(X)
#undef X
    };
    if (node->form != CEL_FORM_METHOD)
        return CEL_MACRO_COUNT;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (is_called(node, names[i]))
            return (enum cel_macro)i;
    return CEL_MACRO_COUNT;
}

unsigned cel_binary_precedence(struct slice symbol)
{
    static const char *const relations[] = {"<", "<=", ">=", ">", "==", "!=", "in"};
    for (size_t i = 0; i < ARRAY_LEN(relations); i++)
        if (slice_eq_str(symbol, relations[i]))
            return CEL_PRECEDENCE_RELATION;
    if (symbol.len != 1 || !strchr("+-*/%", *symbol.ptr))
        return 0;
    return strchr("+-", *symbol.ptr) ? CEL_PRECEDENCE_SUM : CEL_PRECEDENCE_PRODUCT;
}

unsigned cel_precedence(const struct cel_ast *node)
{
    if (node->kind != CEL_AST_CALL)
        return CEL_PRECEDENCE_PRIMARY;
    switch (node->form) {
    case CEL_FORM_CONDITIONAL:
        return CEL_PRECEDENCE_CONDITIONAL;
    case CEL_FORM_LOGIC:
        return slice_eq_str(node->name, "&&") ? CEL_PRECEDENCE_AND : CEL_PRECEDENCE_OR;
    case CEL_FORM_BINARY:
        return cel_binary_precedence(node->name);
    case CEL_FORM_PREFIX:
        return CEL_PRECEDENCE_UNARY;
    case CEL_FORM_FUNCTION:
    case CEL_FORM_METHOD:
    case CEL_FORM_INDEX:
        break;
    }
    return CEL_PRECEDENCE_PRIMARY;
}
