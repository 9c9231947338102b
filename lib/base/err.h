/* err: how a function says what went wrong.
 *
 * Functions that can fail return 0 or -1 (or a pointer or NULL) and fill a caller-owned struct err.
 * The code decides what to do next, never the text. Messages say what is wrong, where, and what
 * would be right. A broken invariant of our own is not an err: it aborts with context (panic).
 */
#ifndef TROUPE_BASE_ERR_H
#define TROUPE_BASE_ERR_H

#include "base/attr.h"
#include "base/slice.h"
#include <stdbool.h>

/* name, exit code of the command line (DESIGN 6), retriable */
#define ERR_CODES(X)                                                                               \
    X(NONE, 0, false)                                                                              \
    X(USAGE, 2, false)   /* the call's words are off */                                            \
    X(INVALID, 3, false) /* a definition or a document does not hold */                            \
    X(NOT_FOUND, 4, false)                                                                         \
    X(UNREACHABLE, 5, true) /* a server cannot be reached, or the connection broke */              \
    X(REFUSED, 5, false)    /* the server answered, and it was no (password, permission) */        \
    X(CONFLICT, 6, false)   /* wrong state */                                                      \
    X(TIMEOUT, 124, true)                                                                          \
    X(LIMIT, 1, false)    /* a cap was reached: memory, size, depth, cost */                       \
    X(IO, 1, false)       /* files and the system */                                               \
    X(INTERNAL, 1, false) /* a server answered what it never should */

enum err_code {
#define X(name, exit_code, retriable) ERR_##name,
    ERR_CODES(X)
#undef X
};

struct err {
    enum err_code code;
    char message[600]; /* one line, no trailing newline */
};

#define ERR_INIT ((struct err){.code = ERR_NONE})

/* Fills err (if not NULL) and returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF(3, 4);
/* Puts "prefix: " before the message that is there; keeps the code; returns -1. */
int err_prefix(struct err *err, const char *format, ...) PRINTF(2, 3);
int err_exit_code(enum err_code code);
bool err_retriable(enum err_code code);
const char *err_name(enum err_code code);

/* A broken invariant: writes file, line and message to stderr and aborts. */
NORETURN void panic_at(const char *file, int line, const char *format, ...) PRINTF(3, 4);
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define invariant(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            panic_at(__FILE__, __LINE__, __VA_ARGS__);                                             \
    } while (0)

#endif
