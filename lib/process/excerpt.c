#include "process/excerpt.h"
#include <inttypes.h>
#include <stdlib.h>

void excerpt_init(struct excerpt *excerpt)
{
    *excerpt = (struct excerpt){.tail = NULL};
    buf_init(&excerpt->head, EXCERPT_HEAD_BYTES);
    buf_init(&excerpt->line, EXCERPT_LINE_BYTES);
}

void excerpt_free(struct excerpt *excerpt)
{
    buf_free(&excerpt->head);
    buf_free(&excerpt->line);
    free(excerpt->tail);
    excerpt->tail = NULL;
}

static void end_line(struct excerpt *excerpt, excerpt_line_fn *on_line, void *context)
{
    if (excerpt->line.len > 0)
        on_line(context, buf_slice(&excerpt->line));
    buf_reset(&excerpt->line);
}

static void split(struct excerpt *excerpt, struct slice bytes, excerpt_line_fn *on_line,
                  void *context)
{
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        const size_t room = EXCERPT_LINE_BYTES - excerpt->line.len;
        size_t len = newline ? (size_t)(newline - bytes.ptr) : bytes.len;
        const bool whole = newline && len <= room;
        if (len > room)
            len = room;
        buf_append(&excerpt->line, bytes.ptr, len);
        if (whole || excerpt->line.len == EXCERPT_LINE_BYTES || !buf_ok(&excerpt->line))
            end_line(excerpt, on_line, context);
        len += whole;
        bytes = slice_of(bytes.ptr + len, bytes.len - len);
    }
}

static void keep(struct excerpt *excerpt, struct slice bytes)
{
    const size_t room = EXCERPT_HEAD_BYTES - excerpt->head.len;
    const size_t first = bytes.len < room ? bytes.len : room;
    buf_append(&excerpt->head, bytes.ptr, first);
    bytes = slice_of(bytes.ptr + first, bytes.len - first);
    if (bytes.len > 0 && !excerpt->tail)
        excerpt->tail = malloc(EXCERPT_TAIL_BYTES);
    if (bytes.len == 0 || !excerpt->tail)
        return;
    if (bytes.len > EXCERPT_TAIL_BYTES) {
        excerpt->tail_count += bytes.len - EXCERPT_TAIL_BYTES;
        bytes = slice_of(bytes.ptr + bytes.len - EXCERPT_TAIL_BYTES, EXCERPT_TAIL_BYTES);
    }
    for (size_t i = 0; i < bytes.len; i++)
        excerpt->tail[excerpt->tail_count++ % EXCERPT_TAIL_BYTES] = bytes.ptr[i];
}

void excerpt_add(struct excerpt *excerpt, struct slice bytes, excerpt_line_fn *on_line,
                 void *context)
{
    excerpt->count += bytes.len;
    keep(excerpt, bytes);
    if (on_line)
        split(excerpt, bytes, on_line, context);
}

void excerpt_end(struct excerpt *excerpt, excerpt_line_fn *on_line, void *context)
{
    if (on_line)
        end_line(excerpt, on_line, context);
}

static uint64_t tail_kept(const struct excerpt *excerpt)
{
    return excerpt->tail_count < EXCERPT_TAIL_BYTES ? excerpt->tail_count : EXCERPT_TAIL_BYTES;
}

static void write_tail(const struct excerpt *excerpt, uint64_t last, struct buf *out)
{
    for (uint64_t at = excerpt->tail_count - last; at < excerpt->tail_count; at++)
        buf_char(out, excerpt->tail[at % EXCERPT_TAIL_BYTES]);
}

void excerpt_write(const struct excerpt *excerpt, struct buf *out)
{
    const uint64_t kept = tail_kept(excerpt);
    const uint64_t gone = excerpt->count - excerpt->head.len - kept;
    buf_slice_append(out, buf_slice(&excerpt->head));
    if (gone > 0)
        buf_printf(out, "\n[%" PRIu64 " bytes left out]\n", gone);
    write_tail(excerpt, kept, out);
}

/* Of the last `most` + 1: so that a newline at the end costs nothing of it. */
void excerpt_write_end(const struct excerpt *excerpt, size_t most, struct buf *out)
{
    const size_t begin = out->len;
    const uint64_t kept = tail_kept(excerpt), wanted = most + 1;
    const uint64_t of_tail = wanted < kept ? wanted : kept;
    const struct slice head = buf_slice(&excerpt->head);
    size_t of_head = excerpt->count == head.len + kept ? (size_t)(wanted - of_tail) : 0;
    if (of_head > head.len)
        of_head = head.len;
    buf_append(out, head.ptr + head.len - of_head, of_head);
    write_tail(excerpt, of_tail, out);
    while (buf_ok(out) && out->len > begin && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
}
