/* fault: errors of compilation, and errors as values inside the evaluator. Internal to lib/cel. */
#ifndef TROUPE_CEL_FAULT_H
#define TROUPE_CEL_FAULT_H

#include "cel/cel.h"
#include <stdarg.h>

struct cel_fault {
    enum cel_error_code code;
    uint32_t offset;
    const char *message;
};

/* Fills error with the position of offset in source. The message is cut at a whole code point. */
void cel_error_set(struct cel_error *error, struct slice source, enum cel_error_code code,
                   uint32_t offset, const char *format, ...) PRINTF(5, 6);
void cel_error_vset(struct cel_error *error, struct slice source, enum cel_error_code code,
                    uint32_t offset, const char *format, va_list arguments) PRINTF(5, 0);
void cel_error_no_memory(struct cel_error *error, struct slice source);

#endif
