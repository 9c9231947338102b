/* Views over a document, numbers, writing. */
#include "alloc_in_turn.h"
#include "base/json.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct json_doc doc;
};

static struct json_ref read_text(struct fixture *fixture, const char *text)
{
    arena_init(&fixture->arena, 0);
    struct json_error error;
    if (json_read(&fixture->arena, slice_str(text), NULL, &fixture->doc, &error) != 0)
        fail_msg("refused %s: %s", text, error.message);
    return json_root(&fixture->doc);
}

static void test_tape(void **state UNUSED)
{
    struct fixture f;
    struct json_ref root = read_text(&f, " { \"a\" : [ 1 , \"x\" ] , \"b\":{} } ");
    static const struct json_node wanted[] = {
        {1, 31, 7, 2, JSON_OBJECT, 0},  {3, 6, 2, 0, JSON_STRING, 0},
        {9, 20, 5, 2, JSON_ARRAY, 0},   {11, 12, 4, 0, JSON_NUMBER, 0},
        {15, 18, 5, 0, JSON_STRING, 0}, {23, 26, 6, 0, JSON_STRING, 0},
        {27, 29, 7, 0, JSON_OBJECT, 0}};
    assert_int_equal(f.doc.node_count, ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct json_node *node = &f.doc.nodes[i];
        assert_int_equal(node->start, wanted[i].start);
        assert_int_equal(node->end, wanted[i].end);
        assert_int_equal(node->next, wanted[i].next);
        assert_int_equal(node->count, wanted[i].count);
        assert_int_equal(node->type, wanted[i].type);
    }
    assert_int_equal(json_count(root), 2);
    assert_null(f.doc.origins);
    arena_free(&f.arena);
}

static void test_members(void **state UNUSED)
{
    struct fixture f;
    struct json_ref root = read_text(
        &f, "{\"a\":{\"b\":[10,[20],{\"c\":30},40]},\"\":1,\"\\u00e9x\":2,\"a\\u0000\":3}");
    struct json_ref list = json_member(json_member(root, SLICE("a")), SLICE("b"));
    assert_int_equal(json_count(list), 4);
    static const char *const elements[] = {"10", "[20]", "{\"c\":30}", "40"};
    for (uint32_t i = 0; i < 4; i++)
        assert_true(slice_eq_str(json_text(json_element(list, i)), elements[i]));
    assert_false(json_present(json_element(list, 4)));
    assert_false(json_present(json_element(list, UINT32_MAX)));
    assert_false(json_present(json_element(root, 0)));
    assert_true(slice_eq_str(json_text(json_member(root, SLICE(""))), "1"));
    assert_true(slice_eq_str(json_text(json_member(root, SLICE("\xC3\xA9x"))), "2"));
    assert_true(slice_eq_str(json_text(json_member(root, SLICE("a\0"))), "3"));
    assert_false(json_present(json_member(root, SLICE("b"))));
    assert_false(json_present(json_member(root, SLICE("\xC3\xA9"))));
    assert_false(json_present(json_member(root, SLICE("\xC3\xA9xy"))));
    assert_false(json_present(json_member(root, SLICE("\\u00e9x"))));
    assert_false(json_present(json_member(list, SLICE("a"))));
    assert_false(json_present(json_member(JSON_NONE, SLICE("a"))));
    assert_false(json_present(json_element(JSON_NONE, 0)));
    arena_free(&f.arena);

    struct json_ref flat = read_text(&f, "[1,\"2\",null,[],{}]");
    assert_int_equal(json_type(json_element(flat, 1)), JSON_STRING);
    assert_int_equal(json_type(json_element(flat, 4)), JSON_OBJECT);
    assert_false(json_present(json_element(flat, 5)));
    arena_free(&f.arena);
}

