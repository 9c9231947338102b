/* settings_value: one parser per kind, one message per mistake. */
#include "base/settings_value.h"
#include "base/buf.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <strings.h>

enum { SHOWN_BYTES = 60 };

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit byte_units[] = {{"", 1},
                                         {"B", 1},
                                         {"KiB", INT64_C(1) << 10},
                                         {"MiB", INT64_C(1) << 20},
                                         {"GiB", INT64_C(1) << 30},
                                         {"TiB", INT64_C(1) << 40}};
static const struct unit ms_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
static const struct unit no_units[] = {{"", 1}};

int setting_no_memory(struct err *err)
{
    return err_set(err, ERR_LIMIT, "out of memory while reading the settings");
}

/* An integer with one of the units behind it, matched without case. */
static bool parse_number(struct slice text, const struct unit *units, size_t unit_count,
                         int64_t *number)
{
    size_t at = text.len > 0 && text.ptr[0] == '-';
    size_t first = at;
    int64_t sum = 0;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, text.ptr[at] - '0', &sum))
            return false;
    }
    if (at == first)
        return false;
    struct slice rest = slice_of(text.ptr + at, text.len - at);
    for (size_t i = 0; i < unit_count; i++) {
        if (strlen(units[i].name) != rest.len ||
            strncasecmp(units[i].name, rest.ptr, rest.len) != 0)
            continue;
        if (__builtin_mul_overflow(sum, units[i].factor, &sum))
            return false;
        *number = first ? -sum : sum;
        return true;
    }
    return false;
}

static bool parse_flag(struct slice text, int64_t *number)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_str(text, words[i])) {
            *number = i % 2;
            return true;
        }
    }
    return false;
}

const char *setting_expected(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_INT:
        return "an integer";
    case SETTING_BYTES:
        return "a size: a number of bytes, or as 4KiB, 16MiB, 1GiB";
    case SETTING_MS:
        return "a time: a number of milliseconds, or as 500ms, 5s, 2m, 1h";
    case SETTING_FLAG:
        return "true or false";
    case SETTING_STRING:
    case SETTING_LIST:
        break;
    }
    return "text";
}

/* The value as messages may show it. */
static struct slice shown(const struct setting *setting, struct slice text)
{
    return setting->secret ? SLICE("***") : utf8_cut(text, SHOWN_BYTES);
}

static int convert(const struct setting *setting, const char *where, struct slice text,
                   int64_t *number, struct err *err)
{
    bool good = true;
    switch (setting->kind) {
    case SETTING_STRING:
    case SETTING_LIST:
        return 0;
    case SETTING_INT:
        good = parse_number(text, no_units, ARRAY_LEN(no_units), number);
        break;
    case SETTING_BYTES:
        good = parse_number(text, byte_units, ARRAY_LEN(byte_units), number) && *number >= 0;
        break;
    case SETTING_MS:
        good = parse_number(text, ms_units, ARRAY_LEN(ms_units), number) && *number >= 0;
        break;
    case SETTING_FLAG:
        good = parse_flag(text, number);
        break;
    }
    struct slice show = shown(setting, text);
    if (!good)
        return err_set(err, ERR_USAGE, "%s: \"%.*s\" is not %s", where, SLICE_ARG(show),
                       setting_expected(setting->kind));
    bool ranged = setting->kind != SETTING_FLAG && (setting->min != 0 || setting->max != 0);
    if (ranged && (*number < setting->min || *number > setting->max))
        return err_set(err, ERR_USAGE, "%s: %.*s is not between %" PRId64 " and %" PRId64, where,
                       SLICE_ARG(show), setting->min, setting->max);
    return 0;
}

/* Adds the parts between commas, without the empty ones. */
static int extend_list(struct arena *arena, struct setting_value *value, struct slice text)
{
    uint32_t room = value->list_count + 1;
    for (size_t i = 0; i < text.len; i++)
        room += text.ptr[i] == ',';
    const char **list = arena_array(arena, room, sizeof(*list));
    if (!list)
        return -1;
    uint32_t count = value->list_count;
    for (uint32_t i = 0; i < count; i++)
        list[i] = value->list[i];
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma ? (size_t)(comma - text.ptr) : text.len;
        if (len > 0) {
            list[count] = arena_strdup(arena, slice_of(text.ptr, len));
            if (!list[count++])
                return -1;
        }
        len += comma != NULL;
        text = slice_of(text.ptr + len, text.len - len);
    }
    value->list = list;
    value->list_count = count;
    return 0;
}

int setting_store(struct settings *settings, uint32_t index, enum setting_source source,
                  const char *where, struct slice text, struct err *err)
{
    const struct setting *setting = &settings->table[index];
    struct setting_value *value = &settings->values[index];
    if (memchr(text.ptr, '\0', text.len))
        return err_set(err, ERR_USAGE, "%s: a zero byte in the value", where);
    struct setting_value next = {.source = source};
    if (value->source == source) { /* the defaults come first, and once */
        next.list = value->list;
        next.list_count = value->list_count;
    }
    if (convert(setting, where, text, &next.number, err) != 0)
        return -1;
    next.text = arena_strdup(settings->arena, text);
    if (!next.text)
        return setting_no_memory(err);
    if (setting->kind == SETTING_LIST && extend_list(settings->arena, &next, text) != 0)
        return setting_no_memory(err);
    *value = next;
    return 0;
}

uint32_t setting_find(const struct settings *settings, struct slice name)
{
    uint32_t index = 0;
    while (index < settings->count && !slice_eq_str(name, settings->table[index].name))
        index++;
    return index;
}

static const char *const names_of_all[] = {
#define NAME(name) name,
#include "base/settings_names.def"
#undef NAME
};

bool setting_known_elsewhere(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(names_of_all); i++) {
        if (slice_eq_str(name, names_of_all[i]))
            return true;
    }
    return false;
}

const char *setting_suggest(const struct settings *settings, struct slice name, bool from_file)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (uint32_t i = 0; i < settings->count; i++) {
        if (!from_file || !settings->table[i].flag_only)
            suggest_offer(&suggest, slice_str(settings->table[i].name));
    }
    for (size_t i = 0; from_file && i < ARRAY_LEN(names_of_all); i++)
        suggest_offer(&suggest, slice_str(names_of_all[i]));
    return suggest.best.ptr; /* a table's name, so NUL-terminated */
}
