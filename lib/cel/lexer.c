#include "cel/lexer.h"
#include "cel/fault.h"
#include "cel/utf8.h"
#include <stdio.h>

static int fail(const struct cel_lexer *lexer, size_t offset, const char *format, ...) PRINTF(3, 4);
static int fail(const struct cel_lexer *lexer, size_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cel_error_vset(lexer->error, lexer->source, CEL_ERROR_SYNTAX, (uint32_t)offset, format,
                   arguments);
    va_end(arguments);
    return -1;
}

/* The byte at lexer->at + ahead, 0 behind the end (a NUL in the source is no token either). */
static char peek(const struct cel_lexer *lexer, size_t ahead)
{
    size_t at = lexer->at + ahead;
    return at < lexer->source.len ? lexer->source.ptr[at] : '\0';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static void skip_space(struct cel_lexer *lexer)
{
    for (;;) {
        char c = peek(lexer, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            lexer->at++;
        } else if (c == '/' && peek(lexer, 1) == '/') {
            while (lexer->at < lexer->source.len && peek(lexer, 0) != '\n')
                lexer->at++;
        } else {
            return;
        }
    }
}

static struct slice since(const struct cel_lexer *lexer, size_t start)
{
    return slice_of(lexer->source.ptr + start, lexer->at - start);
}

static void digits(struct cel_lexer *lexer)
{
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
}

/* [digits] ["." digits] [e digits], or 0x hex; both kinds of integer may end in u. */
static int lex_number(struct cel_lexer *lexer, struct cel_token *token)
{
    size_t start = lexer->at;
    token->kind = CEL_TOKEN_INT;
    if (peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X')) {
        lexer->at += 2;
        if (hex_digit(peek(lexer, 0)) < 0)
            return fail(lexer, lexer->at, "expected hexadecimal digits after '0x'");
        while (hex_digit(peek(lexer, 0)) >= 0)
            lexer->at++;
    } else {
        digits(lexer);
        if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
            token->kind = CEL_TOKEN_DOUBLE;
            lexer->at++;
            digits(lexer);
        }
        if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
            token->kind = CEL_TOKEN_DOUBLE;
            lexer->at++;
            if (peek(lexer, 0) == '+' || peek(lexer, 0) == '-')
                lexer->at++;
            if (!is_digit(peek(lexer, 0)))
                return fail(lexer, lexer->at, "expected digits in the exponent");
            digits(lexer);
        }
    }
    token->content = since(lexer, start);
    if (token->kind == CEL_TOKEN_INT && (peek(lexer, 0) == 'u' || peek(lexer, 0) == 'U')) {
        token->kind = CEL_TOKEN_UINT;
        lexer->at++;
    }
    if (is_name_part(peek(lexer, 0)))
        return fail(lexer, lexer->at, "expected an operator after the number, found '%c'",
                    peek(lexer, 0));
    return 0;
}

/* Prefixes (r, b, br) are consumed already; the lexer stands at the opening quote. */
static int lex_quoted(struct cel_lexer *lexer, struct cel_token *token, bool raw)
{
    char quote = peek(lexer, 0);
    bool triple = peek(lexer, 1) == quote && peek(lexer, 2) == quote;
    lexer->at += triple ? 3 : 1;
    size_t start = lexer->at;
    for (; lexer->at < lexer->source.len; lexer->at++) {
        char c = peek(lexer, 0);
        if (c == '\\' && !raw) {
            token->escaped = true;
            lexer->at++; /* whatever follows is no end; cel_lexer_decode looks at it */
        } else if (c == quote &&
                   (!triple || (peek(lexer, 1) == quote && peek(lexer, 2) == quote))) {
            token->content = since(lexer, start);
            lexer->at += triple ? 3 : 1;
            return 0;
        } else if (!triple && (c == '\n' || c == '\r')) {
            return fail(lexer, token->offset,
                        "the string is not closed on its line (use \\n, or triple quotes)");
        }
    }
    lexer->at = lexer->source.len;
    return fail(lexer, token->offset, "the string is not closed: expected %s%c",
                triple ? "three times " : "", quote);
}

