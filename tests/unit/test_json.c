/* What the JSON reader takes, what it refuses, and what it says then. */
#include "alloc_in_turn.h"
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const char *const accepted[] = {
    /* scalars */
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1234567890",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "0.0",
    "-0.0",
    "0.5",
    "1.25",
    "1e1",
    "1E1",
    "1e+1",
    "1e-1",
    "1.5e10",
    "-1.5E-10",
    "0e0",
    "0E+0",
    "1e999",
    "1e-999",
    "\"\"",
    "\"a\"",
    "\" \"",
    "\"0123456\"",
    "\"01234567\"",
    "\"012345678\"",
    "\"0123456789abcdef0123456789abcdef\"",
    "\"/\"",
    "\"'\"",
    "\"\x7f\"",
    "\"{}[],:\"",
    /* escapes */
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u0041\"",
    "\"\\u00e9\"",
    "\"\\u00E9\"",
    "\"\\uABCD\"",
    "\"\\uabcd\"",
    "\"\\uD7FF\"",
    "\"\\uE000\"",
    "\"\\uFFFF\"",
    "\"\\uD800\\uDC00\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"\\ud83d\\ude00\"",
    "\"a\\\\\"",
    "\"\\\\\\\"\"",
    "\"\\\\u0041\"",
    /* UTF-8 at the borders of each length */
    "\"\xC2\x80\"",
    "\"\xDF\xBF\"",
    "\"\xE0\xA0\x80\"",
    "\"\xED\x9F\xBF\"",
    "\"\xEE\x80\x80\"",
    "\"\xEF\xBF\xBF\"",
    "\"\xEF\xBB\xBF\"",
    "\"\xF0\x90\x80\x80\"",
    "\"\xF4\x8F\xBF\xBF\"",
    "\"abcdefg\xC3\xA9hijklmno\"",
    "\"\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA4\"",
    /* containers */
    "[]",
    "{}",
    "[ ]",
    "{ }",
    "[\n]",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[]]",
    "[{}]",
    "[[],[]]",
    "[[[[[]]]]]",
    "[1,\"a\",null,true,false,{},[]]",
    "{\"a\":1}",
    "{\"a\":1,\"b\":2}",
    "{ \"a\" : 1 , \"b\" : 2 }",
    "{\"a\":{\"a\":{\"a\":1}}}",
    "{\"\":1}",
    "{\"a\":[]}",
    "{\"a\":{}}",
    "[{\"a\":1},{\"a\":1}]",
    "{\"a\":1,\"A\":2}",
    "{\"a\":1,\"aa\":2,\"aaa\":3}",
    "{\"12345678\":1,\"123456789\":2}",
    "{\"1234567a\":1,\"1234567b\":2}",
    "{\"12345678a\":1,\"12345678b\":2}",
    "{\"\\u0061\":1,\"b\":2}",
    "{\"a\\u0000\":1,\"a\":2}",
    "{\"\\n\":1,\"\\t\":2}",
    "{\"\xC3\xA9\":1,\"e\xCC\x81\":2}", /* no normalisation */
    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":10,\"k\":11,"
    "\"l\":12,\"m\":13,\"n\":14,\"o\":15,\"p\":16,\"q\":17,\"r\":18}",
    /* white space */
    " 1",
    "1 ",
    "\t\r\n 1\t\r\n ",
    "\r\n[\r\n1\r\n,\r\n2\r\n]\r\n",
};

struct refusal {
    const char *text;
    uint32_t line, column;
    const char *says; /* part of the message */
};

