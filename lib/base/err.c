/* err: one table, two formatters. */
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct code_row {
    const char *name;
    int exit_code;
    bool retriable;
};

static const struct code_row rows[] = {
#define X(name, exit_code, retriable) {#name, exit_code, retriable},
    ERR_CODES(X)
#undef X
};

/* One line of whole code points: line breaks become spaces, a sequence that was cut goes. */
static void tidy(char *message, size_t size, int wanted)
{
    size_t len = strlen(message);
    if (wanted >= 0 && (size_t)wanted >= size) {
        while (len > 0 && ((unsigned char)message[len - 1] & 0xC0) == 0x80)
            len--;
        if (len > 0 && (unsigned char)message[len - 1] >= 0xC0)
            len--;
        else
            len = strlen(message);
    }
    while (len > 0 && (message[len - 1] == '\n' || message[len - 1] == '\r'))
        len--;
    message[len] = '\0';
    for (char *at = message; *at; at++) {
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    }
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    if (!err)
        return -1;
    err->code = code;
    /* Formatted aside: an argument may be this err's own message. */
    char message[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tidy(message, sizeof(message), wanted);
    memcpy(err->message, message, strlen(message) + 1);
    return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    char prefix[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    return err_set(err, err->code, "%s: %s", prefix, err->message);
}

static const struct code_row *row(enum err_code code)
{
    invariant((size_t)code < ARRAY_LEN(rows), "error code %d is none", (int)code);
    return &rows[code];
}

int err_exit_code(enum err_code code) { return row(code)->exit_code; }

bool err_retriable(enum err_code code) { return row(code)->retriable; }

const char *err_name(enum err_code code) { return row(code)->name; }

void panic_at(const char *file, int line, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    (void)fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, message);
    abort();
}
