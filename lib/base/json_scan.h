/* json_scan: the two tokens of JSON that take work, strings and numbers. Internal to
 * lib/base; lib/schema reads the bytes of strings by it. */
#ifndef TROUPE_BASE_JSON_SCAN_H
#define TROUPE_BASE_JSON_SCAN_H

#include "base/json.h"

/* No number may be longer, whatever the limits say: readers of numbers copy them to the stack. */
enum { JSON_NUMBER_BYTES_MOST = 1024 };

struct json_scan {
    const char *end;     /* of the text */
    bool escaped;        /* out: backslashes in a string; '.', 'e', 'E' in a number */
    const char *fault;   /* out, on failure: where */
    const char *message; /* out, on failure: what (static) */
};

/* `at` is the opening quote. Returns the byte behind the closing quote, or NULL. */
const char *json_scan_string(struct json_scan *scan, const char *at);
/* `at` is '-' or a digit. Returns the byte behind the number, or NULL. */
const char *json_scan_number(struct json_scan *scan, const char *at);

/* What holds when a caller gives these limits: NULL and zeros are the defaults, and none is above what
 * the tape can hold. */
struct json_limits json_limits_effective(const struct json_limits *limits);

/* The bytes of a valid string's content, one by one. */
struct json_bytes {
    const char *at, *end; /* between the quotes */
    char pending[4];      /* of a \u escape that makes several */
    uint8_t pending_at, pending_len;
};

static inline struct json_bytes json_bytes_of(struct slice quoted)
{
    return (struct json_bytes){.at = quoted.ptr + 1, .end = quoted.ptr + quoted.len - 1};
}

/* The next byte, or -1 at the end. */
int json_bytes_next(struct json_bytes *bytes);

#endif