static const struct refusal refused[] = {
    /* nothing, or more than one thing */
    {"", 1, 1, "expected a value, found the end"},
    {" ", 1, 2, "expected a value, found the end"},
    {"\n\n", 3, 1, "expected a value, found the end"},
    {"1 2", 1, 3, "end of the text"},
    {"[] []", 1, 4, "end of the text"},
    {"{}}", 1, 3, "end of the text"},
    {"null,", 1, 5, "end of the text"},
    {"\"a\"b", 1, 4, "end of the text"},
    {"1\n\n  x", 3, 3, "end of the text"},
    {"00", 1, 1, "leading zeros"},
    /* words */
    {"nul", 1, 1, "expected a value"},
    {"nulL", 1, 1, "expected a value"},
    {"Null", 1, 1, "writes null"},
    {"None", 1, 1, "writes null"},
    {"NaN", 1, 1, "no NaN"},
    {"Infinity", 1, 1, "no Infinity"},
    {"-Infinity", 1, 2, "digit after '-'"},
    {"True", 1, 1, "expected a value"},
    {"tru", 1, 1, "expected a value"},
    {"fals", 1, 1, "expected a value"},
    {"undefined", 1, 1, "expected a value"},
    {"abc", 1, 1, "expected a value"},
    {"truex", 1, 5, "end of the text"},
    {"[truex]", 1, 6, "',' or ']'"},
    /* numbers */
    {"-", 1, 2, "digit after '-'"},
    {"-a", 1, 2, "digit after '-'"},
    {"--1", 1, 2, "digit after '-'"},
    {"+1", 1, 1, "begins with '-' or a digit"},
    {".5", 1, 1, "begins with '-' or a digit"},
    {"-.5", 1, 2, "digit after '-'"},
    {"5.", 1, 3, "digit after '.'"},
    {"5.e1", 1, 3, "digit after '.'"},
    {"1e", 1, 3, "exponent"},
    {"1e+", 1, 4, "exponent"},
    {"1e-", 1, 4, "exponent"},
    {"1eE1", 1, 3, "exponent"},
    {"1.2.3", 1, 4, "end of the text"},
    {"01", 1, 1, "leading zeros"},
    {"-01", 1, 2, "leading zeros"},
    {"[1,007]", 1, 4, "leading zeros"},
    {"0x10", 1, 2, "end of the text"},
    {"[0x10]", 1, 3, "',' or ']'"},
    {"1_000", 1, 2, "end of the text"},
    {"1 000", 1, 3, "end of the text"},
    {"1f", 1, 2, "end of the text"},
    {"11111111111111111111111111111111111111111111111111111111111111111", 1, 1,
     "number longer than 64 bytes"},
    {"[0.11111111111111111111111111111111111111111111111111111111111111111]", 1, 2,
     "number longer than 64 bytes"},
    /* strings */
    {"\"", 1, 1, "not closed"},
    {"\"abc", 1, 1, "not closed"},
    {"\"abcdefghijkl", 1, 1, "not closed"},
    {"[\n  \"abc", 2, 3, "not closed"},
    {"\"\\", 1, 2, "ends inside a string"},
    {"\"\\\"", 1, 1, "not closed"},
    {"'a'", 1, 1, "double quotes"},
    {"{'a':1}", 1, 2, "double quotes"},
    {"\"\\x41\"", 1, 2, "unknown escape"},
    {"\"\\a\"", 1, 2, "unknown escape"},
    {"\"\\U0041\"", 1, 2, "unknown escape"},
    {"\"\\'\"", 1, 2, "unknown escape"},
    {"\"\\0\"", 1, 2, "unknown escape"},
    {"\"\\\n\"", 1, 2, "unknown escape"},
    {"\"\\u\"", 1, 2, "four hexadecimal"},
    {"\"\\u1\"", 1, 2, "four hexadecimal"},
    {"\"\\u12\"", 1, 2, "four hexadecimal"},
    {"\"\\u123\"", 1, 2, "four hexadecimal"},
    {"\"\\u123g\"", 1, 2, "four hexadecimal"},
    {"\"\\u 123\"", 1, 2, "four hexadecimal"},
    {"\"\\u+123\"", 1, 2, "four hexadecimal"},
    {"\"\\u123", 1, 2, "four hexadecimal"},
    {"\"\\uD800\"", 1, 2, "without a low one"},
    {"\"\\uDBFF\"", 1, 2, "without a low one"},
    {"\"\\uD800x\"", 1, 2, "without a low one"},
    {"\"\\uD800\\n\"", 1, 2, "without a low one"},
    {"\"\\uD800\\u0041\"", 1, 2, "without a low one"},
    {"\"\\uD800\\uD800\"", 1, 2, "without a low one"},
    {"\"\\uD800\\uE000\"", 1, 2, "without a low one"},
    {"\"\\uD800\\uDC0\"", 1, 2, "without a low one"},
    {"\"\\uD800\\u", 1, 2, "without a low one"},
    {"\"\\uDC00\"", 1, 2, "without a high one"},
    {"\"\\uDFFF\"", 1, 2, "without a high one"},
    {"\"\\uDC00\\uD800\"", 1, 2, "without a high one"},
    {"\"a\nb\"", 1, 3, "line break"},
    {"\"a\rb\"", 1, 3, "line break"},
    {"\"a\tb\"", 1, 3, "control character"},
    {"\"\x01\"", 1, 2, "control character"},
    {"\"\x1f\"", 1, 2, "control character"},
    {"\"abcdefgh\x1f\"", 1, 10, "control character"},
    /* UTF-8 */
    {"\"\x80\"", 1, 2, "UTF-8"},
    {"\"\xBF\"", 1, 2, "UTF-8"},
    {"\"\xC0\x80\"", 1, 2, "UTF-8"},     /* overlong NUL */
    {"\"\xC1\xBF\"", 1, 2, "UTF-8"},     /* overlong */
    {"\"\xC3\"", 1, 2, "UTF-8"},         /* cut */
    {"\"\xC3(\"", 1, 2, "UTF-8"},        /* wrong second */
    {"\"\xC3", 1, 2, "UTF-8"},           /* cut by the end */
    {"\"\xE0\x80\x80\"", 1, 2, "UTF-8"}, /* overlong */
    {"\"\xE0\x9F\xBF\"", 1, 2, "UTF-8"}, /* overlong */
    {"\"\xE2\x82\"", 1, 2, "UTF-8"},     /* cut */
    {"\"\xE2\x82", 1, 2, "UTF-8"},       /* cut by the end */
    {"\"\xE2\x28\xA1\"", 1, 2, "UTF-8"},
    {"\"\xED\xA0\x80\"", 1, 2, "UTF-8"},     /* U+D800 */
    {"\"\xED\xBF\xBF\"", 1, 2, "UTF-8"},     /* U+DFFF */
    {"\"\xF0\x80\x80\x80\"", 1, 2, "UTF-8"}, /* overlong */
    {"\"\xF0\x8F\xBF\xBF\"", 1, 2, "UTF-8"}, /* overlong */
    {"\"\xF0\x9F\x98\"", 1, 2, "UTF-8"},     /* cut */
    {"\"\xF0\x9F\x98", 1, 2, "UTF-8"},       /* cut by the end */
    {"\"\xF4\x90\x80\x80\"", 1, 2, "UTF-8"}, /* U+110000 */
    {"\"\xF5\x80\x80\x80\"", 1, 2, "UTF-8"},
    {"\"\xFF\"", 1, 2, "UTF-8"},
    {"\"\xFE\xFE\xFF\xFF\"", 1, 2, "UTF-8"},
    {"\"abcdefghij\xC3\xA9\xC3\xA9\x80\"", 1, 14, "UTF-8"}, /* columns count code points */
    {"\xEF\xBB\xBF{}", 1, 1, "byte order mark"},
    {"\xC3\xA9", 1, 1, "expected a value"},
    /* arrays */
    {"[", 1, 2, "the '[' of line 1, column 1 is not closed"},
    {"[1", 1, 3, "',' or ']' after an element"},
    {"[1,", 1, 4, "expected a value"},
    {"[1,]", 1, 3, "trailing comma"},
    {"[1,\n]", 1, 3, "trailing comma"},
    {"[,1]", 1, 2, "expected a value, found ','"},
    {"[1,,2]", 1, 4, "expected a value, found ','"},
    {"[1 2]", 1, 4, "expected ',' or ']' after an element"},
    {"[1;2]", 1, 3, "expected ',' or ']' after an element"},
    {"[1:2]", 1, 3, "expected ',' or ']' after an element"},
    {"[\"a\" \"b\"]", 1, 6, "expected ',' or ']'"},
    {"[[] []]", 1, 5, "expected ',' or ']'"},
    {"[1}", 1, 3, "expected ',' or ']'"},
    {"]", 1, 1, "expected a value, found ']'"},
    {"[}", 1, 2, "expected a value, found '}'"},
    {"[\n1,\n2\n3]", 4, 1, "expected ',' or ']'"},
    {"[\n\n  [\n", 4, 1, "the '[' of line 3, column 3 is not closed"},
    {"[// no\n1]", 1, 2, "no comments"},
    {"[# no\n1]", 1, 2, "no comments"},
    {"[1 /* no */]", 1, 4, "',' or ']'"},
    {"/* no */ 1", 1, 1, "no comments"},
    /* objects */
    {"{", 1, 2, "expected a key or '}'"},
    {"{\"a\"", 1, 5, "expected ':'"},
    {"{\"a\":", 1, 6, "expected a value, found the end"},
    {"{\"a\":1", 1, 7, "expected ',' or '}' after a member"},
    {"{\"a\":1,", 1, 8, "expected a key in double quotes after ','"},
    {"{\"a\":1,}", 1, 7, "trailing comma"},
    {"{\"a\":1,,\"b\":2}", 1, 8, "expected a key"},
    {"{,\"a\":1}", 1, 2, "expected a key in double quotes or '}'"},
    {"{\"a\"}", 1, 5, "expected ':'"},
    {"{\"a\" 1}", 1, 6, "expected ':'"},
    {"{\"a\",1}", 1, 5, "expected ':'"},
    {"{\"a\"=1}", 1, 5, "expected ':'"},
    {"{\"a\"::1}", 1, 6, "expected a value, found ':'"},
    {"{\"a\":}", 1, 6, "expected a value, found '}'"},
    {"{a:1}", 1, 2, "expected a key in double quotes or '}'"},
    {"{\"a\":1,b:2}", 1, 8, "expected a key in double quotes after ','"},
    {"{1:2}", 1, 2, "expected a key"},
    {"{null:2}", 1, 2, "expected a key"},
    {"{[]:2}", 1, 2, "expected a key"},
    {"{]", 1, 2, "expected a key"},
    {"{\"a\":1]", 1, 7, "expected ',' or '}' after a member"},
    {"{\"a\":1 \"b\":2}", 1, 8, "expected ',' or '}' after a member"},
    {"{\"a\":\"x\"\n \"b\":2}", 2, 2, "expected ',' or '}' after a member"},
    {"{\"a\":{\"b\":1}", 1, 13, "the '{' of line 1, column 1 is not closed"},
    {"{\"\xC3\xA9\": x}", 1, 7, "expected a value"},
    /* duplicates */
    {"{\"a\":1,\"a\":1}", 1, 8, "duplicate key \"a\""},
    {"{\"a\":1,\n \"b\":2,\n \"a\":3}", 3, 2, "duplicate key \"a\""},
    {"{\"\":1,\"\":2}", 1, 7, "duplicate key \"\""},
    {"{\"\\u0061\":1,\"a\":2}", 1, 13, "duplicate key \"a\""},
    {"{\"a\":1,\"\\u0061\":2}", 1, 8, "duplicate key \"\\u0061\""},
    {"{\"\\n\":1,\"\\u000a\":2}", 1, 9, "duplicate"},
    {"{\"\\u00e9\":1,\"\xC3\xA9\":2}", 1, 13, "duplicate"},
    {"{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}", 1, 19, "duplicate"},
    {"{\"\\/\":1,\"/\":2}", 1, 9, "duplicate"},
    {"{\"12345678abc\":1,\"x\":0,\"12345678abc\":2}", 1, 24, "duplicate"},
    {"[{\"x\":{\"a\":1,\"b\":[{}],\"a\":1}}]", 1, 23, "duplicate key \"a\""},
    {"{\"a\":{\"k\":1},\"b\":{\"k\":1},\"a\":{}}", 1, 26, "duplicate key \"a\""},
    {"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":10,\"k\":11,"
     "\"l\":12,\"m\":13,\"n\":14,\"o\":15,\"p\":16,\"q\":17,\"a\":18}",
     1, 112, "duplicate key \"a\""},
};

