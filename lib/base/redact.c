#include "base/redact.h"
#include <stdio.h>
#include <string.h>

enum {
    PART_LEAST = 6,  /* characters of a beginning that are masked */
    CODED_LEAST = 4, /* characters of a coded form; shorter ones stand everywhere */
};

enum form { FORM_PLAIN, FORM_BASE64, FORM_HEX };

struct redact_needle {
    enum form form;
    struct slice text;
    const struct redact_needle *next;
};

/* --- the forms --- */

static int add_form(struct redact *redact, struct arena *arena, enum form form, struct slice text)
{
    struct redact_needle *needle = arena_zalloc(arena, sizeof(*needle));
    if (!needle)
        return -1;
    *needle = (struct redact_needle){.form = form, .text = text, .next = redact->first};
    redact->first = needle;
    return 0;
}

/* Those characters that are the same whatever stands around the secret, when `before` (0 to 2) bytes of
 * a group stand in front of it. */
static int add_base64(struct redact *redact, struct arena *arena, struct slice secret,
                      unsigned before)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t from = (before * 8 + 5) / 6;
    const size_t to = (before + secret.len) * 8 / 6;
    size_t len = 0;
    char *text = arena_array(arena, to + 1, 1);
    if (!text)
        return -1;
    for (size_t i = from; i < to; i++) {
        unsigned digit = 0;
        for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
            const unsigned byte = (unsigned char)secret.ptr[bit / 8 - before];
            digit = digit << 1 | (byte >> (7 - bit % 8) & 1);
        }
        text[len++] = digits[digit];
    }
    return len < CODED_LEAST ? 0 : add_form(redact, arena, FORM_BASE64, slice_of(text, len));
}

static int add_hex(struct redact *redact, struct arena *arena, struct slice secret)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_array(arena, secret.len * 2, 1);
    if (!text)
        return -1;
    for (size_t i = 0; i < secret.len; i++) {
        text[2 * i] = digits[(unsigned char)secret.ptr[i] >> 4];
        text[2 * i + 1] = digits[(unsigned char)secret.ptr[i] & 15];
    }
    if (secret.len * 2 < CODED_LEAST)
        return 0;
    return add_form(redact, arena, FORM_HEX, slice_of(text, secret.len * 2));
}

int redact_add(struct redact *redact, struct arena *arena, struct slice secret)
{
    if (secret.len == 0)
        return 0;
    for (const struct redact_needle *n = redact->first; n; n = n->next) {
        if (n->form == FORM_PLAIN && slice_eq(n->text, secret))
            return 0;
    }
    const struct slice kept = arena_copy(arena, secret);
    if (!kept.ptr || add_hex(redact, arena, kept) != 0)
        return -1;
    for (unsigned before = 0; before < 3; before++) {
        if (add_base64(redact, arena, kept, before) != 0)
            return -1;
    }
    return add_form(redact, arena, FORM_PLAIN, kept);
}

/* --- finding them --- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %2F, or %252F */
static size_t percent(struct slice text, size_t at, char *c)
{
    size_t digits = at + 1;
    if (text.len - at > 4 && text.ptr[at + 1] == '2' && text.ptr[at + 2] == '5')
        digits = at + 3;
    if (digits + 1 >= text.len)
        return 0;
    const int high = hex_value(text.ptr[digits]), low = hex_value(text.ptr[digits + 1]);
    *c = (char)(high * 16 + low);
    return high < 0 || low < 0 ? 0 : digits + 2 - at;
}

/* \/, \n, \u002f */
static size_t escape(struct slice text, size_t at, char *c)
{
    static const char names[] = "bfnrt", codes[] = "\b\f\n\r\t";
    unsigned code = 0;
    if (at + 1 >= text.len)
        return 0;
    const char kind = text.ptr[at + 1];
    const char *name = memchr(names, kind, sizeof(names) - 1);
    *c = name ? codes[name - names] : kind;
    if (kind != 'u')
        return 2;
    if (text.len - at < 6)
        return 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        const int digit = hex_value(text.ptr[i]);
        if (digit < 0)
            return 0;
        code = code * 16 + (unsigned)digit;
    }
    *c = (char)code;
    return code < 0x80 ? 6 : 0;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* In base64 the case of a letter counts; elsewhere it may have got lost, as in host names. */
static bool same(enum form form, char wanted, char c)
{
    if (wanted == c)
        return true;
    if (form == FORM_BASE64)
        return (wanted == '+' && c == '-') || (wanted == '/' && c == '_');
    return lower(wanted) == lower(c) || (form == FORM_PLAIN && wanted == ' ' && c == '+');
}

