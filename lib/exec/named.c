/* named: the transformations that go by a name. */
#include "base/utf8.h"
#include "exec/executors.h"
#include "exec/items.h"
#include <locale.h>
#include <stdlib.h>
#include <wctype.h>

/* --- strings, anywhere in the value --- */

struct rewriting {
    struct exec_task *task;
    locale_t locale;
};

static uint32_t decode(const char *ptr, size_t len)
{
    const unsigned char *s = (const unsigned char *)ptr;
    if (len == 1)
        return s[0];
    uint32_t point = s[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (s[i] & 0x3Fu);
    return point;
}

static void change_case(const struct rewriting *r, struct slice text, struct buf *out)
{
    for (size_t at = 0; at < text.len;) {
        const size_t step = utf8_sequence(text.ptr + at, text.len - at);
        const wint_t point = (wint_t)decode(text.ptr + at, step ? step : 1);
        const wint_t changed = r->task->node->transformation == TRANSFORMATION_UPPERCASE
                                   ? towupper_l(point, r->locale)
                                   : towlower_l(point, r->locale);
        char encoded[4];
        buf_append(out, encoded, utf8_encode((uint32_t)changed, encoded));
        at += step ? step : 1;
    }
}

static struct slice trimmed(struct slice text)
{
    static const char blanks[] = " \t\r\n\f\v";
    while (text.len > 0 && strchr(blanks, text.ptr[0]) && text.ptr[0])
        text = slice_of(text.ptr + 1, text.len - 1);
    while (text.len > 0 && strchr(blanks, text.ptr[text.len - 1]) && text.ptr[text.len - 1])
        text.len--;
    return text;
}

static int write_string(const struct rewriting *r, struct json_ref string)
{
    struct exec_task *task = r->task;
    struct slice text = json_string(string, task->arena);
    struct buf changed;
    if (!text.ptr)
        return exec_failed(task, "too_large", "out of memory for a string");
    if (task->node->transformation == TRANSFORMATION_TRIM) {
        json_write_string(task->output, trimmed(text));
        return 0;
    }
    buf_init(&changed, task->max_value_bytes);
    change_case(r, text, &changed);
    const bool good = buf_ok(&changed);
    if (good)
        json_write_string(task->output, buf_slice(&changed));
    buf_free(&changed);
    return good ? 0 : exec_failed(task, "too_large", "out of memory for a string");
}

/* Nested at most as deep as the reader lets through. */
static int rewrite(const struct rewriting *r, struct json_ref value)
{
    struct buf *out = r->task->output;
    const enum json_type type = json_type(value);
    bool first = true;
    if (type == JSON_STRING)
        return write_string(r, value);
    if (type != JSON_ARRAY && type != JSON_OBJECT) {
        buf_slice_append(out, json_text(value));
        return 0;
    }
    buf_char(out, type == JSON_ARRAY ? '[' : '{');
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        if (!first)
            buf_char(out, ',');
        first = false;
        if (type == JSON_OBJECT) { /* names stay */
            buf_slice_append(out, json_text(it.key));
            buf_char(out, ':');
        }
        if (rewrite(r, it.value) != 0)
            return -1;
    }
    buf_char(out, type == JSON_ARRAY ? ']' : '}');
    return 0;
}

static int rewrite_strings(struct exec_task *task, struct json_ref value)
{
    struct rewriting r = {.task = task, .locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL)};
    if (!r.locale)
        return exec_failed(task, "internal", "the locale C.UTF-8 is not there");
    const int result = rewrite(&r, value);
    freelocale(r.locale);
    return result;
}

/* --- lists and objects --- */

static int wrong(struct exec_task *task, const char *wanted, struct json_ref value)
{
    return exec_failed(task, "type", "%s: the input must be %s, not %s",
                       transformation_name(task->node->transformation), wanted,
                       json_type_name(json_type(value)));
}

static int keys_or_values(struct exec_task *task, struct json_ref value, bool keys)
{
    bool first = true;
    if (json_type(value) != JSON_OBJECT)
        return wrong(task, "an object", value);
    buf_char(task->output, '[');
    struct json_iter it = json_iter(value);
    while (json_next(&it)) {
        if (!first)
            buf_char(task->output, ',');
        first = false;
        buf_slice_append(task->output, json_text(keys ? it.key : it.value));
    }
    buf_char(task->output, ']');
    return 0;
}

static int length(struct exec_task *task, struct json_ref value)
{
    uint64_t count = 0;
    if (json_type(value) == JSON_STRING) {
        struct slice text = json_string(value, task->arena);
        if (!text.ptr)
            return exec_failed(task, "too_large", "out of memory for a string");
        for (size_t i = 0; i < text.len; i++)
            count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    } else if (json_type(value) == JSON_ARRAY || json_type(value) == JSON_OBJECT) {
        count = json_count(value);
    } else {
        return wrong(task, "a list, an object or a string", value);
    }
    buf_uint(task->output, count);
    return 0;
}

struct sortable {
    struct json_ref value;
    struct slice text; /* strings */
    uint32_t index;    /* equal ones keep their order */
};

