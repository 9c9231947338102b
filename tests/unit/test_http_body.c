/* Bodies from JSON and to JSON. */
#include "http/body.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

struct written {
    int result;
    struct buf body, type;
    struct err err;
};

static void write_body(enum http_body_kind kind, const char *json, struct written *written)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    arena_init(&arena, 1U << 20);
    *written = (struct written){.err = ERR_INIT};
    buf_init(&written->body, 1U << 16);
    buf_init(&written->type, 1000);
    assert_int_equal(json_read(&arena, slice_str(json), NULL, &doc, &error), 0);
    written->result = http_body_write(kind, json_root(&doc), &arena, &written->body, &written->type,
                                      &written->err);
    arena_free(&arena);
}

static void written_free(struct written *written)
{
    buf_free(&written->body);
    buf_free(&written->type);
}

static void test_kinds(void **state UNUSED)
{
    static const struct {
        enum http_body_kind kind;
        const char *json, *body, *type;
    } rows[] = {
        {HTTP_BODY_JSON, "{ \"a\" : [1, 2.50] }", "{\"a\":[1,2.50]}", "application/json"},
        {HTTP_BODY_JSON, "null", "null", "application/json"},
        {HTTP_BODY_FORM,
         "{\"a b\":\"x&y=\\u00e9\",\"n\":1.5,\"t\":true,\"none\":null,\"l\":[1,\"2\"]}",
         "a+b=x%26y%3D%C3%A9&n=1.5&t=true&l=1&l=2", "application/x-www-form-urlencoded"},
        {HTTP_BODY_FORM, "{}", "", "application/x-www-form-urlencoded"},
        {HTTP_BODY_RAW, "\"text \\u20ac\"", "text \xe2\x82\xac", "text/plain; charset=utf-8"},
        {HTTP_BODY_RAW, "{\"base64\":\"aGVsbG8=\"}", "hello", "application/octet-stream"},
        {HTTP_BODY_RAW, "{\"base64\":\"aGVsbA==\"}", "hell", "application/octet-stream"},
        {HTTP_BODY_RAW, "{\"base64\":\"\"}", "", "application/octet-stream"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct written written;
        write_body(rows[i].kind, rows[i].json, &written);
        assert_int_equal(written.result, 0);
        assert_string_equal(written.body.data ? written.body.data : "", rows[i].body);
        assert_string_equal(written.type.data, rows[i].type);
        written_free(&written);
    }
    enum http_body_kind kind;
    assert_true(http_body_kind_parse(SLICE("multipart"), &kind));
    assert_int_equal(kind, HTTP_BODY_MULTIPART);
    assert_false(http_body_kind_parse(SLICE("xml"), &kind));
}

static void test_multipart(void **state UNUSED)
{
    static const char json[] =
        "{\"a\":1,\"q\\\"\\r\\n\":\"two\",\"f\":{\"content\":\"data\",\"filename\":\"a\\\"b.txt\","
        "\"content_type\":\"text/csv\"},\"g\":{\"base64\":\"AAEC\"},\"l\":[\"x\",\"y\"]}";
    struct written first, again;
    write_body(HTTP_BODY_MULTIPART, json, &first);
    assert_int_equal(first.result, 0);
    static const char start[] = "multipart/form-data; boundary=";
    assert_int_equal(strncmp(first.type.data, start, strlen(start)), 0);
    const char *b = first.type.data + strlen(start);
    struct buf wanted;
    buf_init(&wanted, 0);
    buf_printf(&wanted, "--%s\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", b);
    buf_printf(&wanted,
               "--%s\r\nContent-Disposition: form-data; name=\"q%%22%%0D%%0A\"\r\n\r\ntwo\r\n", b);
    buf_printf(&wanted,
               "--%s\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a%%22b.txt\"\r\n"
               "Content-Type: text/csv\r\n\r\ndata\r\n",
               b);
    buf_printf(&wanted,
               "--%s\r\nContent-Disposition: form-data; name=\"g\"; filename=\"file\"\r\n"
               "Content-Type: application/octet-stream\r\n\r\n",
               b);
    buf_append(&wanted, "\0\1\2\r\n", 5);
    buf_printf(&wanted, "--%s\r\nContent-Disposition: form-data; name=\"l\"\r\n\r\nx\r\n", b);
    buf_printf(&wanted, "--%s\r\nContent-Disposition: form-data; name=\"l\"\r\n\r\ny\r\n--%s--\r\n",
               b, b);
    assert_int_equal(first.body.len, wanted.len);
    assert_memory_equal(first.body.data, wanted.data, wanted.len);
    buf_free(&wanted);
    write_body(HTTP_BODY_MULTIPART, json, &again);
    assert_true(slice_eq(buf_slice(&first.body), buf_slice(&again.body)));
    written_free(&first);
    written_free(&again);
}

static void test_refused_bodies(void **state UNUSED)
{
    static const struct {
        enum http_body_kind kind;
        const char *json, *message;
    } rows[] = {
        {HTTP_BODY_FORM, "[1]", "a form must be an object, not array"},
        {HTTP_BODY_FORM, "{\"a\":{}}", "a form: member \"a\" is object"},
        {HTTP_BODY_FORM, "{\"a\":[[1]]}", "a form: member \"a\" is array"},
        {HTTP_BODY_MULTIPART, "1", "multipart must be an object, not number"},
        {HTTP_BODY_MULTIPART, "{\"a\":[[1]]}", "multipart: member \"a\" is array"},
        {HTTP_BODY_MULTIPART, "{\"a\":{}}", "multipart: member \"a\": a raw body must be"},
        {HTTP_BODY_MULTIPART, "{\"a\":{\"content\":1}}", "a file's content must be a string"},
        {HTTP_BODY_MULTIPART, "{\"a\":{\"content\":\"x\",\"content_type\":\"a\\r\\nB: c\"}}",
         "content_type must be a string without control"},
        {HTTP_BODY_RAW, "1", "a raw body must be a string"},
        {HTTP_BODY_RAW, "{\"base64\":\"abc\"}", "is no base64"},
        {HTTP_BODY_RAW, "{\"base64\":\"a=bc\"}", "is no base64"},
        {HTTP_BODY_RAW, "{\"base64\":\"ab=c\"}", "is no base64"},
        {HTTP_BODY_RAW, "{\"base64\":\"YQ==YQ==\"}", "is no base64"},
        {HTTP_BODY_RAW, "{\"base64\":\"ab\\u0000d\"}", "is no base64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct written written;
        write_body(rows[i].kind, rows[i].json, &written);
        assert_int_equal(written.result, -1);
        assert_int_equal(written.err.code, ERR_INVALID);
        if (!strstr(written.err.message, rows[i].message))
            fail_msg("%s: %s", rows[i].json, written.err.message);
        written_free(&written);
    }
}

static void test_cap(void **state UNUSED)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    struct buf body, type;
    struct err err = ERR_INIT;
    arena_init(&arena, 1U << 20);
    buf_init(&body, 4);
    buf_init(&type, 0);
    assert_int_equal(json_read(&arena, SLICE("\"12345\""), NULL, &doc, &error), 0);
    assert_int_equal(http_body_write(HTTP_BODY_RAW, json_root(&doc), &arena, &body, &type, &err),
                     -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_free(&body);
    buf_free(&type);
    arena_free(&arena);
}

static void test_content(void **state UNUSED)
{
    static const struct {
        struct slice type, bytes;
        enum http_content_kind kind;
        const char *json;
    } rows[] = {
        {{"application/json", 16}, {"{ \"a\": 1 }", 10}, HTTP_JSON, "{\"a\":1}"},
        {{"Application/Problem+JSON; charset=utf-8", 39}, {"[1]", 3}, HTTP_JSON, "[1]"},
        {{"application/json", 16}, {"\xEF\xBB\xBF[1]", 6}, HTTP_JSON, "[1]"},
        {{"application/json", 16}, {"{oops", 5}, HTTP_TEXT, "\"{oops\""},
        {{"application/json", 16},
         {"{\"a\":1,\"a\":2}", 13},
         HTTP_TEXT,
         "\"{\\\"a\\\":1,\\\"a\\\":2}\""},
        {{"application/json", 16}, {"", 0}, HTTP_EMPTY, "null"},
        {{NULL, 0}, {"plain", 5}, HTTP_TEXT, "\"plain\""},
        {{"text/html; charset=UTF-8", 24}, {"caf\xc3\xa9", 5}, HTTP_TEXT, "\"caf\xc3\xa9\""},
        {{"text/html; charset=\"ISO-8859-1\"", 31}, {"caf\xe9", 4}, HTTP_TEXT, "\"caf\xc3\xa9\""},
        {{"image/svg+xml", 13}, {"<svg/>", 6}, HTTP_TEXT, "\"<svg/>\""},
        {{"text/plain", 10}, {"caf\xe9", 4}, HTTP_BINARY, "{\"binary\":true,"},
        {{"text/plain", 10}, {"a\0b", 3}, HTTP_BINARY, "{\"binary\":true,"},
        {{"text/plain; charset=utf-16", 26}, {"ab", 2}, HTTP_BINARY, "{\"binary\":true,"},
        {{"image/png", 9},
         {"hello", 5},
         HTTP_BINARY,
         "{\"binary\":true,\"length\":5,\"sha256\":"
         "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\","
         "\"content_type\":\"image/png\",\"base64\":\"aGVsbG8=\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_content content;
        struct arena arena;
        struct buf out;
        http_content_of(&content, rows[i].type, rows[i].bytes);
        assert_int_equal(content.kind, rows[i].kind);
        arena_init(&arena, 1U << 20);
        buf_init(&out, 0);
        http_content_write_json(&content, &out, &arena);
        assert_true(buf_ok(&out));
        assert_true(json_valid(buf_slice(&out)));
        /* Of a row that ends in a comma only the beginning counts. */
        size_t len = strlen(rows[i].json);
        if (strncmp(out.data, rows[i].json, len) != 0 ||
            (rows[i].json[len - 1] != ',' && out.len != len))
            fail_msg("%s, not %s", out.data, rows[i].json);
        buf_free(&out);
        arena_free(&arena);
    }
    struct http_content content;
    http_content_of(&content, SLICE("application/json"), SLICE("[1,]"));
    if (strncmp(content.problem, "line 1, column 3: ", 18) != 0)
        fail_msg("%s", content.problem);
}

static void test_pairs(void **state UNUSED)
{
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    struct http_pair *pairs;
    size_t count;
    struct err err = ERR_INIT;
    arena_init(&arena, 1U << 20);
    assert_int_equal(
        json_read(&arena, SLICE("{\"a\":\"x\\ny\",\"b\":[1,null,2]}"), NULL, &doc, &error), 0);
    assert_int_equal(http_pairs_of(json_root(&doc), "query", &arena, &pairs, &count, &err), 0);
    assert_int_equal(count, 3);
    assert_true(slice_eq_str(pairs[0].value, "x\ny"));
    assert_true(slice_eq_str(pairs[2].name, "b"));
    assert_true(slice_eq_str(pairs[2].value, "2"));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),          cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_refused_bodies), cmocka_unit_test(test_cap),
        cmocka_unit_test(test_content),        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests_name("http_body", tests, NULL, NULL);
}
