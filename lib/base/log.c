/* log: a line is made in memory, then written at once. */
#include "base/log.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include <errno.h>
#include <unistd.h>

/* Longer values are cut: a log line is not the place for a payload. */
enum { VALUE_BYTES_MOST = 8192 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Set once by log_setup, before any thread starts. */
static const char *log_program = "troupe";
static enum log_level log_least = LOG_INFO;

void log_setup(const char *program, enum log_level least)
{
    log_program = program;
    log_least = least;
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; text && i < ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level) { return level >= log_least; }

/* Appends text as a JSON string, whatever its bytes: without passwords, cut, invalid UTF-8
 * replaced by U+FFFD. */
static void write_value(struct buf *line, struct slice text)
{
    struct buf redacted, clean;
    buf_init(&redacted, 0);
    buf_init(&clean, 0);
    log_redact_url(&redacted, text); /* before cutting: a cut URL no longer looks like one */
    struct slice left = utf8_cut(buf_slice(&redacted), VALUE_BYTES_MOST);
    bool cut = left.len < redacted.len;
    while (left.len > 0) {
        size_t len = utf8_sequence(left.ptr, left.len);
        if (len > 0)
            buf_append(&clean, left.ptr, len);
        else
            buf_str(&clean, "\xEF\xBF\xBD");
        len += len == 0;
        left = slice_of(left.ptr + len, left.len - len);
    }
    if (cut)
        buf_str(&clean, "\xE2\x80\xA6"); /* … */
    json_write_string(line, buf_slice(&clean));
    if (!buf_ok(&redacted) || !buf_ok(&clean))
        line->failed = true;
    buf_free(&redacted);
    buf_free(&clean);
}

static void write_field(struct buf *line, const struct log_field *field)
{
    buf_char(line, ',');
    json_write_string(line, slice_str(field->key));
    buf_char(line, ':');
    if (field->kind == LOG_FIELD_INT)
        buf_int(line, field->number);
    else if (!field->text.ptr)
        buf_str(line, "null");
    else
        write_value(line, field->text);
}

/* One write(2) as a rule; a pipe that is nearly full may take a part, then the rest follows. When
 * stderr is gone there is nobody left to tell. */
static void write_all(struct slice line)
{
    while (line.len > 0) {
        ssize_t written = write(STDERR_FILENO, line.ptr, line.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        line = slice_of(line.ptr + written, line.len - (size_t)written);
    }
}

void log_fields(enum log_level level, const char *message, const struct log_field *fields,
                size_t field_count)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno; /* callers log between a failure and looking at it */
    struct buf line;
    buf_init(&line, 0);
    buf_str(&line, "{\"ts\":\"");
    clock_write_rfc3339(&line, clock_wall_us(&clock_system));
    buf_printf(&line, "\",\"level\":\"%s\",\"program\":", level_names[level]);
    json_write_string(&line, slice_str(log_program));
    buf_str(&line, ",\"msg\":");
    write_value(&line, slice_str(message));
    for (size_t i = 0; i < field_count; i++)
        write_field(&line, &fields[i]);
    buf_str(&line, "}\n");
    if (buf_ok(&line))
        write_all(buf_slice(&line));
    else
        write_all(SLICE("{\"level\":\"error\",\"msg\":\"no memory for a log line\"}\n"));
    buf_free(&line);
    errno = saved_errno;
}
