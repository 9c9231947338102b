/* settings: the sources in turn, weakest first, except that the command line is read before the
 * file, which it may name.
 */
#include "base/settings.h"
#include "base/settings_value.h"
#include <stdlib.h>
#include <unistd.h>

static const char file_variable[] = "TROUPE_CONFIG";
static const char file_default[] = "troupe.conf";

enum { NAME_SIZE = 96, SECRET_BYTES_MOST = 64 << 10 };

/* --- command line --- */

struct command_line {
    struct settings *settings;
    char **argv;
    int argc;
    int at;                  /* of the word looked at */
    const char *config_path; /* --config of a program whose table has none */
    struct err *err;
};

static int unknown_option(const struct command_line *line, struct slice name)
{
    const char *near = setting_suggest(line->settings, name, false);
    return err_set(line->err, ERR_USAGE, "unknown option --%.*s%s%s%s", SLICE_ARG(name),
                   near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

/* The option's value: behind '=', or the next word. */
static int take_value(struct command_line *line, const char *where, const char *value_name,
                      const char *attached, const char **value)
{
    *value = attached;
    if (!attached && line->at + 1 < line->argc)
        *value = line->argv[++line->at];
    if (!*value)
        return err_set(line->err, ERR_USAGE, "%s needs a value (%s)", where,
                       value_name ? value_name : "VALUE");
    return 0;
}

/* "--no-NAME" of a switch; the index, or count. */
static uint32_t find_negated(const struct settings *settings, struct slice name)
{
    if (name.len <= 3 || memcmp(name.ptr, "no-", 3) != 0)
        return settings->count;
    uint32_t index = setting_find(settings, slice_of(name.ptr + 3, name.len - 3));
    if (index < settings->count && settings->table[index].kind != SETTING_FLAG)
        return settings->count;
    return index;
}

static int read_long(struct command_line *line, const char *word)
{
    struct settings *settings = line->settings;
    const char *equals = strchr(word, '=');
    struct slice name = slice_of(word + 2, equals ? (size_t)(equals - word) - 2 : strlen(word + 2));
    const char *attached = equals ? equals + 1 : NULL;
    char where[NAME_SIZE];
    (void)snprintf(where, sizeof(where), "--%.*s", SLICE_ARG(name));
    uint32_t index = setting_find(settings, name);
    if (index == settings->count && !attached) {
        index = find_negated(settings, name);
        if (index < settings->count)
            return setting_store(settings, index, SETTING_FLAG_SOURCE, where, SLICE("false"),
                                 line->err);
    }
    if (index == settings->count && slice_eq_str(name, "config"))
        return take_value(line, where, "FILE", attached, &line->config_path);
    if (index == settings->count)
        return unknown_option(line, name);
    const struct setting *setting = &settings->table[index];
    const char *value = attached ? attached : "true";
    if (setting->kind != SETTING_FLAG &&
        take_value(line, where, setting->value_name, attached, &value) != 0)
        return -1;
    return setting_store(settings, index, SETTING_FLAG_SOURCE, where, slice_str(value), line->err);
}

/* "-a", "-abc" for switches, "-oVALUE" or "-o VALUE". */
static int read_letters(struct command_line *line, const char *word)
{
    struct settings *settings = line->settings;
    for (const char *letter = word + 1; *letter; letter++) {
        uint32_t index = 0;
        while (index < settings->count && settings->table[index].letter != *letter)
            index++;
        if (index == settings->count)
            return err_set(line->err, ERR_USAGE, "unknown option -%c", *letter);
        const struct setting *setting = &settings->table[index];
        const char where[] = {'-', *letter, '\0'};
        bool is_switch = setting->kind == SETTING_FLAG;
        const char *value = "true";
        if (!is_switch && take_value(line, where, setting->value_name,
                                     letter[1] ? letter + 1 : NULL, &value) != 0)
            return -1;
        if (setting_store(settings, index, SETTING_FLAG_SOURCE, where, slice_str(value),
                          line->err) != 0)
            return -1;
        if (!is_switch)
            break;
    }
    return 0;
}

static int read_command_line(struct command_line *line, bool stop_at_argument)
{
    struct settings *settings = line->settings;
    settings->arguments =
        arena_array(settings->arena, (size_t)line->argc + 1, sizeof(*settings->arguments));
    if (!settings->arguments)
        return setting_no_memory(line->err);
    bool only_arguments = false;
    for (line->at = 1; line->at < line->argc; line->at++) {
        const char *word = line->argv[line->at];
        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            settings->arguments[settings->argument_count++] = word;
            only_arguments = only_arguments || stop_at_argument;
        } else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else if ((word[1] == '-' ? read_long(line, word) : read_letters(line, word)) != 0)
            return -1;
    }
    return 0;
}

/* --- environment --- */

/* "redis-url" is TROUPE_REDIS_URL */
static void variable_name(const char *name, const char *suffix, char out[NAME_SIZE])
{
    (void)snprintf(out, NAME_SIZE, "TROUPE_%s%s", name, suffix);
    for (char *c = out; *c; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if (*c == '-')
            *c = '_';
    }
}

/* NULL when it is not set or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int read_secret_file(struct settings *settings, uint32_t index, const char *name,
                            const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, 0);
    int result = settings_slurp(path, SECRET_BYTES_MOST, &text, err);
    struct slice secret = buf_slice(&text);
    while (secret.len > 0 &&
           (secret.ptr[secret.len - 1] == '\n' || secret.ptr[secret.len - 1] == '\r'))
        secret.len--;
    if (result != 0)
        result = err_prefix(err, "%s", name);
    else
        result = setting_store(settings, index, SETTING_ENV, name, secret, err);
    buf_free(&text);
    return result;
}

static int read_variable(struct settings *settings, uint32_t index, struct err *err)
{
    const struct setting *setting = &settings->table[index];
    if (setting->flag_only || settings->values[index].source == SETTING_FLAG_SOURCE)
        return 0;
    char name[NAME_SIZE], file_name[NAME_SIZE];
    variable_name(setting->name, "", name);
    variable_name(setting->name, "_FILE", file_name);
    const char *value = variable(name);
    const char *path = setting->secret ? variable(file_name) : NULL;
    if (value && path)
        return err_set(err, ERR_USAGE, "both %s and %s are set", name, file_name);
    if (path)
        return read_secret_file(settings, index, file_name, path, err);
    if (!value)
        return 0;
    return setting_store(settings, index, SETTING_ENV, name, slice_str(value), err);
}

/* --- all --- */

static int store_defaults(struct settings *settings, struct err *err)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        const struct setting *setting = &settings->table[i];
        settings->values[i].source = SETTING_DEFAULT;
        if (setting->default_text && setting_store(settings, i, SETTING_DEFAULT, setting->name,
                                                   slice_str(setting->default_text), err) != 0) {
            invariant(err->code == ERR_LIMIT, "the default of a setting: %s", err->message);
            return -1;
        }
    }
    return 0;
}

