/* Run ids and the digests beneath them. */
#include "base/attr.h"
#include "base/sha256.h"
#include "base/uuid7.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static void test_version_7(void **state UNUSED)
{
    struct uuid uuid = uuid7_make(0x0123456789AB, 0xBEEF);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(&uuid, text);
    assert_memory_equal(text, "01234567-89ab-7", 15);
    assert_non_null(strchr("89ab", text[19]));
    assert_string_equal(text + 32, "beef");
    struct uuid other = uuid7_make(0x0123456789AB, 0xBEEF);
    assert_memory_not_equal(uuid.bytes, other.bytes, sizeof(uuid.bytes));
    struct uuid later = uuid7_make(0x0123456789AC, 0);
    assert_true(memcmp(uuid.bytes, later.bytes, sizeof(uuid.bytes)) < 0);
}

static void test_partition(void **state UNUSED)
{
    for (unsigned partition = 0; partition < 16; partition++) {
        struct uuid uuid = uuid7_make(1, (uint16_t)partition);
        assert_int_equal(uuid_partition(&uuid, 16), partition);
    }
    struct uuid uuid = uuid7_make(1, 1000);
    assert_int_equal(uuid_partition(&uuid, 7), 1000 % 7);
    assert_int_equal(uuid_partition(&uuid, 1), 0);
    uuid = uuid7_make(1, 65535);
    assert_int_equal(uuid_partition(&uuid, 65535), 0);
}

static void test_version_5(void **state UNUSED)
{
    /* RFC 9562, A.4 */
    struct uuid dns;
    assert_true(uuid_parse(SLICE("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), &dns));
    struct uuid uuid = uuid5_make(&dns, SLICE("www.example.com"));
    char text[UUID_TEXT_LEN + 1];
    uuid_format(&uuid, text);
    assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    struct uuid empty = uuid5_make(&dns, SLICE_NONE);
    struct uuid also_empty = uuid5_make(&dns, SLICE(""));
    assert_memory_equal(empty.bytes, also_empty.bytes, sizeof(empty.bytes));
}

static void test_parse(void **state UNUSED)
{
    struct uuid lower, upper;
    assert_true(uuid_parse(SLICE("0123abcd-ef01-7890-abcd-ef0123456789"), &lower));
    assert_true(uuid_parse(SLICE("0123ABCD-EF01-7890-ABCD-EF0123456789"), &upper));
    assert_memory_equal(lower.bytes, upper.bytes, sizeof(lower.bytes));
    char text[UUID_TEXT_LEN + 1];
    uuid_format(&upper, text);
    assert_string_equal(text, "0123abcd-ef01-7890-abcd-ef0123456789");
    static const char *const bad[] = {
        "",
        "0123abcd-ef01-7890-abcd-ef012345678",
        "0123abcd-ef01-7890-abcd-ef01234567890",
        "0123abcdef01-7890-abcd-ef0123456789a",
        "0123abcd-ef01-7890-abcd-ef012345678g",
        "0123abcd-ef01-7890-abcd+ef0123456789",
        "0123abcd_ef01-7890-abcd-ef0123456789",
        "{123abcd-ef01-7890-abcd-ef012345678}",
        " 123abcd-ef01-7890-abcd-ef0123456789",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(uuid_parse(slice_str(bad[i]), &lower));
    assert_memory_equal(lower.bytes, upper.bytes, sizeof(lower.bytes)); /* untouched */
}

static void test_digests(void **state UNUSED)
{
    char hex[SHA256_HEX_LEN + 1];
    sha256_hex(SLICE("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex(SLICE_NONE, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    char short_hex[41];
    sha1_hex(SLICE("abc"), short_hex);
    assert_string_equal(short_hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_7), cmocka_unit_test(test_partition),
        cmocka_unit_test(test_version_5), cmocka_unit_test(test_parse),
        cmocka_unit_test(test_digests),
    };
    return cmocka_run_group_tests_name("uuid7", tests, NULL, NULL);
}
