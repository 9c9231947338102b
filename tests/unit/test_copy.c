/* Values of binary COPY, byte by byte. */
#include "base/utf8.h"
#include "store/copy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const struct buf *out, const void *wanted, size_t len)
{
    assert_true(buf_ok(out));
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, wanted, len);
}

static void numbers_are_big_endian(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    copy_row(&out, 258);
    copy_int4(&out, -2);
    copy_int8(&out, INT64_C(0x0102030405060708));
    copy_int8(&out, -1);
    copy_bool(&out, true);
    copy_bool(&out, false);
    copy_null(&out);
    copy_end(&out);
    check(&out,
          "\1\2"
          "\0\0\0\4\xff\xff\xff\xfe"
          "\0\0\0\x8\1\2\3\4\5\6\7\x8"
          "\0\0\0\x8\xff\xff\xff\xff\xff\xff\xff\xff"
          "\0\0\0\1\1"
          "\0\0\0\1\0"
          "\xff\xff\xff\xff"
          "\xff\xff",
          2 + 8 + 12 + 12 + 5 + 5 + 4 + 2);
    buf_free(&out);
}

static void times_count_from_2000(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    copy_time(&out, 0);
    copy_time(&out, INT64_C(946684800000000) + 7);
    check(&out, "\xff\xff\xff\xff\0\0\0\x8\0\0\0\0\0\0\0\7", 16);
    buf_free(&out);
}

static void uuids_and_what_is_none(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    copy_uuid(&out, SLICE("01234567-89ab-cdef-FEDC-ba9876543210"));
    copy_uuid(&out, SLICE("01234567-89ab-cdef-fedc-ba987654321g"));
    check(&out,
          "\0\0\0\x10\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"
          "\xff\xff\xff\xff",
          24);
    buf_free(&out);
}

/* What is neither UTF-8 nor anything but NUL becomes '?', wherever it stands: texts are looked at a word
 * at a time, and here a byte at a time. */
static void texts_are_utf8(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",    "bcd",  "plainplain", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xff", "\xc3", "\x80",       "\x7f"};
    srand(7);
    for (int round = 0; round < 20000; round++) {
        char text[128], wanted[4 + 128] = {0};
        size_t len = 0;
        for (int i = rand() % 10; i > 0; i--) {
            const int which = rand() % (int)(ARRAY_LEN(pieces) + 1);
            const char *piece = which ? pieces[which - 1] : "";
            const size_t bytes = which ? strlen(piece) : 1; /* a NUL */
            memcpy(text + len, piece, bytes);
            len += bytes;
        }
        for (size_t at = 0; at < len;) {
            const size_t step = text[at] ? utf8_sequence(text + at, len - at) : 0;
            if (step)
                memcpy(wanted + 4 + at, text + at, step);
            else
                wanted[4 + at] = '?';
            at += step ? step : 1;
        }
        wanted[3] = (char)len;
        struct buf out;
        buf_init(&out, 0);
        copy_text(&out, slice_of(text, len));
        check(&out, wanted, 4 + len);
        buf_free(&out);
    }
}

static void arrays_have_a_type_and_one_dimension(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 0);
    copy_array(&out, COPY_BYTEA, 2);
    copy_bytes(&out, "\0\1\2", 3);
    copy_bytes(&out, "", 0);
    copy_array(&out, COPY_JSON, 1);
    copy_text(&out, SLICE("[]"));
    check(&out,
          "\0\0\0\1\0\0\0\0\0\0\0\x11\0\0\0\2\0\0\0\1"
          "\0\0\0\3\0\1\2"
          "\0\0\0\0"
          "\0\0\0\1\0\0\0\0\0\0\0\x72\0\0\0\1\0\0\0\1"
          "\0\0\0\2[]",
          20 + 7 + 4 + 20 + 6);
    buf_free(&out);
}

static void digests_in_an_array_of_text(void **state)
{
    (void)state;
    uint8_t digest[SHA256_BYTES] = {0x0a, 0xf1};
    struct buf out;
    buf_init(&out, 0);
    array_begin(&out);
    array_add(&out, SLICE_NONE);
    array_add_digest(&out, digest);
    array_end(&out);
    static const char wanted[] = "{NULL,\"\\\\x0af1"
                                 "000000000000000000000000000000"
                                 "000000000000000000000000000000"
                                 "\"}";
    check(&out, wanted, sizeof(wanted) - 1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(times_count_from_2000),
        cmocka_unit_test(uuids_and_what_is_none),
        cmocka_unit_test(texts_are_utf8),
        cmocka_unit_test(arrays_have_a_type_and_one_dimension),
        cmocka_unit_test(digests_in_an_array_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
