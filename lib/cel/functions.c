/* functions: the names of all there are, for those who help with typing. */
#include "cel/ast.h"
#include "cel/cel.h"
#include "cel/library.h"

void cel_each_function(void (*each)(void *context, struct slice name), void *context)
{
    static const char *const macros[] = {
#define X(macro, text, usage) text,
        CEL_MACROS(X)
#undef X
            "has"};
    size_t count = 0;
    const struct cel_library_row *rows = cel_library(&count);
    for (size_t i = 0; i < count; i++) {
        const bool again = i > 0 && slice_eq_str(slice_str(rows[i].name), rows[i - 1].name);
        if (rows[i].name[0] >= 'a' && rows[i].name[0] <= 'z' && !again)
            each(context, slice_str(rows[i].name));
    }
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        each(context, slice_str(macros[i]));
}