static void test_accepts(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        /* An exact copy on the heap: the sanitizer sees a reader that looks behind the end. */
        struct slice text = slice_str(accepted[i]);
        char *copy = malloc(text.len);
        memcpy(copy, text.ptr, text.len);
        struct json_doc doc;
        struct json_error error;
        if (json_read(&arena, slice_of(copy, text.len), NULL, &doc, &error) != 0)
            fail_msg("refused %s: %s", accepted[i], error.message);
        assert_true(json_valid(slice_of(copy, text.len)));
        free(copy);
        arena_free(&arena);
    }
}

static void test_refuses(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct refusal *row = &refused[i];
        struct arena arena;
        arena_init(&arena, 0);
        struct slice text = slice_str(row->text);
        char *copy = malloc(text.len + 1);
        memcpy(copy, text.ptr, text.len);
        char *exact = realloc(copy, text.len ? text.len : 1);
        struct json_doc doc;
        struct json_error error;
        if (json_read(&arena, slice_of(exact, text.len), NULL, &doc, &error) == 0)
            fail_msg("accepted %s", row->text);
        if (!strstr(error.message, row->says) || error.position.line != row->line ||
            error.position.column != row->column)
            fail_msg("%s: got %u:%u %s, wanted %u:%u %s", row->text, error.position.line,
                     error.position.column, error.message, row->line, row->column, row->says);
        struct json_position again = json_offset_position(text, error.offset);
        assert_int_equal(again.line, row->line);
        assert_int_equal(again.column, row->column);
        assert_false(json_valid(slice_of(exact, text.len)));
        free(exact);
        arena_free(&arena);
    }
}