static int read_named_file(struct settings *settings, const struct command_line *line)
{
    const char *path = line->config_path;
    uint32_t index = setting_find(settings, SLICE("config"));
    if (index < settings->count && settings->values[index].source != SETTING_DEFAULT)
        path = settings->values[index].text;
    if (!path)
        path = variable(file_variable);
    if (!path && access(file_default, F_OK) == 0)
        path = file_default;
    return path ? settings_read_file(settings, path, line->err) : 0;
}

int settings_read(struct settings *settings, struct arena *arena, const struct setting *table,
                  uint32_t count, int argc, char **argv, bool stop_at_argument, struct err *err)
{
    struct err unseen = ERR_INIT;
    if (!err)
        err = &unseen;
    *settings = (struct settings){.table = table, .count = count, .arena = arena};
    settings->values = arena_array(arena, count, sizeof(*settings->values));
    if (!settings->values)
        return setting_no_memory(err);
    struct command_line line = {.settings = settings, .argv = argv, .argc = argc, .err = err};
    if (store_defaults(settings, err) != 0 || read_command_line(&line, stop_at_argument) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (read_variable(settings, i, err) != 0)
            return -1;
    }
    return read_named_file(settings, &line);
}

static const struct setting_value *value_of(const struct settings *settings, const char *name)
{
    uint32_t index = setting_find(settings, slice_str(name));
    invariant(index < settings->count, "no setting is called %s", name);
    return &settings->values[index];
}

const char *settings_string(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->text;
}

int64_t settings_number(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->number;
}

bool settings_flag(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->number != 0;
}

bool settings_given(const struct settings *settings, const char *name)
{
    return value_of(settings, name)->source != SETTING_DEFAULT;
}

const char *const *settings_list(const struct settings *settings, const char *name, uint32_t *count)
{
    const struct setting_value *value = value_of(settings, name);
    *count = value->list_count;
    return value->list;
}
