/* ext_format: text.format(list). Internal to lib/cel.
 *
 *   %s anything  %d number  %f %e number, as in %.2f  %b int, uint, bool  %o int, uint
 *   %x %X int, uint, string, bytes  %% a '%'
 */
#ifndef TROUPE_CEL_EXT_FORMAT_H
#define TROUPE_CEL_EXT_FORMAT_H

#include "cel/ast.h"

cel_function cel_format;

#endif