static void test_nul_bytes(void **state UNUSED)
{
    assert_false(json_valid(SLICE("\0")));
    assert_false(json_valid(SLICE("1\0")));
    assert_false(json_valid(SLICE("\"\0\"")));
    assert_false(json_valid(SLICE("\"abcdefghijk\0\"")));
    assert_false(json_valid(SLICE_NONE));
}

/* Every prefix of a valid document is invalid (none of this one is a document by itself). */
static void test_prefixes(void **state UNUSED)
{
    struct slice text = SLICE("{\"a\":[1,-2.5e+3,true,null,\"x\\u00e9\\ud83d\\ude00\xE2\x82\xAC\"],"
                              "\"b\":{\"c\":false}}");
    assert_true(json_valid(text));
    for (size_t len = 0; len < text.len; len++) {
        char *prefix = malloc(len + 1);
        memcpy(prefix, text.ptr, len);
        char *exact = realloc(prefix, len ? len : 1);
        assert_false(json_valid(slice_of(exact, len)));
        free(exact);
    }
}

/* Every single byte put at every place: the reader ends, and what it takes it can write again. */
static void test_mutations(void **state UNUSED)
{
    static const char text[] = "{\"a\":[1,-2.5e+3,\"\\u00e9\\n\xC3\xA9\"],\"b\":{}}";
    char copy[sizeof(text)];
    unsigned valid = 0;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(copy, text, sizeof(text));
            copy[at] = (char)byte;
            struct arena arena;
            arena_init(&arena, 0);
            struct json_doc doc;
            struct json_error error;
            if (json_read(&arena, slice_of(copy, sizeof(text) - 1), NULL, &doc, &error) == 0) {
                struct buf dense;
                buf_init(&dense, 0);
                json_minify(&dense, json_root(&doc));
                assert_true(buf_ok(&dense) && json_valid(buf_slice(&dense)));
                buf_free(&dense);
                valid++;
            }
            arena_free(&arena);
        }
    }
    assert_true(valid > sizeof(text)); /* each as it was, and some more */
}