static void test_iteration(void **state UNUSED)
{
    struct fixture f;
    struct json_ref root = read_text(&f, "{\"a\":[1,[2,3],4],\"b\":{},\"c\":null}");
    static const char *const keys[] = {"\"a\"", "\"b\"", "\"c\""};
    static const char *const values[] = {"[1,[2,3],4]", "{}", "null"};
    struct json_iter it = json_iter(root);
    unsigned count = 0;
    for (; json_next(&it); count++) {
        assert_true(slice_eq_str(json_text(it.key), keys[count]));
        assert_true(slice_eq_str(json_text(it.value), values[count]));
    }
    assert_int_equal(count, 3);
    assert_false(json_next(&it));
    it = json_iter(json_member(root, SLICE("a")));
    static const char *const elements[] = {"1", "[2,3]", "4"};
    for (count = 0; json_next(&it); count++) {
        assert_false(json_present(it.key));
        assert_true(slice_eq_str(json_text(it.value), elements[count]));
    }
    assert_int_equal(count, 3);
    it = json_iter(json_member(root, SLICE("b")));
    assert_false(json_next(&it));
    it = json_iter(json_member(root, SLICE("c")));
    assert_false(json_next(&it));
    arena_free(&f.arena);
}

static void test_positions(void **state UNUSED)
{
    struct fixture f;
    struct json_ref root = read_text(&f, "{\n  \"\xC3\xA9\xE2\x82\xAC\": [\r\n\t1, 2]}");
    struct json_ref list = json_member(root, SLICE("\xC3\xA9\xE2\x82\xAC"));
    struct json_position position = json_position(list);
    assert_int_equal(position.line, 2);
    assert_int_equal(position.column, 9);
    position = json_position(json_element(list, 1));
    assert_int_equal(position.line, 3);
    assert_int_equal(position.column, 5);
    position = json_offset_position(f.doc.text, 1000);
    assert_int_equal(position.line, 3);
    assert_int_equal(position.column, 8);
    arena_free(&f.arena);
}

static void test_strings(void **state UNUSED)
{
    static const struct {
        const char *text;
        struct slice content;
    } rows[] = {
        {"\"\"", SLICE("")},
        {"\"plain\"", SLICE("plain")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SLICE("\"\\/\b\f\n\r\t")},
        {"\"\\u0000\"", SLICE("\0")},
        {"\"\\u0041\\u00e9\\u20ac\"", SLICE("A\xC3\xA9\xE2\x82\xAC")},
        {"\"\\uFFFF\"", SLICE("\xEF\xBF\xBF")},
        {"\"\\ud83d\\ude00!\"", SLICE("\xF0\x9F\x98\x80!")},
        {"\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", SLICE("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF")},
        {"\"\xC3\xA9\\n\xF0\x9F\x98\x80\"", SLICE("\xC3\xA9\n\xF0\x9F\x98\x80")},
        {"\"\\\\u0041\"", SLICE("\\u0041")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct json_ref root = read_text(&f, rows[i].text);
        struct slice content = json_string(root, &f.arena);
        assert_true(slice_eq(content, rows[i].content));
        assert_true(json_string_eq(root, rows[i].content));
        assert_false(json_string_eq(root, slice_of(content.ptr, content.len + 1)));
        if (content.len > 0)
            assert_false(json_string_eq(root, slice_of(content.ptr, content.len - 1)));
        assert_false(json_string_eq(root, SLICE("other")));
        /* Written and read again it is the same. */
        struct buf buf;
        buf_init(&buf, 0);
        json_write_string(&buf, content);
        struct fixture again;
        struct json_ref copy = read_text(&again, buf.data);
        assert_true(json_string_eq(copy, rows[i].content));
        arena_free(&again.arena);
        buf_free(&buf);
        arena_free(&f.arena);
    }
    struct fixture f;
    struct json_ref number = read_text(&f, "12");
    assert_false(json_string_eq(number, SLICE("12")));
    arena_free(&f.arena);
    /* No memory for a copy. */
    struct json_ref escaped = read_text(&f, "\"\\n\"");
    struct arena none;
    arena_init(&none, 1);
    assert_null(json_string(escaped, &none).ptr);
    arena_free(&none);
    arena_free(&f.arena);
}

static void test_write_string(void **state UNUSED)
{
    struct buf buf;
    buf_init(&buf, 0);
    json_write_string(&buf, SLICE("a\"\\/\x01\x1f\n\r\t\b\f\x7f\xC3\xA9\0z"));
    assert_string_equal(buf.data,
                        "\"a\\\"\\\\/\\u0001\\u001f\\n\\r\\t\\b\\f\x7f\xC3\xA9\\u0000z\"");
    buf_reset(&buf);
    json_write_string(&buf, SLICE_NONE);
    assert_string_equal(buf.data, "\"\"");
    buf_free(&buf);
}

static void test_ints(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool is_int;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"7", true, 7},
        {"-7", true, -7},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
        {"1E2", false, 0},
        {"true", false, 0},
        {"\"1\"", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        int64_t value = 12345;
        struct json_ref root = read_text(&f, rows[i].text);
        assert_int_equal(json_int(root, &value), rows[i].is_int);
        assert_true(value == (rows[i].is_int ? rows[i].value : 12345));
        arena_free(&f.arena);
    }
}

