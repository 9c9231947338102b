#include "worker/request.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "protocol/decimal.h"
#include "protocol/redis.h"
#include <stdarg.h>
#include <stdio.h>

enum {
    FIELDS_MAX = 64,
    NAME_MAX_BYTES = 256,
    KEY_MAX_BYTES = 1024,
    LABELS_MAX_BYTES = 16 << 10,
    SHOWN_BYTES = 80,
    JSON_VALUE_BYTES = 16 << 10,
};

/* Ten years. */
#define DEADLINE_MAX_MS INT64_C(315360000000)

/* Of the ids that are derived; never to be changed. */
static const struct uuid name_space = {{0x8f, 0x1d, 0x1c, 0x5e, 0x0b, 0x6a, 0x4f, 0x3d, 0x9a, 0x57,
                                        0x2e, 0x64, 0x71, 0xc3, 0x5d, 0x90}};

void request_refuse(struct request *request, const char *format, ...)
{
    va_list arguments;
    if (request->reason[0])
        return;
    va_start(arguments, format);
    (void)vsnprintf(request->reason, sizeof(request->reason), format, arguments);
    va_end(arguments);
}

/* Valid UTF-8 without NUL, which Postgres does not take in JSON. */
static bool is_text(struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        const size_t sequence = utf8_sequence(text.ptr + at, text.len - at);
        if (sequence == 0 || text.ptr[at] == '\0')
            return false;
        at += sequence;
    }
    return true;
}

/* --- fields --- */

static void read_workflow(struct request *request, struct slice value, size_t most)
{
    (void)most;
    if (value.len == 0 || value.len > NAME_MAX_BYTES || memchr(value.ptr, '@', value.len))
        request_refuse(request, "workflow: '%.*s' is no name of a workflow",
                       SLICE_ARG(utf8_cut(value, SHOWN_BYTES)));
    request->workflow = value;
}

/* Want of memory says nothing of the value: it is no reason to refuse the run. */
static void refuse_json(struct request *request, const char *name, const struct json_error *error)
{
    if (error->out_of_memory)
        request->out_of_memory = true;
    else
        request_refuse(request, "%s: line %u, column %u: %s", name, error->position.line,
                       error->position.column, error->message);
}

static void read_input(struct request *request, struct slice value, size_t most)
{
    struct json_doc doc;
    struct json_error error;
    request->input = value;
    if (value.len > most) {
        request_refuse(request, "input: %zu bytes; the most here are %zu", value.len, most);
        return;
    }
    struct arena scratch;
    arena_init(&scratch, (size_t)256 << 20);
    if (json_read(&scratch, value, NULL, &doc, &error) != 0)
        refuse_json(request, "input", &error);
    arena_free(&scratch);
}

static void read_run_id(struct request *request, struct slice value, size_t most)
{
    struct uuid uuid;
    (void)most;
    if (uuid_parse(value, &uuid))
        uuid_format(&uuid, request->run);
    else
        request_refuse(request, "run_id: '%.*s' is no UUID",
                       SLICE_ARG(utf8_cut(value, SHOWN_BYTES)));
}

static void read_version(struct request *request, struct slice value, size_t most)
{
    int64_t version = 0;
    (void)most;
    for (size_t i = 0; i < value.len && version >= 0; i++) {
        const char c = value.ptr[i];
        version = c >= '0' && c <= '9' && version < 1000000000 ? version * 10 + (c - '0') : -1;
    }
    if (version <= 0)
        request_refuse(request, "version: '%.*s' is no number above 0",
                       SLICE_ARG(utf8_cut(value, SHOWN_BYTES)));
    request->version = version;
}

static void read_labels(struct request *request, struct slice value, size_t most)
{
    struct json_doc doc;
    struct json_error error;
    (void)most;
    request->labels = value;
    if (value.len > LABELS_MAX_BYTES) {
        request_refuse(request, "labels: larger than %d bytes", LABELS_MAX_BYTES);
        return;
    }
    if (json_read(&request->arena, value, NULL, &doc, &error) != 0) {
        refuse_json(request, "labels", &error);
        return;
    }
    struct json_iter it = json_iter(json_root(&doc));
    bool strings = json_type(json_root(&doc)) == JSON_OBJECT;
    while (strings && json_next(&it))
        strings = json_type(it.value) == JSON_STRING;
    if (!strings)
        request_refuse(request, "labels: must be a JSON object of strings");
}

