/* parser: source text to a tree. Internal to lib/cel.
 *
 *   expression  = or ["?" or ":" expression]
 *   or          = and {"||" and}
 *   and         = relation {"&&" relation}
 *   relation    = sum {("<" | "<=" | ">=" | ">" | "==" | "!=" | "in") sum}
 *   sum         = product {("+" | "-") product}
 *   product     = unary {("*" | "/" | "%") unary}
 *   unary       = "!" unary | "-" unary | postfix
 *   postfix     = primary {"." name ["(" arguments ")"] | ".?" name | "[" ["?"] expression "]"}
 *   primary     = ["."] name ["(" arguments ")"] | literal | "(" expression ")"
 *               | "[" elements "]" | "{" entries "}"     (an element, a key: ["?"] expression)
 *
 * A '-' directly before a number is part of the number. Macros become MACRO nodes, has() a SELECT
 * with `test`. Depth and size are capped (ast.h).
 */
#ifndef TROUPE_CEL_PARSER_H
#define TROUPE_CEL_PARSER_H

#include "cel/ast.h"

/* NULL with *error filled. The tree lives in the arena and points into source. */
MUSTCHECK struct cel_ast *cel_parse(struct arena *arena, struct slice source,
                                    struct cel_error *error);

#endif
