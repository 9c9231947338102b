/* syntax: words, symbols and precedences, for parsing and printing. Internal to lib/cel. */
#ifndef TROUPE_CEL_SYNTAX_H
#define TROUPE_CEL_SYNTAX_H

#include "cel/ast.h"

/* How tightly the node binds when printed: 1 (conditional) to 8 (primary). */
unsigned cel_precedence(const struct cel_ast *node);
/* That of a binary operator's symbol (4, 5, 6), or 0. */
unsigned cel_binary_precedence(struct slice symbol);
/* The macro that a METHOD is by its name ("all"; "cel.bind" of the name cel), however many arguments
 * it has, or CEL_MACRO_COUNT. */
enum cel_macro cel_macro_of_call(const struct cel_ast *node);
/* Words that cannot be names: keywords of other languages, kept free by CEL. */
bool cel_is_reserved(struct slice name);

enum {
    CEL_PRECEDENCE_CONDITIONAL = 1,
    CEL_PRECEDENCE_OR,
    CEL_PRECEDENCE_AND,
    CEL_PRECEDENCE_RELATION,
    CEL_PRECEDENCE_SUM,
    CEL_PRECEDENCE_PRODUCT,
    CEL_PRECEDENCE_UNARY,
    CEL_PRECEDENCE_PRIMARY,
};

#endif