static void read_dedup_key(struct request *request, struct slice value, size_t most)
{
    (void)most;
    if (value.len == 0 || value.len > KEY_MAX_BYTES)
        request_refuse(request, "dedup_key: must have 1 to %d bytes", KEY_MAX_BYTES);
    request->dedup_key = value;
}

/* Counted from when the request was made. */
static void read_deadline(struct request *request, struct slice value, size_t most)
{
    int64_t ms;
    (void)most;
    if (!decimal_i64(value, &ms) || ms < 1 || ms > DEADLINE_MAX_MS) {
        request_refuse(request, "deadline_ms: '%.*s' is no number of milliseconds from 1 to %lld",
                       SLICE_ARG(utf8_cut(value, SHOWN_BYTES)), (long long)DEADLINE_MAX_MS);
        return;
    }
    request->deadline_ms = request->submitted_us / 1000 + ms;
}

static void not_supported(struct request *request, const char *name)
{
    request_refuse(request, "%s: not supported yet", name);
}

static const struct {
    const char *name;
    void (*read)(struct request *request, struct slice value, size_t most); /* NULL: not built */
} known[] = {
    {"workflow", read_workflow}, {"input", read_input},          {"run_id", read_run_id},
    {"version", read_version},   {"labels", read_labels},        {"dedup_key", read_dedup_key},
    {"priority", NULL},          {"deadline_ms", read_deadline},
};

static void unknown_field(struct request *request, struct slice name)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        suggest_offer(&suggest, slice_str(known[i].name));
    const struct slice shown = utf8_cut(name, SHOWN_BYTES);
    if (suggest.best.ptr)
        request_refuse(request, "%.*s: unknown field, did you mean '%.*s'?", SLICE_ARG(shown),
                       SLICE_ARG(suggest.best));
    else
        request_refuse(request, "%.*s: unknown field", SLICE_ARG(shown));
}

static void read_field(struct request *request, const struct request_field *field, size_t most,
                       uint32_t *seen)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!slice_eq_str(field->name, known[i].name))
            continue;
        if (*seen & 1u << i)
            request_refuse(request, "%s: given twice", known[i].name);
        *seen |= 1u << i;
        if (known[i].read)
            known[i].read(request, field->value, most);
        else
            not_supported(request, known[i].name);
        return;
    }
    unknown_field(request, field->name);
}

/* --- reading --- */

static int copy_entry(struct request *request, const redisReply *id, const redisReply *fields)
{
    const size_t count = fields->elements / 2 < FIELDS_MAX ? fields->elements / 2 : FIELDS_MAX;
    request->entry_id = arena_copy(&request->arena, reply_slice(id));
    request->fields = arena_array(&request->arena, count, sizeof(*request->fields));
    if (!request->entry_id.ptr || !request->fields)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct request_field *field = &request->fields[i];
        field->name = arena_copy(&request->arena, reply_slice(fields->element[2 * i]));
        field->value = arena_copy(&request->arena, reply_slice(fields->element[2 * i + 1]));
        if (!field->name.ptr || !field->value.ptr)
            return -1;
        request->field_count++;
    }
    if (fields->elements / 2 > FIELDS_MAX)
        request_refuse(request, "more than %d fields", FIELDS_MAX);
    return 0;
}