static int lex_quoted_name(struct cel_lexer *lexer, struct cel_token *token)
{
    lexer->at++;
    size_t start = lexer->at;
    for (;;) {
        char c = peek(lexer, 0);
        if (c == '`')
            break;
        if (!is_name_part(c) && c != '.' && c != '-' && c != '/' && c != ' ')
            return fail(lexer, lexer->at,
                        "expected letters, digits, '_', '.', '-', '/', blank or a closing '`'");
        lexer->at++;
    }
    token->kind = CEL_TOKEN_QUOTED_NAME;
    token->content = since(lexer, start);
    lexer->at++;
    if (token->content.len == 0)
        return fail(lexer, token->offset, "a quoted name cannot be empty");
    return 0;
}

/* A name, or a string with prefix letters. */
static int lex_word(struct cel_lexer *lexer, struct cel_token *token)
{
    size_t start = lexer->at;
    while (is_name_part(peek(lexer, 0)))
        lexer->at++;
    token->kind = CEL_TOKEN_NAME;
    token->content = since(lexer, start);
    char next = peek(lexer, 0);
    if ((next != '"' && next != '\'') || token->content.len > 2)
        return 0;
    size_t i = 0;
    const char *letters = token->content.ptr;
    bool bytes = i < token->content.len && (letters[i] == 'b' || letters[i] == 'B');
    i += bytes;
    bool raw = i < token->content.len && (letters[i] == 'r' || letters[i] == 'R');
    i += raw;
    if (i != token->content.len)
        return 0; /* not prefixes: a name, and the parser complains of the string behind it */
    token->kind = bytes ? CEL_TOKEN_BYTES : CEL_TOKEN_STRING;
    return lex_quoted(lexer, token, raw);
}

static int lex_symbol(struct cel_lexer *lexer, struct cel_token *token)
{
    static const char two[][3] = {"<=", ">=", "==", "!=", "&&", "||"};
    token->kind = CEL_TOKEN_SYMBOL;
    for (size_t i = 0; i < ARRAY_LEN(two); i++) {
        if (peek(lexer, 0) == two[i][0] && peek(lexer, 1) == two[i][1]) {
            lexer->at += 2;
            return 0;
        }
    }
    char c = peek(lexer, 0);
    if (c != '\0' && strchr("()[]{}.,:?+-*/%!<>", c)) {
        lexer->at++;
        return 0;
    }
    if (c == '=' || c == '&' || c == '|')
        return fail(lexer, lexer->at, "'%c' is not an operator; did you mean '%c%c'?", c, c, c);
    size_t length = utf8_sequence(lexer->source.ptr + lexer->at, lexer->source.len - lexer->at);
    if (length > 1)
        return fail(lexer, lexer->at, "unexpected character '%.*s'", (int)length,
                    lexer->source.ptr + lexer->at);
    if (c < ' ' || c == 0x7F)
        return fail(lexer, lexer->at, "unexpected control character 0x%02X", (unsigned)c & 0xFFu);
    return fail(lexer, lexer->at, "unexpected character '%c'", c);
}

int cel_lexer_next(struct cel_lexer *lexer, struct cel_token *token)
{
    skip_space(lexer);
    *token = (struct cel_token){.kind = CEL_TOKEN_END, .offset = (uint32_t)lexer->at};
    if (lexer->at >= lexer->source.len)
        return 0;
    size_t start = lexer->at;
    char c = peek(lexer, 0);
    int result = 0;
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        result = lex_number(lexer, token);
    } else if (is_name_start(c)) {
        result = lex_word(lexer, token);
    } else if (c == '"' || c == '\'') {
        token->kind = CEL_TOKEN_STRING;
        result = lex_quoted(lexer, token, false);
    } else if (c == '`') {
        result = lex_quoted_name(lexer, token);
    } else {
        result = lex_symbol(lexer, token);
    }
    token->text = since(lexer, start);
    return result;
}

/* --- escapes --- */

