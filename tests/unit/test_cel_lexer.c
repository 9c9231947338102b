/* Tokens of expressions: "source / tokens" and "source / error". */
#include "alloc_in_turn.h"
#include "cel/lexer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

/* Tokens as KIND:content, separated by blanks; strings are decoded. On failure "line:column message". */
static void lex(struct slice source, struct arena *arena, struct buf *out)
{
    static const char *const kinds[] = {"end",    "name",   "quoted", "int",   "uint",
                                        "double", "string", "bytes",  "symbol"};
    struct cel_error error;
    struct cel_lexer lexer = {.source = source, .error = &error};
    struct cel_token token;
    for (;;) {
        struct slice value;
        if (cel_lexer_next(&lexer, &token) != 0)
            break;
        if (token.kind == CEL_TOKEN_END)
            return;
        bool text = token.kind == CEL_TOKEN_STRING || token.kind == CEL_TOKEN_BYTES;
        value = token.kind == CEL_TOKEN_SYMBOL ? token.text : token.content;
        if (text && cel_lexer_decode(&lexer, &token, arena, &value) != 0)
            break;
        buf_printf(out, "%s%s:", out->len > 0 ? " " : "", kinds[token.kind]);
        buf_slice_append(out, value);
    }
    buf_reset(out);
    buf_printf(out, "%u:%u %s", error.line, error.column, error.message);
}

static void check(struct slice source, struct slice wanted)
{
    struct arena arena;
    struct buf out;
    arena_init(&arena, 0);
    buf_init(&out, 0);
    lex(source, &arena, &out);
    if (!slice_eq(buf_slice(&out), wanted))
        fail_msg("%.*s\n  gives  %.*s\n  wanted %.*s", SLICE_ARG(source),
                 SLICE_ARG(buf_slice(&out)), SLICE_ARG(wanted));
    buf_free(&out);
    arena_free(&arena);
}

struct pair {
    const char *source;
    const char *wanted;
};

static void check_all(const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(slice_str(pairs[i].source), slice_str(pairs[i].wanted));
}

static void test_tokens(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"", ""},
        {" \t\r\n\f// nothing", ""},
        {"a // b\n c", "name:a name:c"},
        {"_a1.b", "name:_a1 symbol:. name:b"},
        {"a<=b", "name:a symbol:<= name:b"},
        {"!a&&b||c!=d==e", "symbol:! name:a symbol:&& name:b symbol:|| name:c symbol:!= name:d "
                           "symbol:== name:e"},
        {"()[]{},:?+-*/%<>", "symbol:( symbol:) symbol:[ symbol:] symbol:{ symbol:} symbol:, "
                             "symbol:: symbol:? symbol:+ symbol:- symbol:* symbol:/ symbol:% "
                             "symbol:< symbol:>"},
        {"a.`b-c/d.e f`", "name:a symbol:. quoted:b-c/d.e f"},
        {"1 12u 0x1F 0xffU", "int:1 uint:12 int:0x1F uint:0xff"},
        {"1.5 .5 1e3 1.5E-3 2e+1", "double:1.5 double:.5 double:1e3 double:1.5E-3 double:2e+1"},
        {"1.a", "int:1 symbol:. name:a"},
        {"a[1]", "name:a symbol:[ int:1 symbol:]"},
    };
    check_all(pairs, ARRAY_LEN(pairs));
}

static void test_strings(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"'a' \"b\"", "string:a string:b"},
        {"'' \"\"", "string: string:"},
        {"'\"' \"'\"", "string:\" string:'"},
        {"'''a'b\nc''' \"\"\"d\"e\"\"\"", "string:a'b\nc string:d\"e"},
        {"'\\n\\t\\\\\\'\\\"\\`\\?'", "string:\n\t\\'\"`?"},
        {"'\\a\\b\\f\\r\\v'", "string:\a\b\f\r\v"},
        {"'\\x41\\u00e9\\U0001F600\\101\\xff'", "string:A\u00e9\U0001F600A\u00ff"},
        {"b'\\x41\\377'", "bytes:A\377"},
        {"b'\u00e9'", "bytes:\u00e9"},
        {"r'a\\n' R\"\\\" b'x' br'\\x' B\"y\"", "string:a\\n string:\\ bytes:x bytes:\\x bytes:y"},
        {"b 'x'", "name:b string:x"},
        {"bar'x'", "name:bar string:x"},
        {"\u00e9", "1:1 unexpected character '\u00e9'"},
    };
    check_all(pairs, ARRAY_LEN(pairs));
    check(SLICE("b'\0'"), SLICE("bytes:\0"));
}

static void test_errors(void **state UNUSED)
{
    static const struct pair pairs[] = {
        {"a = b", "1:3 '=' is not an operator; did you mean '=='?"},
        {"a & b", "1:3 '&' is not an operator; did you mean '&&'?"},
        {"a | b", "1:3 '|' is not an operator; did you mean '||'?"},
        {"a\n  # b", "2:3 unexpected character '#'"},
        {"\u00e9", "1:1 unexpected character '\u00e9'"},
        {"'\u00e9' $", "1:5 unexpected character '$'"},
        {"a \x01", "1:3 unexpected control character 0x01"},
        {"'abc", "1:1 the string is not closed: expected '"},
        {"x + 'abc\\", "1:5 the string is not closed: expected '"},
        {"'''abc''", "1:1 the string is not closed: expected three times '"},
        {"'a\nb'", "1:1 the string is not closed on its line (use \\n, or triple quotes)"},
        {"'ab\\q'",
         "1:4 unknown escape; known are \\a \\b \\f \\n \\r \\t \\v \\\\ \\? \\\" \\' \\` "
         "\\xHH \\uHHHH \\UHHHHHHHH \\OOO"},
        {"'\\x4'", "1:2 expected 2 hexadecimal digits in the escape"},
        {"'\\u12g4'", "1:2 expected 4 hexadecimal digits in the escape"},
        {"'\\18'", "1:2 expected 3 octal digits in the escape"},
        {"b'\\777'", "1:3 octal escapes end at \\377"},
        {"'\\ud800'", "1:2 U+D800 is not a character"},
        {"'\\U00110000'", "1:2 U+110000 is not a character"},
        {"b'\\u0041'", "1:3 \\u is not allowed in bytes; use \\x escapes"},
        {"0xg", "1:3 expected hexadecimal digits after '0x'"},
        {"1e", "1:3 expected digits in the exponent"},
        {"1e+x", "1:4 expected digits in the exponent"},
        {"12px", "1:3 expected an operator after the number, found 'p'"},
        {"a.``", "1:3 a quoted name cannot be empty"},
        {"a.`b", "1:5 expected letters, digits, '_', '.', '-', '/', blank or a closing '`'"},
    };
    check_all(pairs, ARRAY_LEN(pairs));
}

static void test_no_memory(void **state UNUSED)
{
    struct cel_error error;
    struct cel_lexer lexer = {.source = SLICE("'\\n'"), .error = &error};
    struct cel_token token;
    struct arena arena;
    struct slice value;
    assert_int_equal(cel_lexer_next(&lexer, &token), 0);
    arena_init(&arena, 1);
    assert_int_equal(cel_lexer_decode(&lexer, &token, &arena, &value), -1);
    assert_int_equal(error.code, CEL_ERROR_MEMORY);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