int request_read(struct request *request, const redisReply *entry, size_t max_value_bytes)
{
    uint32_t seen = 0;
    *request = (struct request){.input = SLICE("null"), .labels = SLICE("{}")};
    arena_init(&request->arena, 0);
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[0]->type != REDIS_REPLY_STRING ||
        entry->element[1]->type != REDIS_REPLY_ARRAY ||
        copy_entry(request, entry->element[0], entry->element[1]) != 0) {
        request_free(request);
        return -1;
    }
    for (size_t i = 0; i < request->entry_id.len && request->entry_id.ptr[i] != '-' && i < 15; i++)
        request->submitted_us = request->submitted_us * 10 + (request->entry_id.ptr[i] - '0');
    request->submitted_us *= 1000;
    for (uint32_t i = 0; i < request->field_count; i++)
        read_field(request, &request->fields[i], max_value_bytes, &seen);
    if (request->out_of_memory) {
        request_free(request);
        return -1;
    }
    if (!request->workflow.ptr)
        request_refuse(request, "workflow: is missing");
    if (!is_text(request->workflow) || !is_text(request->dedup_key))
        request_refuse(request, "workflow, dedup_key: must be UTF-8 without NUL");
    if (!is_text(slice_str(request->reason))) /* it quotes what is none */
        (void)snprintf(request->reason, sizeof(request->reason), "a field is not UTF-8");
    return 0;
}

void request_free(struct request *request) { arena_free(&request->arena); }

static void add_netstring(struct buf *out, struct slice text)
{
    buf_uint(out, text.len);
    buf_char(out, ':');
    buf_slice_append(out, text);
}

int request_name_run(struct request *request, struct slice epoch)
{
    struct buf text;
    char hash[SHA256_HEX_LEN + 1];
    if (request->run[0])
        return 0;
    buf_init(&text, 0);
    if (request->dedup_key.ptr) {
        buf_slice_append(&text, request->workflow);
        buf_char(&text, '|');
        buf_slice_append(&text, request->dedup_key);
    } else {
        for (uint32_t i = 0; i < request->field_count; i++) {
            add_netstring(&text, request->fields[i].name);
            add_netstring(&text, request->fields[i].value);
        }
        sha256_hex(buf_slice(&text), hash);
        const bool ok = buf_ok(&text);
        buf_reset(&text);
        text.failed = !ok;
        buf_slice_append(&text, epoch);
        buf_char(&text, '|');
        buf_slice_append(&text, request->entry_id);
        buf_char(&text, '|');
        buf_str(&text, hash);
    }
    const bool ok = buf_ok(&text);
    if (ok) {
        const struct uuid uuid = uuid5_make(&name_space, buf_slice(&text));
        uuid_format(&uuid, request->run);
    }
    buf_free(&text);
    return ok ? 0 : -1;
}

/* Bytes that are no text become '?': the record holds JSON. */
static void write_text(struct buf *out, struct slice text)
{
    struct buf clean;
    buf_init(&clean, 2 * JSON_VALUE_BYTES);
    for (size_t at = 0; at < text.len && clean.len < JSON_VALUE_BYTES;) {
        const size_t sequence = text.ptr[at] ? utf8_sequence(text.ptr + at, text.len - at) : 0;
        buf_append(&clean, sequence ? text.ptr + at : "?", sequence ? sequence : 1);
        at += sequence ? sequence : 1;
    }
    if (clean.len < text.len)
        buf_printf(&clean, "... (%zu bytes)", text.len);
    json_write_string(out, buf_slice(&clean));
    out->failed = out->failed || !buf_ok(&clean);
    buf_free(&clean);
}

static void write_name(struct buf *out, struct slice name, uint32_t index)
{
    if (is_text(name) && name.len <= NAME_MAX_BYTES)
        write_text(out, name);
    else
        buf_printf(out, "\"field %u\"", index + 1);
}

/* Of two with the same name only the first is shown. */
static bool is_repeated(const struct request *request, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (slice_eq(request->fields[i].name, request->fields[index].name))
            return true;
    }
    return false;
}

void request_write_json(struct buf *out, const struct request *request)
{
    bool first = true;
    buf_char(out, '{');
    for (uint32_t i = 0; i < request->field_count; i++) {
        if (is_repeated(request, i))
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        write_name(out, request->fields[i].name, i);
        buf_char(out, ':');
        write_text(out, request->fields[i].value);
    }
    buf_char(out, '}');
}