struct decoder {
    const struct cel_lexer *lexer;
    struct slice content;
    size_t at; /* behind the backslash and its letter */
    bool bytes;
    char *out; /* never longer than the content: an escape is at least as long as what it means */
    size_t length;
};

static size_t decoder_offset(const struct decoder *decoder, size_t at)
{
    return (size_t)(decoder->content.ptr - decoder->lexer->source.ptr) + at;
}

/* A code point in strings, a byte in bytes. */
static void decoder_emit(struct decoder *decoder, uint32_t value)
{
    if (decoder->bytes)
        decoder->out[decoder->length++] = (char)value;
    else
        decoder->length += utf8_encode(value, decoder->out + decoder->length);
}

static int decode_digits(struct decoder *decoder, size_t start, unsigned count, unsigned base)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++, decoder->at++) {
        int digit =
            decoder->at < decoder->content.len ? hex_digit(decoder->content.ptr[decoder->at]) : -1;
        if (digit < 0 || (unsigned)digit >= base)
            return fail(decoder->lexer, decoder_offset(decoder, start),
                        "expected %u %s digits in the escape", count,
                        base == 8 ? "octal" : "hexadecimal");
        value = value * base + (uint32_t)digit;
    }
    if (base == 8 && value > 0377)
        return fail(decoder->lexer, decoder_offset(decoder, start), "octal escapes end at \\377");
    if (!decoder->bytes && (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)))
        return fail(decoder->lexer, decoder_offset(decoder, start), "U+%04X is not a character",
                    (unsigned)value);
    decoder_emit(decoder, value);
    return 0;
}

static int decode_escape(struct decoder *decoder)
{
    static const char letters[] = "abfnrtv\\?\"'`";
    static const char values[] = "\a\b\f\n\r\t\v\\?\"'`";
    size_t start = decoder->at - 1;
    char c = decoder->content.ptr[decoder->at];
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        decoder->at++;
        decoder_emit(decoder, (uint32_t)(unsigned char)values[letter - letters]);
        return 0;
    }
    if (c >= '0' && c <= '7')
        return decode_digits(decoder, start, 3, 8);
    decoder->at++;
    if (c == 'x' || c == 'X')
        return decode_digits(decoder, start, 2, 16);
    if ((c == 'u' || c == 'U') && decoder->bytes)
        return fail(decoder->lexer, decoder_offset(decoder, start),
                    "\\%c is not allowed in bytes; use \\x escapes", c);
    if (c == 'u' || c == 'U')
        return decode_digits(decoder, start, c == 'u' ? 4 : 8, 16);
    return fail(decoder->lexer, decoder_offset(decoder, start),
                "unknown escape; known are \\a \\b \\f \\n \\r \\t \\v \\\\ \\? \\\" \\' \\` \\xHH "
                "\\uHHHH \\UHHHHHHHH \\OOO");
}

int cel_lexer_decode(const struct cel_lexer *lexer, const struct cel_token *token,
                     struct arena *arena, struct slice *value)
{
    if (!token->escaped) {
        *value = token->content;
        return 0;
    }
    struct decoder decoder = {.lexer = lexer,
                              .content = token->content,
                              .bytes = token->kind == CEL_TOKEN_BYTES,
                              .out = arena_alloc(arena, token->content.len + 1)};
    if (!decoder.out) {
        cel_error_no_memory(lexer->error, lexer->source);
        return -1;
    }
    while (decoder.at < decoder.content.len) {
        char c = decoder.content.ptr[decoder.at++];
        if (c != '\\')
            decoder.out[decoder.length++] = c;
        else if (decode_escape(&decoder) != 0)
            return -1;
    }
    *value = slice_of(decoder.out, decoder.length);
    return 0;
}

struct slice cel_token_describe(const struct cel_token *token, char *out, size_t size)
{
    if (token->kind == CEL_TOKEN_END)
        return SLICE("the end of the expression");
    struct slice text = cel_utf8_clip(token->text, 40);
    int length =
        snprintf(out, size, "'%.*s%s'", SLICE_ARG(text), text.len < token->text.len ? "…" : "");
    return slice_of(out, length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1);
}
