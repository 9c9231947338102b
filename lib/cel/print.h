/* print: a tree back to source. Internal to lib/cel.
 *
 * Parsing the text gives the same tree. White space, comments, parentheses that change nothing and
 * the form of literals are not kept.
 */
#ifndef TROUPE_CEL_PRINT_H
#define TROUPE_CEL_PRINT_H

#include "base/buf.h"
#include "cel/ast.h"

void cel_print(struct buf *buf, const struct cel_ast *node);
/* Same shape, names and literals; positions do not count. */
bool cel_ast_equal(const struct cel_ast *a, const struct cel_ast *b);

#endif
