#include "process/said.h"
#include <inttypes.h>
#include <stdlib.h>

void said_init(struct said *said)
{
    *said = (struct said){.tail = NULL};
    buf_init(&said->head, SAID_HEAD_BYTES);
    buf_init(&said->line, SAID_LINE_BYTES);
}

void said_free(struct said *said)
{
    buf_free(&said->head);
    buf_free(&said->line);
    free(said->tail);
    said->tail = NULL;
}

static void end_line(struct said *said, said_line_fn *on_line, void *context)
{
    if (said->line.len > 0)
        on_line(context, buf_slice(&said->line));
    buf_reset(&said->line);
}

static void split(struct said *said, struct slice bytes, said_line_fn *on_line, void *context)
{
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        const size_t room = SAID_LINE_BYTES - said->line.len;
        size_t len = newline ? (size_t)(newline - bytes.ptr) : bytes.len;
        const bool whole = newline && len <= room;
        if (len > room)
            len = room;
        buf_append(&said->line, bytes.ptr, len);
        if (whole || said->line.len == SAID_LINE_BYTES || !buf_ok(&said->line))
            end_line(said, on_line, context);
        len += whole;
        bytes = slice_of(bytes.ptr + len, bytes.len - len);
    }
}

static void keep(struct said *said, struct slice bytes)
{
    const size_t room = SAID_HEAD_BYTES - said->head.len;
    const size_t first = bytes.len < room ? bytes.len : room;
    buf_append(&said->head, bytes.ptr, first);
    bytes = slice_of(bytes.ptr + first, bytes.len - first);
    if (bytes.len > 0 && !said->tail)
        said->tail = malloc(SAID_TAIL_BYTES);
    if (bytes.len == 0 || !said->tail)
        return;
    if (bytes.len > SAID_TAIL_BYTES) {
        said->tail_count += bytes.len - SAID_TAIL_BYTES;
        bytes = slice_of(bytes.ptr + bytes.len - SAID_TAIL_BYTES, SAID_TAIL_BYTES);
    }
    for (size_t i = 0; i < bytes.len; i++)
        said->tail[said->tail_count++ % SAID_TAIL_BYTES] = bytes.ptr[i];
}

void said_add(struct said *said, struct slice bytes, said_line_fn *on_line, void *context)
{
    said->count += bytes.len;
    keep(said, bytes);
    if (on_line)
        split(said, bytes, on_line, context);
}

void said_end(struct said *said, said_line_fn *on_line, void *context)
{
    if (on_line)
        end_line(said, on_line, context);
}

static uint64_t tail_kept(const struct said *said)
{
    return said->tail_count < SAID_TAIL_BYTES ? said->tail_count : SAID_TAIL_BYTES;
}

static void write_tail(const struct said *said, uint64_t last, struct buf *out)
{
    for (uint64_t at = said->tail_count - last; at < said->tail_count; at++)
        buf_char(out, said->tail[at % SAID_TAIL_BYTES]);
}

void said_write(const struct said *said, struct buf *out)
{
    const uint64_t kept = tail_kept(said);
    const uint64_t gone = said->count - said->head.len - kept;
    buf_slice_append(out, buf_slice(&said->head));
    if (gone > 0)
        buf_printf(out, "\n[%" PRIu64 " bytes left out]\n", gone);
    write_tail(said, kept, out);
}

/* Of the last `most` + 1: so that a newline at the end costs nothing of it. */
void said_write_end(const struct said *said, size_t most, struct buf *out)
{
    const size_t begin = out->len;
    const uint64_t kept = tail_kept(said), wanted = most + 1;
    const uint64_t of_tail = wanted < kept ? wanted : kept;
    const struct slice head = buf_slice(&said->head);
    size_t of_head = said->count == head.len + kept ? (size_t)(wanted - of_tail) : 0;
    if (of_head > head.len)
        of_head = head.len;
    buf_append(out, head.ptr + head.len - of_head, of_head);
    write_tail(said, of_tail, out);
    while (buf_ok(out) && out->len > begin && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
}
