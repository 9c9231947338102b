#include "cel_values.h"
#include "base/clock.h"
#include "definition.h"
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES_MOST = 1 << 20 };

void cel_values_init(struct cel_values *values, struct arena *arena)
{
    *values = (struct cel_values){.arena = arena};
}

static uint32_t find(const struct cel_values *values, struct slice name)
{
    uint32_t i = 0;
    while (i < values->count && !slice_eq_str(name, values->names[i].name))
        i++;
    return i;
}

static int set(struct cel_values *values, struct slice name, struct json_ref ref, struct err *err)
{
    const uint32_t at = find(values, name);
    if (at == CEL_VALUES_MOST)
        return err_set(err, ERR_LIMIT, "more than %d variables", CEL_VALUES_MOST);
    if (at == values->count) {
        char *copy = arena_strdup(values->arena, name);
        if (!copy)
            return err_set(err, ERR_LIMIT, "not enough memory for a variable");
        values->names[at] = (struct cel_variable){.name = copy, .type = CEL_DYN, .slot = at};
        values->count++;
    }
    values->values[at] = cel_from_json(ref, values->arena);
    values->texts[at] = json_text(ref);
    return 0;
}

/* Views name their document, so it lives as long as they do. */
static int read(struct arena *arena, struct slice json, const char *what, struct json_ref *root,
                struct err *err)
{
    struct json_error error;
    struct json_doc *doc = arena_zalloc(arena, sizeof(*doc));
    if (!doc) {
        err_set(err, ERR_LIMIT, "not enough memory for %s", what);
        return -1;
    }
    if (json_read(arena, json, NULL, doc, &error) != 0) {
        err_set(err, ERR_USAGE, "%s: %u:%u: %s", what, error.position.line, error.position.column,
                error.message);
        return -1;
    }
    *root = json_root(doc);
    return 0;
}

int cel_values_read(struct cel_values *values, struct slice json, const char *what, struct err *err)
{
    struct json_ref root = JSON_NONE;
    if (read(values->arena, json, what, &root, err) != 0)
        return -1;
    if (json_type(root) != JSON_OBJECT)
        return err_set(err, ERR_USAGE,
                       "%s: an object is wanted, whose members are the variables; this is a JSON "
                       "%s",
                       what, json_type_name(json_type(root)));
    struct json_iter it = json_iter(root);
    while (json_next(&it)) {
        struct slice name = json_string(it.key, values->arena);
        if (!name.ptr)
            return err_set(err, ERR_LIMIT, "not enough memory for %s", what);
        if (set(values, name, it.value, err) != 0)
            return -1;
    }
    return 0;
}

int cel_values_set(struct cel_values *values, struct slice name, struct slice json, struct err *err)
{
    struct json_ref root = JSON_NONE;
    struct slice copy = arena_copy(values->arena, json);
    if (!copy.ptr)
        return err_set(err, ERR_LIMIT, "not enough memory for a variable");
    return read(values->arena, copy, "the value", &root, err) != 0 ? -1
                                                                   : set(values, name, root, err);
}

bool cel_values_drop(struct cel_values *values, struct slice name)
{
    const uint32_t at = find(values, name);
    if (at == values->count)
        return false;
    values->count--;
    for (uint32_t i = at; i < values->count; i++) {
        values->names[i] = values->names[i + 1];
        values->names[i].slot = i;
        values->values[i] = values->values[i + 1];
        values->texts[i] = values->texts[i + 1];
    }
    return true;
}

static void say_error(const struct cli *cli, struct slice source, const struct cel_error *error)
{
    struct buf out;
    buf_init(&out, MESSAGE_BYTES_MOST);
    buf_printf(&out, "troupe: %u:%u: ", error->line, error->column);
    text_plain(&out, slice_str(error->message));
    buf_char(&out, '\n');
    if (cli->log.tty)
        excerpt_write(&out, source, error->line, error->column, &cli->log);
    (void)fwrite(buf_slice(&out).ptr, 1, out.len, stderr);
    buf_free(&out);
}

const struct cel_program *cel_values_compile(const struct cel_values *values, struct slice source,
                                             struct arena *arena, struct cli *cli)
{
    const struct cel_env env = {.variables = values->names, .variable_count = values->count};
    struct cel_error error;
    const struct cel_program *program = cel_compile(arena, source, &env, &error);
    if (!program)
        say_error(cli, source, &error);
    return program;
}

int cel_values_eval(const struct cel_values *values, struct slice source, struct arena *arena,
                    struct buf *out, struct cli *cli)
{
    const struct cel_activation activation = {
        .slots = values->values,
        .slot_count = values->count,
        .now_us = clock_wall_us(&clock_system),
    };
    struct cel_value value;
    struct cel_error error;
    const struct cel_program *program = cel_values_compile(values, source, arena, cli);
    if (!program)
        return -1;
    int result = cel_eval(program, &activation, arena, &value, &error);
    if (result == 0)
        result = cel_write_json(out, &value, &error);
    if (result != 0)
        say_error(cli, source, &error);
    cel_program_release(program);
    return result;
}
