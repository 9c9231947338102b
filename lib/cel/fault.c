#include "cel/fault.h"
#include "cel/utf8.h"
#include <stdio.h>

void cel_error_vset(struct cel_error *error, struct slice source, enum cel_error_code code,
                    uint32_t offset, const char *format, va_list arguments)
{
    error->code = code;
    error->offset = offset;
    error->line = 1;
    error->column = 1;
    if (source.ptr) {
        struct json_position position = json_offset_position(source, offset);
        error->line = position.line;
        error->column = position.column;
    }
    int length = vsnprintf(error->message, sizeof(error->message), format, arguments);
    if (length >= (int)sizeof(error->message)) {
        /* A cut message must still be UTF-8: it ends up in JSON. */
        struct slice cut = slice_of(error->message, sizeof(error->message) - 1);
        error->message[cel_utf8_valid_prefix(cut)] = '\0';
    }
}

void cel_error_set(struct cel_error *error, struct slice source, enum cel_error_code code,
                   uint32_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cel_error_vset(error, source, code, offset, format, arguments);
    va_end(arguments);
}

void cel_error_no_memory(struct cel_error *error, struct slice source)
{
    cel_error_set(error, source, CEL_ERROR_MEMORY, 0, "out of memory");
}
