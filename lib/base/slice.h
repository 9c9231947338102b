/* slice: a borrowed run of bytes, not NUL-terminated.
 *
 * The owner is whoever made the bytes; a slice never frees. `{NULL, 0}` is "absent"; a slice with a
 * non-NULL pointer and length 0 is an empty string. Payloads travel as slices so that nothing is
 * copied or measured twice.
 */
#ifndef TROUPE_BASE_SLICE_H
#define TROUPE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE_NONE ((struct slice){NULL, 0})
/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* For printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s) (int)(s).len, (s).ptr

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

/* The bytes of a NUL-terminated string; NULL gives SLICE_NONE. */
static inline struct slice slice_str(const char *str)
{
    return str ? (struct slice){str, strlen(str)} : SLICE_NONE;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *str)
{
    return slice_eq(a, slice_str(str));
}

#endif
