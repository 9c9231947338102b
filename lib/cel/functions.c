/* functions: the names of all there are, for those who help with typing. */
#include "cel/ast.h"
#include "cel/cel.h"
#include "cel/library.h"

void cel_each_function(void (*each)(void *context, struct slice name), void *context)
{
    static const char *const macros[] = {
#define X(macro, text, ...) text,
        CEL_MACROS(X)
#undef X
            "has"};
    const struct cel_library_row *row;
    for (size_t i = 0; (row = cel_library_at(i)) != NULL; i++)
        if (row->name[0] >= 'a' && row->name[0] <= 'z')
            each(context, slice_str(row->name));
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        each(context, slice_str(macros[i]));
}
