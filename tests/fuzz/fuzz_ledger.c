/* fuzz_ledger: the decoder of ledger entries, and of the joins in them.
 *
 * An input is an entry's body. Beyond not crashing:
 *
 *   - a record is a part of the body, behind the one before, and nothing is left over at the end;
 *   - what cannot be read is an internal error with words, and stays one;
 *   - what was read, written again by the writers, is read as the same;
 *   - the record alone is read as in its body, and not at all when its last byte is missing.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "protocol/ledger.h"
#include <string.h>

enum { OUT_BYTES = 1 << 20 };

static void check_error(const struct err *err)
{
    DEMAND(err->code == ERR_INTERNAL, "code %d", (int)err->code);
    DEMAND(err->message[0], "an error without words");
}

static bool inside(struct slice part, struct slice whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_joins(struct slice joins)
{
    struct err err = ERR_INIT;
    struct ledger_join join;
    bool open_joins = false;
    size_t at = 0, before = 0;
    int result;
    while ((result = ledger_next_join(joins, &at, &join, &open_joins, &err)) == 1) {
        DEMAND(at > before && at <= joins.len + 1, "from %zu to %zu of %zu", before, at, joins.len);
        DEMAND(inside(join.scope, joins) && (!join.fired || inside(join.marks, joins)), "%.*s",
               SLICE_ARG(joins));
        before = at;
    }
    if (result < 0)
        check_error(&err);
}

/* The caller's part by the writers; false for a kind that a script writes alone. */
static bool write_again(struct buf *out, const struct ledger_record *record)
{
    switch (record->kind) {
    case LEDGER_START:
        ledger_write_start(out, &record->start);
        return true;
    case LEDGER_EXECUTION:
    case LEDGER_OUTPUT:
    case LEDGER_WAIT:
        ledger_write_execution(out, &record->execution);
        return true;
    case LEDGER_CONTINUATION:
        ledger_write_continuation(out, record->continuation_run);
        return true;
    case LEDGER_COMMAND:
        ledger_write_command(out, &record->command);
        return true;
    case LEDGER_REJECTED:
        ledger_write_rejected(out, &record->rejected);
        return true;
    case LEDGER_DUPLICATE:
    case LEDGER_TASK:
        return false;
    }
    DEMAND(false, "a record of kind %d", (int)record->kind);
    return false;
}

static void append_part(struct buf *out, struct slice part)
{
    buf_uint(out, part.len);
    buf_char(out, ':');
    buf_slice_append(out, part);
}

static void check_written(const struct ledger_record *record)
{
    struct buf part, body, again;
    struct ledger_record copy;
    struct err err = ERR_INIT;
    size_t at = 0;
    buf_init(&part, OUT_BYTES);
    buf_init(&body, OUT_BYTES);
    buf_init(&again, OUT_BYTES);
    if (write_again(&part, record)) {
        buf_char(&body, (char)record->kind);
        append_part(&body, buf_slice(&part));
        append_part(&body, record->script_part);
        DEMAND(buf_ok(&body), "too long");
        DEMAND(ledger_next(buf_slice(&body), &at, &copy, &err) == 1 && at == body.len,
               "%s: %.*s is %.*s", err.message, SLICE_ARG(record->caller_part),
               SLICE_ARG(buf_slice(&part)));
        DEMAND(copy.kind == record->kind && copy.outcome.event == record->outcome.event &&
                   copy.outcome.delta == record->outcome.delta &&
                   copy.outcome.status == record->outcome.status,
               "%.*s", SLICE_ARG(record->script_part));
        DEMAND(write_again(&again, &copy) && slice_eq(buf_slice(&part), buf_slice(&again)),
               "%.*s is %.*s", SLICE_ARG(buf_slice(&part)), SLICE_ARG(buf_slice(&again)));
    }
    buf_free(&again);
    buf_free(&body);
    buf_free(&part);
}

/* In memory of its own, so that a sanitizer sees what reads behind it. */
static int read_copy(struct slice bytes)
{
    struct ledger_record record;
    struct err err = ERR_INIT;
    size_t at = 0;
    char *copy = malloc(bytes.len ? bytes.len : 1);
    DEMAND(copy, "no memory");
    memcpy(copy, bytes.ptr, bytes.len);
    const int result = ledger_next(slice_of(copy, bytes.len), &at, &record, &err);
    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice body = slice_of((const char *)data, size);
    struct ledger_record record;
    struct err err = ERR_INIT;
    size_t at = 0, before = 0;
    int result;
    while ((result = ledger_next(body, &at, &record, &err)) == 1) {
        DEMAND(at > before && at <= body.len, "from %zu to %zu of %zu", before, at, body.len);
        DEMAND(inside(record.caller_part, body) && inside(record.script_part, body), "at %zu",
               before);
        check_joins(record.outcome.joins);
        check_written(&record);
        DEMAND(read_copy(slice_of(body.ptr + before, at - before)) == 1, "at %zu", before);
        DEMAND(read_copy(slice_of(body.ptr + before, at - before - 1)) == -1, "at %zu", before);
        before = at;
    }
    if (result == 0) {
        DEMAND(at == body.len, "%zu of %zu bytes", at, body.len);
        return 0;
    }
    check_error(&err);
    DEMAND(at == before && ledger_next(body, &at, &record, &err) == -1, "at %zu", at);
    /* Any text may stand where joins do. */
    check_joins(body);
    return 0;
}