static void test_doubles(void **state UNUSED)
{
    static const char *const rows[] = {
        "0",
        "-0",
        "-0.0",
        "1",
        "0.1",
        "-0.1",
        "123456789012345",
        "1234567890123456",
        "3.14159",
        "0.000001",
        "0.3",
        "2.675",
        "1e22",
        "1e23",
        "1e308",
        "1.7976931348623157e308",
        "1e309",
        "-1e309",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "9007199254740993",
        "9007199254740992.5",
        "9223372036854775807",
        "18446744073709551615",
        "0.500000000000000166533453693773481063544750213623046875",
        "123456789.123456789",
        "100000000000000000000000000000000000000000000000000000000000000",
        "8.5e1",
        "1E+2",
        "999999999999999",
        "0.99999999999999",
        "99999.9999999999",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        double value = json_double(read_text(&f, rows[i]));
        double wanted = strtod(rows[i], NULL);
        if (memcmp(&value, &wanted, sizeof(value)) != 0)
            fail_msg("%s is %.17g", rows[i], value);
        arena_free(&f.arena);
    }
}

static void test_bools_and_names(void **state UNUSED)
{
    struct fixture f;
    struct json_ref root = read_text(&f, "[true,false,null,1,\"\",{}]");
    assert_true(json_bool(json_element(root, 0)));
    for (uint32_t i = 1; i < 6; i++)
        assert_false(json_bool(json_element(root, i)));
    static const char *const names[] = {"bool", "bool", "null", "number", "string", "object"};
    for (uint32_t i = 0; i < 6; i++)
        assert_string_equal(json_type_name(json_type(json_element(root, i))), names[i]);
    assert_string_equal(json_type_name(JSON_ARRAY), "array");
    arena_free(&f.arena);
}

