/* attr: compiler attributes by plain names. */
#ifndef TROUPE_BASE_ATTR_H
#define TROUPE_BASE_ATTR_H

#define MUSTCHECK __attribute__((warn_unused_result))
/* fmt and first are the 1-based positions of the format and of its first argument. */
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