/* Bytes of the text, from `at` on, that are `wanted`; 0: they are something else. */
static size_t match_char(enum form form, char wanted, struct slice text, size_t at)
{
    char c = '\0';
    size_t len = 0;
    if (same(form, wanted, text.ptr[at]))
        return 1;
    if (text.ptr[at] == '%')
        len = percent(text, at, &c);
    else if (text.ptr[at] == '\\')
        len = escape(text, at, &c);
    return len > 0 && same(form, wanted, c) ? len : 0;
}

static size_t match_needle(const struct redact_needle *needle, struct slice text, size_t at,
                           bool parts)
{
    const size_t start = at;
    size_t found = 0;
    while (found < needle->text.len && at < text.len) {
        const size_t len = match_char(needle->form, needle->text.ptr[found], text, at);
        if (len == 0)
            break;
        at += len;
        found++;
    }
    if (found == needle->text.len || (parts && found >= PART_LEAST))
        return at - start;
    return 0;
}

/* The longest of what stands at `at`. */
static size_t match(const struct redact *redact, struct slice text, size_t at, bool parts)
{
    size_t longest = 0;
    for (const struct redact_needle *n = redact->first; n; n = n->next) {
        const size_t len = match_needle(n, text, at, parts);
        if (len > longest)
            longest = len;
    }
    return longest;
}

/* Bytes with which any of them may begin: most of a large text is passed over by this alone. */
static void fill_firsts(const struct redact *redact, bool firsts[256])
{
    memset(firsts, 0, 256 * sizeof(*firsts));
    firsts['%'] = firsts['\\'] = true;
    for (const struct redact_needle *n = redact->first; n; n = n->next) {
        for (int c = 0; c < 256; c++)
            firsts[c] = firsts[c] || same(n->form, n->text.ptr[0], (char)c);
    }
}

void redact_text(const struct redact *redact, struct slice text, bool parts, struct buf *out)
{
    size_t copied = 0;
    bool firsts[256];
    fill_firsts(redact, firsts);
    for (size_t at = 0; at < text.len;) {
        const size_t len = firsts[(unsigned char)text.ptr[at]] ? match(redact, text, at, parts) : 0;
        if (len == 0) {
            at++;
            continue;
        }
        buf_append(out, text.ptr + copied, at - copied);
        buf_str(out, REDACT_MASK);
        copied = at += len;
    }
    buf_append(out, text.ptr + copied, text.len - copied);
}

void redact_message(const struct redact *redact, char *message, size_t size)
{
    struct buf out;
    if (!redact->first)
        return;
    buf_init(&out, 0);
    redact_text(redact, slice_str(message), true, &out);
    (void)snprintf(message, size, "%s", buf_ok(&out) ? (out.data ? out.data : "") : REDACT_MASK);
    buf_free(&out);
}

/* --- documents --- */

static void write_string(const struct redact *redact, struct json_ref ref, bool is_name,
                         uint32_t index, struct arena *arena, struct buf *out)
{
    const struct arena_mark mark = arena_mark(arena);
    const struct slice text = json_string(ref, arena);
    struct buf clean;
    buf_init(&clean, 0);
    if (text.ptr)
        redact_text(redact, text, false, &clean);
    const bool changed = text.ptr && !slice_eq(buf_slice(&clean), text);
    if (changed && is_name)
        buf_printf(&clean, "#%u", index);
    if (!text.ptr || !buf_ok(&clean))
        out->failed = true;
    else if (changed)
        json_write_string(out, buf_slice(&clean));
    else
        buf_slice_append(out, json_text(ref));
    buf_free(&clean);
    arena_rewind(arena, mark);
}

static bool is_secret(const struct redact *redact, struct slice text)
{
    for (const struct redact_needle *n = redact->first; n; n = n->next) {
        if (n->form == FORM_PLAIN && slice_eq(n->text, text))
            return true;
    }
    return false;
}

static void write_list(const struct redact *redact, struct json_ref ref, struct arena *arena,
                       struct buf *out)
{
    const bool object = json_type(ref) == JSON_OBJECT;
    struct json_iter it = json_iter(ref);
    buf_char(out, object ? '{' : '[');
    for (uint32_t i = 0; json_next(&it); i++) {
        if (i > 0)
            buf_char(out, ',');
        if (object) {
            write_string(redact, it.key, true, i, arena, out);
            buf_char(out, ':');
        }
        redact_json(redact, it.value, arena, out);
    }
    buf_char(out, object ? '}' : ']');
}

void redact_json(const struct redact *redact, struct json_ref ref, struct arena *arena,
                 struct buf *out)
{
    const enum json_type type = json_type(ref);
    if (type == JSON_STRING)
        write_string(redact, ref, false, 0, arena, out);
    else if (type == JSON_ARRAY || type == JSON_OBJECT)
        write_list(redact, ref, arena, out); /* as deep as JSON is read */
    else if (is_secret(redact, json_text(ref)))
        buf_str(out, "\"" REDACT_MASK "\"");
    else
        buf_slice_append(out, json_text(ref));
}
