#include "worker/failure.h"
#include "base/json.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>

int failure_fill(struct graph_failure *failure, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(failure->code, sizeof(failure->code), "%s", code);
    (void)vsnprintf(failure->message, sizeof(failure->message), format, arguments);
    va_end(arguments);
    return -1;
}

/* Messages quote what came from outside and may have been cut inside a sequence. */
static void write_text(struct buf *out, struct slice text)
{
    char clean[sizeof(((struct graph_failure *)0)->message)];
    size_t len = 0;
    for (size_t at = 0; at < text.len && len < sizeof(clean);) {
        const size_t sequence = utf8_sequence(text.ptr + at, text.len - at);
        if (sequence > sizeof(clean) - len)
            break;
        memcpy(clean + len, sequence ? text.ptr + at : "?", sequence ? sequence : 1);
        len += sequence ? sequence : 1;
        at += sequence ? sequence : 1;
    }
    json_write_string(out, slice_of(clean, len));
}

void failure_write_json(struct buf *out, const struct graph_failure *failure, struct slice node,
                        uint32_t attempt, bool unknown, const struct graph_failure *asked,
                        struct slice probe)
{
    buf_str(out, "{\"code\":");
    write_text(out, slice_str(failure->code));
    buf_str(out, ",\"message\":");
    write_text(out, slice_str(failure->message));
    buf_str(out, ",\"node\":");
    if (node.ptr)
        json_write_string(out, node);
    else
        buf_str(out, "null");
    buf_str(out, ",\"attempt\":");
    buf_uint(out, attempt);
    if (unknown)
        buf_str(out, ",\"outcome\":\"unknown\"");
    if (asked) {
        buf_str(out, ",\"probe\":{\"node\":");
        json_write_string(out, probe);
        buf_str(out, ",\"code\":");
        write_text(out, slice_str(asked->code));
        buf_str(out, ",\"message\":");
        write_text(out, slice_str(asked->message));
        buf_char(out, '}');
    }
    buf_char(out, '}');
}
