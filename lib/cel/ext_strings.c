/* ext_strings: the extension functions of strings. Positions count code points. */
#define _GNU_SOURCE /* memmem */
#include "cel/ext_format.h"
#include "cel/library.h"
#include "cel/text.h"
#include "cel/utf8.h"

#define BEYOND SIZE_MAX

/* --- positions --- */

/* Where the code point at `index` starts, text.len for the one behind the last; BEYOND for more and
 * for what is negative. */
static size_t byte_offset(struct slice text, int64_t index)
{
    if (index < 0)
        return BEYOND;
    size_t at = 0;
    for (; index > 0 && at < text.len; index--)
        at += utf8_sequence(text.ptr + at, text.len - at);
    return index > 0 ? BEYOND : at;
}

static struct slice tail(struct slice text, size_t at)
{
    return slice_of(text.ptr + at, text.len - at);
}

static struct cel_value out_of_range(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                     int64_t index)
{
    return cel_fail(evaluator, node, "index %lld is out of range of the string", (long long)index);
}

/* Are the arguments of these kinds, one letter each: s string, i int? Those that are not there are
 * not looked at. */
static bool are(const struct cel_ast *node, const struct cel_value *arguments, const char *kinds)
{
    for (uint32_t i = 0; i < cel_argument_count(node) && kinds[i]; i++)
        if (arguments[i].kind != (kinds[i] == 's' ? CEL_STRING : CEL_INT))
            return false;
    return true;
}