static int read_limited(const char *text, struct json_limits limits, struct json_error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct json_doc doc;
    int result = json_read(&arena, slice_str(text), &limits, &doc, error);
    arena_free(&arena);
    return result;
}

static void test_limits(void **state UNUSED)
{
    struct json_error error;
    struct json_limits limits = {3, 100, 5, 6};
    assert_int_equal(read_limited("[[[1]]]", limits, &error), 0);
    assert_int_equal(read_limited("[[[[1]]]]", limits, &error), -1);
    assert_string_equal(error.message, "nested deeper than 3 levels");
    assert_int_equal(error.position.column, 4);
    assert_int_equal(read_limited("[[],[],{},{},[]]", limits, &error), 0);
    assert_int_equal(read_limited("12345", limits, &error), 0);
    assert_int_equal(read_limited("123456", limits, &error), -1);
    assert_int_equal(read_limited("-1234", limits, &error), 0);
    assert_int_equal(read_limited("-12345", limits, &error), -1);
    assert_string_equal(error.message, "a number longer than 5 bytes");
    assert_int_equal(read_limited("[1,2,3,4,5]", limits, &error), 0);
    assert_int_equal(read_limited("[1,2,3,4,5,6]", limits, &error), -1);
    assert_string_equal(error.message, "more than 6 values");
    limits.max_bytes = 4;
    assert_int_equal(read_limited("[12]", limits, &error), 0);
    assert_int_equal(read_limited("[123]", limits, &error), -1);
    assert_string_equal(error.message, "the text has 5 bytes, allowed are 4");
    /* No number is longer than 1024 bytes, whatever is allowed. */
    char digits[1026];
    memset(digits, '1', sizeof(digits));
    digits[1025] = '\0';
    limits = (struct json_limits){3, 2000, 2000, 6};
    assert_int_equal(read_limited(digits, limits, &error), -1);
    digits[1024] = '\0';
    assert_int_equal(read_limited(digits, limits, &error), 0);
}