static void test_minify(void **state UNUSED)
{
    static const struct {
        const char *text, *dense;
    } rows[] = {
        {" 1 ", "1"},
        {"[]", "[]"},
        {" [ ] ", "[]"},
        {"[ 1 , 2 ,\n[ ] , { } ]", "[1,2,[],{}]"},
        {"{ \"a b\" : \" [ 1 , ] \" ,\t\"c\" :\r\n{ \"d\" : 1.50e+01 } }",
         "{\"a b\":\" [ 1 , ] \",\"c\":{\"d\":1.50e+01}}"},
        {"[[[ ] , [ ] ] ]", "[[[],[]]]"},
        {"[\"\\u0041\", -0, 1E5]", "[\"\\u0041\",-0,1E5]"},
        {"{\"a\":[1,2],\"b\":null}", "{\"a\":[1,2],\"b\":null}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct buf buf;
        buf_init(&buf, 0);
        json_minify(&buf, read_text(&f, rows[i].text));
        assert_string_equal(buf.data, rows[i].dense);
        buf_free(&buf);
        arena_free(&f.arena);
    }
    /* A part of a document. */
    struct fixture f;
    struct json_ref root = read_text(&f, "{ \"a\" : [ 1 , { \"b\" : 2 } ] , \"c\" : 3 }");
    struct buf buf;
    buf_init(&buf, 0);
    json_minify(&buf, json_member(root, SLICE("a")));
    assert_string_equal(buf.data, "[1,{\"b\":2}]");
    buf_free(&buf);
    arena_free(&f.arena);
}

static void check_double(double value, const char *text)
{
    struct buf buf;
    buf_init(&buf, 0);
    json_write_double(&buf, value);
    assert_string_equal(buf.data, text);
    buf_free(&buf);
}

static void test_write_double(void **state UNUSED)
{
    check_double(0.0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(1, "1.0");
    check_double(-1.5, "-1.5");
    check_double(10, "10.0");
    check_double(0.1, "0.1");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1.0 / 3, "0.3333333333333333");
    check_double(2.0 / 3, "0.6666666666666666");
    check_double(100.25, "100.25");
    check_double(0.001, "0.001");
    check_double(0.000001, "0.000001");
    check_double(0.0000001, "1e-7");
    check_double(1.5e-7, "1.5e-7");
    check_double(123456.789, "123456.789");
    check_double(999999.999999, "999999.999999");
    check_double(1e15, "1000000000000000.0");
    check_double(9007199254740993.0, "9007199254740992.0");
    check_double(1e20, "100000000000000000000.0");
    check_double(1e21, "1e+21");
    check_double(1.25e300, "1.25e+300");
    check_double(1.7976931348623157e308, "1.7976931348623157e+308");
    check_double(2.2250738585072014e-308, "2.2250738585072014e-308");
    check_double(5e-324, "5e-324");
    check_double(1.5e-323, "1.5e-323");
    check_double(9.5367431640625e-07, "9.5367431640625e-7");
    /* Powers of two, where the nearest 16 digits do not read back but others do. */
    check_double(0x1p-44, "5.684341886080802e-14");
    check_double(0x1p+89, "6.189700196426902e+26");
    check_double(9.5, "9.5");
    check_double(4.35, "4.35");
    check_double(1e23, "1e+23");
    check_double(99.99, "99.99");
}

/* Any double reads back, has '.' or 'e', and is no longer than what %.17g, 16 and 15 offer. */
static void test_write_double_round_trip(void **state UNUSED)
{
    uint64_t bits = 88172645463325252u;
    struct buf buf;
    buf_init(&buf, 0);
    for (int i = 0; i < 50000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (i % 4 == 1)
            value = (double)(int64_t)bits / 4096;
        else if (i % 4 == 2)
            value = (double)(bits >> 40) / 1000;
        else if (i % 4 == 3)
            value = ldexp(1, (int)(bits % 2098) - 1074);
        if (!isfinite(value))
            continue;
        buf_reset(&buf);
        json_write_double(&buf, value);
        assert_true(strtod(buf.data, NULL) == value);
        assert_non_null(strpbrk(buf.data, ".e"));
        assert_true(json_valid(buf_slice(&buf)));
    }
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tape),         cmocka_unit_test(test_members),
        cmocka_unit_test(test_iteration),    cmocka_unit_test(test_positions),
        cmocka_unit_test(test_strings),      cmocka_unit_test(test_write_string),
        cmocka_unit_test(test_ints),         cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_minify),       cmocka_unit_test(test_bools_and_names),
        cmocka_unit_test(test_write_double), cmocka_unit_test(test_write_double_round_trip),
    };
    return cmocka_run_group_tests_name("json views", tests, NULL, NULL);
}
