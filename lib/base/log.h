/* log: one JSON object per line on stderr, for servers.
 *
 *   {"ts":"2026-01-31T12:34:56.123456Z","level":"info","program":"troupe-worker","msg":"…","run_id":"…"}
 *
 * Fields are given as key, kind, value:
 *   log_write(LOG_WARN, "cannot reach Redis, trying again", LOG_S("url", url), LOG_I("wait_ms", 200));
 * Never log a secret: URLs go through log_redact_url. A line is written with one write(2).
 */
#ifndef TROUPE_BASE_LOG_H
#define TROUPE_BASE_LOG_H

#include "base/buf.h"
#include "base/slice.h"
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_SLICE, LOG_FIELD_INT } kind;
    struct slice text;
    int64_t number;
};

#define LOG_S(key_, str_) ((struct log_field){key_, LOG_FIELD_STR, slice_str(str_), 0})
#define LOG_B(key_, slice_) ((struct log_field){key_, LOG_FIELD_SLICE, slice_, 0})
#define LOG_I(key_, int_) ((struct log_field){key_, LOG_FIELD_INT, SLICE_NONE, (int64_t)(int_)})

/* Process-wide, set once in main() before any thread starts. program is borrowed. */
void log_setup(const char *program, enum log_level least);
bool log_level_parse(const char *text, enum log_level *level);
bool log_enabled(enum log_level level);
void log_fields(enum log_level level, const char *message, const struct log_field *fields,
                size_t field_count);
/* log_write(level, message, LOG_S(...), LOG_I(...)): at least one field; log_text for none. */
#define log_write(level, message, ...)                                                             \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_fields(level, message, log_fields_, sizeof(log_fields_) / sizeof(log_fields_[0])); \
        }                                                                                          \
    } while (0)
#define log_text(level, message) log_fields(level, message, NULL, 0)

/* Appends the URL with any password replaced by "***". */
void log_redact_url(struct buf *buf, struct slice url);

#endif
