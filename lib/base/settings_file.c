/* settings_file: the YAML file, a flat map of option names. */
#include "base/settings_value.h"
#include "base/yaml.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { FILE_BYTES_MOST = 1 << 20, WHERE_SIZE = 400 };

int settings_slurp(const char *path, size_t cap, struct buf *buf, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
    char part[4096];
    size_t got;
    buf->cap_bytes = cap;
    bool too_large = false;
    while (buf_ok(buf) && !too_large && (got = fread(part, 1, sizeof(part), file)) > 0) {
        too_large = got > cap - buf->len;
        buf_append(buf, part, got);
    }
    int result = 0;
    if (ferror(file))
        result = err_set(err, ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
    else if (!buf_ok(buf) && !too_large)
        result = setting_no_memory(err);
    else if (!buf_ok(buf))
        result = err_set(err, ERR_USAGE, "%s is larger than %zu bytes", path, cap);
    (void)fclose(file);
    return result;
}

struct file_reader {
    struct settings *settings;
    const char *path;
    struct err *err;
};

/* "troupe.conf:3:7: port" */
static void say_where(const struct file_reader *reader, struct json_ref at, const char *name,
                      char where[WHERE_SIZE])
{
    struct json_position position = json_position(at);
    (void)snprintf(where, WHERE_SIZE, "%s:%" PRIu32 ":%" PRIu32 ": %s", reader->path, position.line,
                   position.column, name);
}

static int store_string(const struct file_reader *reader, uint32_t index, const char *where,
                        struct json_ref value)
{
    struct slice text = json_string(value, reader->settings->arena);
    if (!text.ptr)
        return setting_no_memory(reader->err);
    return setting_store(reader->settings, index, SETTING_FILE, where, text, reader->err);
}

static int store_list(const struct file_reader *reader, uint32_t index, const char *where,
                      struct json_ref list)
{
    if (json_count(list) == 0) /* given, and empty: unlike a list that is not there */
        return setting_store(reader->settings, index, SETTING_FILE, where, SLICE(""), reader->err);
    struct json_iter it = json_iter(list);
    while (json_next(&it)) {
        if (json_type(it.value) != JSON_STRING)
            return err_set(reader->err, ERR_USAGE,
                           "%s: found %s in the list, expected text: write it in quotes", where,
                           json_type_name(json_type(it.value)));
        if (store_string(reader, index, where, it.value) != 0)
            return -1;
    }
    return 0;
}

static int store_value(const struct file_reader *reader, uint32_t index, struct json_ref value)
{
    const struct setting *setting = &reader->settings->table[index];
    char where[WHERE_SIZE];
    say_where(reader, value, setting->name, where);
    enum json_type type = json_type(value);
    bool textual = setting->kind == SETTING_STRING || setting->kind == SETTING_LIST;
    if (type == JSON_NULL) /* "name:" and nothing: as if it were not there */
        return 0;
    if (type == JSON_STRING)
        return store_string(reader, index, where, value);
    if (type == JSON_ARRAY && setting->kind == SETTING_LIST)
        return store_list(reader, index, where, value);
    if ((type == JSON_NUMBER || type == JSON_BOOL) && !textual)
        return setting_store(reader->settings, index, SETTING_FILE, where, json_text(value),
                             reader->err);
    return err_set(reader->err, ERR_USAGE, "%s: found %s, expected %s%s", where,
                   json_type_name(type), setting_expected(setting->kind),
                   textual && type < JSON_STRING ? ": write it in quotes" : "");
}

static int read_member(const struct file_reader *reader, const struct json_iter *it)
{
    struct slice name = json_string(it->key, reader->settings->arena);
    if (!name.ptr)
        return setting_no_memory(reader->err);
    uint32_t index = setting_find(reader->settings, name);
    if ((index == reader->settings->count || reader->settings->table[index].flag_only) &&
        setting_known_elsewhere(name))
        return 0;
    char where[WHERE_SIZE];
    say_where(reader, it->key, "", where);
    if (index == reader->settings->count) {
        const char *near = setting_suggest(reader->settings, name, true);
        return err_set(reader->err, ERR_USAGE, "%sunknown setting \"%.*s\"%s%s%s", where,
                       SLICE_ARG(name), near ? "; did you mean \"" : "", near ? near : "",
                       near ? "\"?" : "");
    }
    if (reader->settings->table[index].flag_only)
        return err_set(reader->err, ERR_USAGE,
                       "%s\"%.*s\" can only be given on the command line, as --%.*s", where,
                       SLICE_ARG(name), SLICE_ARG(name));
    /* Checked even when a flag or a variable wins: a mistake in the file is not hidden by them. */
    struct setting_value before = reader->settings->values[index];
    if (store_value(reader, index, it->value) != 0)
        return -1;
    if (before.source > SETTING_FILE)
        reader->settings->values[index] = before;
    return 0;
}

static int read_document(const struct file_reader *reader, struct slice text)
{
    const struct json_limits limits = {.max_bytes = FILE_BYTES_MOST};
    struct json_doc doc;
    struct json_error error;
    if (yaml_read(reader->settings->arena, text, &limits, &doc, &error) != 0)
        return error.out_of_memory
                   ? setting_no_memory(reader->err)
                   : err_set(reader->err, ERR_USAGE, "%s:%" PRIu32 ":%" PRIu32 ": %s", reader->path,
                             error.position.line, error.position.column, error.message);
    struct json_ref root = json_root(&doc);
    if (json_type(root) == JSON_NULL)
        return 0;
    if (json_type(root) != JSON_OBJECT)
        return err_set(reader->err, ERR_USAGE,
                       "%s: expected lines \"name: value\", found a YAML %s", reader->path,
                       json_type_name(json_type(root)));
    struct json_iter it = json_iter(root);
    while (json_next(&it)) {
        if (read_member(reader, &it) != 0)
            return -1;
    }
    return 0;
}

int settings_read_file(struct settings *settings, const char *path, struct err *err)
{
    struct file_reader reader = {settings, path, err};
    struct buf text;
    buf_init(&text, 0);
    int result = settings_slurp(path, FILE_BYTES_MOST, &text, err);
    if (result == 0)
        result = read_document(&reader, buf_slice(&text));
    buf_free(&text);
    return result;
}