static struct cel_value char_at(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    if (!are(node, arguments, "si"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    cel_charge(evaluator, text.len / 16);
    size_t at = byte_offset(text, arguments[1].integer);
    if (at == BEYOND)
        return out_of_range(evaluator, node, arguments[1].integer);
    size_t length = at < text.len ? utf8_sequence(text.ptr + at, text.len - at) : 0;
    return cel_string(slice_of(text.ptr + at, length));
}

static struct cel_value substring(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                  const struct cel_value *arguments)
{
    if (!are(node, arguments, "sii"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    cel_charge(evaluator, text.len / 16);
    size_t start = byte_offset(text, arguments[1].integer);
    if (start == BEYOND)
        return out_of_range(evaluator, node, arguments[1].integer);
    if (cel_argument_count(node) == 2)
        return cel_string(tail(text, start));
    size_t end = byte_offset(text, arguments[2].integer);
    if (end == BEYOND)
        return out_of_range(evaluator, node, arguments[2].integer);
    if (end < start)
        return cel_fail(evaluator, node, "the substring would end (%lld) before it starts (%lld)",
                        (long long)arguments[2].integer, (long long)arguments[1].integer);
    return cel_string(slice_of(text.ptr + start, end - start));
}

/* --- searching --- */

/* BEYOND when it is not there. The part is not empty. */
static size_t find(struct slice text, struct slice part)
{
    const char *found = memmem(text.ptr, text.len, part.ptr, part.len);
    return found ? (size_t)(found - text.ptr) : BEYOND;
}

static struct cel_value position(struct slice text, size_t at)
{
    return cel_int(at == BEYOND ? -1 : (int64_t)cel_utf8_count(slice_of(text.ptr, at)));
}

static struct cel_value index_of(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments)
{
    if (!are(node, arguments, "ssi"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    int64_t from = cel_argument_count(node) == 3 ? arguments[2].integer : 0;
    cel_charge(evaluator, text.len / 16);
    size_t start = byte_offset(text, from);
    if (start == BEYOND)
        return out_of_range(evaluator, node, from);
    if (arguments[1].text.len == 0)
        return cel_int(from);
    size_t at = find(tail(text, start), arguments[1].text);
    return position(text, at == BEYOND ? BEYOND : start + at);
}

/* The last place of the part that starts at `last` or before. Each place costs what looking at it
 * may take. */
static size_t find_last(struct cel_evaluator *evaluator, struct slice text, struct slice part,
                        size_t last)
{
    if (part.len > text.len)
        return BEYOND;
    if (last > text.len - part.len)
        last = text.len - part.len;
    for (size_t at = last + 1; at-- > 0 && evaluator->meter.left >= 0;) {
        if (text.ptr[at] != *part.ptr)
            continue;
        cel_charge(evaluator, part.len / 64);
        if (memcmp(text.ptr + at, part.ptr, part.len) == 0)
            return at;
    }
    return BEYOND;
}

static struct cel_value last_index_of(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments)
{
    if (!are(node, arguments, "ssi"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    cel_charge(evaluator, text.len / 16);
    size_t last = text.len;
    if (cel_argument_count(node) == 3)
        last = byte_offset(text, arguments[2].integer);
    if (last == BEYOND)
        return out_of_range(evaluator, node, arguments[2].integer);
    if (arguments[1].text.len == 0)
        return position(text, last);
    return position(text, find_last(evaluator, text, arguments[1].text, last));
}

/* --- pieces --- */

/* Walks the places of `separator` in a text, at most `limit` of them (negative: all). An empty
 * separator is between any two code points. */
struct pieces {
    struct slice rest;
    struct slice separator;
    int64_t limit;
};

/* Takes the piece in front of the next separator; false when none is left: `rest` is the last one. */
static bool next_piece(struct pieces *pieces, struct slice *piece)
{
    struct slice rest = pieces->rest;
    size_t at = BEYOND;
    if (pieces->limit == 0 || rest.len == 0)
        return false;
    if (pieces->separator.len > 0)
        at = find(rest, pieces->separator);
    else
        at = utf8_sequence(rest.ptr, rest.len);
    if (at == BEYOND || (pieces->separator.len == 0 && at == rest.len))
        return false;
    pieces->limit -= pieces->limit > 0;
    *piece = slice_of(rest.ptr, at);
    pieces->rest = tail(rest, at + pieces->separator.len);
    return true;
}

static struct cel_value split(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    if (!are(node, arguments, "ssi"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    struct slice separator = arguments[1].text;
    int64_t most = cel_argument_count(node) == 3 ? arguments[2].integer : -1;
    bool nothing = most == 0 || (text.len == 0 && separator.len == 0);
    const struct pieces all = {text, separator, most > 0 ? most - 1 : -1};
    struct slice piece;
    size_t count = nothing ? 0 : 1;
    for (struct pieces pieces = all; !nothing && next_piece(&pieces, &piece);)
        count++;
    cel_charge(evaluator, text.len / 16 + count);
    if (count > UINT32_MAX || evaluator->meter.left < 0)
        return cel_fail_cost(evaluator);
    struct cel_value *items = arena_array(evaluator->arena, count, sizeof(*items));
    const struct cel_list *list = NULL;
    if (items)
        list = cel_list_make(evaluator->arena, items, (uint32_t)count);
    if (!list)
        return cel_fail_memory(evaluator);
    struct pieces pieces = all;
    for (size_t i = 0; i < count; i++)
        items[i] = cel_string(next_piece(&pieces, &piece) ? piece : pieces.rest);
    return (struct cel_value){.kind = CEL_LIST, .list = list};
}

/* An empty `from` is also in front of the text and behind it. */
static struct cel_value replace(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    if (!are(node, arguments, "sssi"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice from = arguments[1].text;
    struct slice to = arguments[2].text;
    struct pieces pieces = {arguments[0].text, from,
                            cel_argument_count(node) == 4 ? arguments[3].integer : -1};
    struct cel_text text = cel_text(evaluator);
    struct slice piece;
    cel_charge(evaluator, pieces.rest.len / 16);
    if (from.len == 0 && pieces.limit != 0) {
        cel_text_add(&text, to);
        pieces.limit -= pieces.limit > 0;
    }
    while (!text.failed && next_piece(&pieces, &piece)) {
        cel_text_add(&text, piece);
        cel_text_add(&text, to);
    }
    cel_text_add(&text, pieces.rest);
    if (from.len == 0 && pieces.limit != 0 && pieces.rest.len > 0)
        cel_text_add(&text, to);
    return cel_text_value(&text);
}

static struct cel_value join(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    bool separated = cel_argument_count(node) == 2;
    if (!cel_is_list(&arguments[0]) || (separated && arguments[1].kind != CEL_STRING))
        return cel_fail_overload(evaluator, node, arguments);
    struct cel_text text = cel_text(evaluator);
    struct cel_iter iter = cel_iter(&arguments[0]);
    for (bool first = true; !text.failed && cel_next(&iter); first = false) {
        if (--evaluator->meter.left < 0)
            return cel_fail_cost(evaluator);
        if (!cel_value_read(&iter.value, evaluator->arena))
            return cel_fail_memory(evaluator);
        if (iter.value.kind != CEL_STRING)
            return cel_fail(evaluator, node, "join takes a list of strings, and one element is %s",
                            cel_kind_name(&iter.value));
        if (separated && !first)
            cel_text_add(&text, arguments[1].text);
        cel_text_add(&text, iter.value.text);
    }
    return cel_text_value(&text);
}

/* --- characters --- */

/* A copy in which the bytes from `first` to `last` are moved by `by`. */
static struct cel_value shift_letters(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments, char first, int by)
{
    if (!are(node, arguments, "s"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    cel_charge(evaluator, text.len / 16);
    char *copy = arena_alloc(evaluator->arena, text.len);
    if (!copy)
        return cel_fail_memory(evaluator);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        copy[i] = c >= first && c < first + 26 ? (char)(c + by) : c;
    }
    return cel_string(slice_of(copy, text.len));
}

static struct cel_value lower_ascii(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    return shift_letters(evaluator, node, arguments, 'A', 'a' - 'A');
}

static struct cel_value upper_ascii(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    return shift_letters(evaluator, node, arguments, 'a', 'A' - 'a');
}

static struct cel_value reverse(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    if (!are(node, arguments, "s"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    cel_charge(evaluator, text.len / 16);
    char *copy = arena_alloc(evaluator->arena, text.len);
    if (!copy)
        return cel_fail_memory(evaluator);
    for (size_t at = 0; at < text.len;) {
        size_t length = utf8_sequence(text.ptr + at, text.len - at);
        memcpy(copy + text.len - at - length, text.ptr + at, length);
        at += length;
    }
    return cel_string(slice_of(copy, text.len));
}

/* Unicode's White_Space. */
static const char *const spaces[] = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\xC2\x85", "\xC2\xA0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",   "\u2007",   "\u2008",
    "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};

/* Bytes of the space with which the text starts (or ends); 0 for none. */
static size_t space_length(struct slice text, bool end)
{
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        size_t length = strlen(spaces[i]);
        if (length <= text.len &&
            memcmp(end ? text.ptr + text.len - length : text.ptr, spaces[i], length) == 0)
            return length;
    }
    return 0;
}

static struct cel_value trim(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    if (!are(node, arguments, "s"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice text = arguments[0].text;
    size_t length = 0;
    cel_charge(evaluator, text.len / 16);
    while ((length = space_length(text, false)) > 0)
        text = tail(text, length);
    while ((length = space_length(text, true)) > 0)
        text.len -= length;
    return cel_string(text);
}

static struct cel_value quote(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    static const char escaped[] = "\a\b\f\n\r\t\v\\\"";
    static const char letters[] = "abfnrtv\\\"";
    if (!are(node, arguments, "s"))
        return cel_fail_overload(evaluator, node, arguments);
    struct slice from = arguments[0].text;
    struct cel_text text = cel_text(evaluator);
    cel_charge(evaluator, from.len / 16);
    cel_text_char(&text, '"');
    for (size_t i = 0; i < from.len && !text.failed; i++) {
        const char *found = from.ptr[i] ? strchr(escaped, from.ptr[i]) : NULL;
        if (found)
            cel_text_char(&text, '\\');
        cel_text_char(&text, found ? letters[found - escaped] : from.ptr[i]);
    }
    cel_text_char(&text, '"');
    return cel_text_value(&text);
}

static const struct cel_library_row rows[] = {
    {"charAt", "s.i:s", char_at, false, NULL},
    {"format", "s.l*:s", cel_format, false, NULL},
    {"indexOf", "s.s:i s.si:i", index_of, false, NULL},
    {"join", "ls.:s ls.s:s", join, false, NULL},
    {"lastIndexOf", "s.s:i s.si:i", last_index_of, false, NULL},
    {"lowerAscii", "s.:s", lower_ascii, false, NULL},
    {"replace", "s.ss:s s.ssi:s", replace, false, NULL},
    {"reverse", "s.:s", reverse, false, NULL},
    {"split", "s.s:ls s.si:ls", split, false, NULL},
    {"strings.quote", "s:s", quote, false, NULL},
    {"substring", "s.i:s s.ii:s", substring, false, NULL},
    {"trim", "s.:s", trim, false, NULL},
    {"upperAscii", "s.:s", upper_ascii, false, NULL},
};

const struct cel_library_table cel_ext_strings = {rows, ARRAY_LEN(rows)};