static int compare(const void *a, const void *b)
{
    const struct sortable *one = a, *other = b;
    int64_t i, j;
    int order;
    if (one->text.ptr) {
        const size_t len = one->text.len < other->text.len ? one->text.len : other->text.len;
        order = memcmp(one->text.ptr, other->text.ptr, len);
        if (order == 0)
            order = (one->text.len > other->text.len) - (one->text.len < other->text.len);
    } else if (json_int(one->value, &i) && json_int(other->value, &j)) {
        order = (i > j) - (i < j);
    } else {
        const double x = json_double(one->value), y = json_double(other->value);
        order = (x > y) - (x < y);
    }
    return order != 0 ? order : (one->index > other->index) - (one->index < other->index);
}

static int write_sorted(struct exec_task *task, const struct sortable *items, uint32_t count)
{
    buf_char(task->output, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(task->output, ',');
        buf_slice_append(task->output, json_text(items[i].value));
    }
    buf_char(task->output, ']');
    return 0;
}

static int sort(struct exec_task *task, struct json_ref list)
{
    const uint32_t count = json_count(list);
    struct sortable *items = arena_array(task->arena, count, sizeof(*items));
    uint32_t n = 0;
    if (!items)
        return exec_failed(task, "too_large", "out of memory to sort");
    struct json_iter it = json_iter(list);
    while (json_next(&it)) {
        const enum json_type type = json_type(it.value);
        if ((type != JSON_STRING && type != JSON_NUMBER) ||
            (n > 0 && type != json_type(items[0].value)))
            return exec_failed(task, "type",
                               "sort: the items must be all numbers or all strings, and one is %s",
                               json_type_name(type));
        items[n] = (struct sortable){.value = it.value, .index = n};
        if (type == JSON_STRING) {
            items[n].text = json_string(it.value, task->arena);
            if (!items[n].text.ptr)
                return exec_failed(task, "too_large", "out of memory to sort");
        }
        n++;
    }
    if (n > 0)
        qsort(items, n, sizeof(*items), compare);
    return write_sorted(task, items, n);
}

static int reverse(struct exec_task *task, struct json_ref list)
{
    uint32_t n = json_count(list);
    struct sortable *items = arena_array(task->arena, n, sizeof(*items));
    if (!items)
        return exec_failed(task, "too_large", "out of memory to reverse");
    struct json_iter it = json_iter(list);
    while (json_next(&it))
        items[--n].value = it.value;
    return write_sorted(task, items, json_count(list));
}

static int unique(struct exec_task *task, struct json_ref list)
{
    struct strmap set;
    bool first = true;
    int result = 0;
    strmap_init(&set);
    buf_char(task->output, '[');
    struct json_iter it = json_iter(list);
    while (result == 0 && json_next(&it))
        result = items_write_new(task, &set, it.value, &first);
    buf_char(task->output, ']');
    strmap_free(&set);
    return result;
}

/* One level; what is no list stays. */
static int flatten(struct exec_task *task, struct json_ref list)
{
    bool first = true;
    buf_char(task->output, '[');
    struct json_iter it = json_iter(list);
    while (json_next(&it)) {
        struct slice text = json_text(it.value);
        if (json_type(it.value) == JSON_ARRAY) {
            if (json_count(it.value) == 0)
                continue;
            text = slice_of(text.ptr + 1, text.len - 2); /* between its brackets */
        }
        if (!first)
            buf_char(task->output, ',');
        first = false;
        buf_slice_append(task->output, text);
    }
    buf_char(task->output, ']');
    return 0;
}

int exec_named(struct exec_task *task)
{
    struct json_ref value;
    if (graph_text_ref(&task->values->input, task->arena, &value) != 0)
        return exec_failed(task, "too_large", "the input cannot be read within the limits");
    const enum graph_transformation name = task->node->transformation;
    const bool list = name == TRANSFORMATION_SORT || name == TRANSFORMATION_REVERSE ||
                      name == TRANSFORMATION_UNIQUE || name == TRANSFORMATION_FLATTEN;
    if (list && json_type(value) != JSON_ARRAY)
        return wrong(task, "a list", value);
    switch (name) {
    case TRANSFORMATION_UPPERCASE:
    case TRANSFORMATION_LOWERCASE:
    case TRANSFORMATION_TRIM:
        return rewrite_strings(task, value);
    case TRANSFORMATION_KEYS:
        return keys_or_values(task, value, true);
    case TRANSFORMATION_VALUES:
        return keys_or_values(task, value, false);
    case TRANSFORMATION_LENGTH:
        return length(task, value);
    case TRANSFORMATION_SORT:
        return sort(task, value);
    case TRANSFORMATION_REVERSE:
        return reverse(task, value);
    case TRANSFORMATION_UNIQUE:
        return unique(task, value);
    case TRANSFORMATION_FLATTEN:
        return flatten(task, value);
    case TRANSFORMATION_NONE:
        break;
    }
    return exec_failed(task, "internal", "a transformation without a name");
}