/* Depth costs no stack, and unclosed brackets no time. */
static void test_deep(void **state UNUSED)
{
    enum { DEEP = 200000 };
    char *text = malloc(2 * DEEP);
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    struct json_limits limits = {DEEP, 1 << 20, 64, 1 << 20};
    struct arena arena;
    arena_init(&arena, 0);
    struct json_doc doc;
    struct json_error error;
    assert_int_equal(json_read(&arena, slice_of(text, 2 * DEEP), &limits, &doc, &error), 0);
    assert_int_equal(doc.node_count, DEEP);
    assert_int_equal(json_read(&arena, slice_of(text, 2 * DEEP), NULL, &doc, &error), -1);
    assert_int_equal(error.position.column, 65);
    assert_int_equal(json_read(&arena, slice_of(text, DEEP), &limits, &doc, &error), -1);
    struct buf dense;
    buf_init(&dense, 0);
    assert_int_equal(json_read(&arena, slice_of(text, 2 * DEEP), &limits, &doc, &error), 0);
    json_minify(&dense, json_root(&doc));
    assert_int_equal(dense.len, 2 * DEEP);
    buf_free(&dense);
    arena_free(&arena);
    free(text);
}

/* 200000 keys with a common prefix, plain and escaped: quadratic work would take minutes. */
static void test_many_keys(void **state UNUSED)
{
    for (int escaped = 0; escaped < 2; escaped++) {
        struct buf text;
        buf_init(&text, 0);
        buf_char(&text, '{');
        for (int i = 0; i < 200000; i++)
            buf_printf(&text, "%s\"%sprefix_that_all_share_%d\":0", i ? "," : "",
                       escaped ? "\\u0041" : "A", i);
        size_t len = text.len;
        buf_char(&text, '}');
        assert_true(json_valid(buf_slice(&text)));
        text.len = len;
        size_t second = len + 1;
        buf_str(&text, ",\"Aprefix_that_all_share_77777\":1}");
        struct arena arena;
        arena_init(&arena, 0);
        struct json_doc doc;
        struct json_error error;
        assert_int_equal(json_read(&arena, buf_slice(&text), NULL, &doc, &error), -1);
        assert_string_equal(error.message, "duplicate key \"Aprefix_that_all_share_77777\"");
        assert_int_equal(error.offset, second);
        arena_free(&arena);
        buf_free(&text);
    }
}

static struct slice big_text(struct buf *text)
{
    buf_str(text, "{");
    for (int i = 0; i < 300; i++)
        buf_printf(text, "\"\\u0061%d\":[%d],", i, i);
    buf_str(text, "\"z\":{}}");
    return buf_slice(text);
}

static bool read_into_fresh_arena(struct slice text, struct json_error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct json_doc doc;
    bool read = json_read(&arena, text, NULL, &doc, error) == 0;
    if (!read)
        assert_true(error->out_of_memory);
    arena_free(&arena);
    return read;
}

static void test_no_memory(void **state UNUSED)
{
    struct buf text;
    buf_init(&text, 0);
    struct slice big = big_text(&text);
    struct json_error error = {0};
    assert_true(ALLOC_IN_TURN(read_into_fresh_arena(big, &error)) >= 5);
    assert_string_equal(error.message, "out of memory");
    /* An arena that is too small for the nodes. */
    struct arena arena;
    arena_init(&arena, 1000);
    struct json_doc doc;
    assert_int_equal(json_read(&arena, big, NULL, &doc, &error), -1);
    assert_string_equal(error.message, "out of memory");
    assert_true(error.out_of_memory);
    assert_int_equal(json_read(&arena, SLICE("[1"), NULL, &doc, &error), -1);
    assert_false(error.out_of_memory);
    arena_free(&arena);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),   cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_nul_bytes), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_deep),      cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
