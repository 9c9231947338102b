/* Which addresses an http node may reach: every special range, at its edges, in every spelling. */
#include "http/address.h"
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
/* after the four above */
#include <cmocka.h>

static struct sockaddr_storage at(const char *literal, uint16_t port)
{
    struct sockaddr_storage address;
    if (!http_address_literal(literal, port, &address))
        fail_msg("%s is no literal", literal);
    return address;
}

static const char *class_of(const char *literal)
{
    struct sockaddr_storage address = at(literal, 80);
    return http_address_class((const struct sockaddr *)&address);
}

static void assert_class(const char *literal, const char *wanted)
{
    const char *name = class_of(literal);
    if (!name && wanted)
        fail_msg("%s passes, and is %s", literal, wanted);
    if (name && (!wanted || strcmp(name, wanted) != 0))
        fail_msg("%s is %s, not %s", literal, name, wanted ? wanted : "public");
}

static void test_ranges(void **state UNUSED)
{
    static const struct {
        const char *literal, *name;
    } rows[] = {
        {"0.0.0.0", "unspecified"},
        {"0.255.255.255", "unspecified"},
        {"1.0.0.0", NULL},
        {"9.255.255.255", NULL},
        {"10.0.0.0", "private"},
        {"10.255.255.255", "private"},
        {"11.0.0.0", NULL},
        {"100.63.255.255", NULL},
        {"100.64.0.0", "carrier NAT"},
        {"100.127.255.255", "carrier NAT"},
        {"100.128.0.0", NULL},
        {"126.255.255.255", NULL},
        {"127.0.0.1", "loopback"},
        {"127.255.255.254", "loopback"},
        {"128.0.0.0", NULL},
        {"169.253.255.255", NULL},
        {"169.254.169.254", "link-local"},
        {"169.255.0.0", NULL},
        {"172.15.255.255", NULL},
        {"172.16.0.0", "private"},
        {"172.31.255.255", "private"},
        {"172.32.0.0", NULL},
        {"192.0.0.0", "protocol assignments"},
        {"192.0.0.170", "protocol assignments"},
        {"192.0.1.0", NULL},
        {"192.0.2.1", "documentation"},
        {"192.0.3.0", NULL},
        {"192.88.99.1", "6to4 relay"},
        {"192.167.255.255", NULL},
        {"192.168.0.1", "private"},
        {"192.169.0.0", NULL},
        {"198.17.255.255", NULL},
        {"198.18.0.0", "benchmarks"},
        {"198.19.255.255", "benchmarks"},
        {"198.20.0.0", NULL},
        {"198.51.100.7", "documentation"},
        {"203.0.113.7", "documentation"},
        {"223.255.255.255", NULL},
        {"224.0.0.1", "multicast"},
        {"239.255.255.255", "multicast"},
        {"240.0.0.0", "reserved"},
        {"255.255.255.254", "reserved"},
        {"255.255.255.255", "broadcast"},
        {"8.8.8.8", NULL},
        {"::", "unspecified"},
        {"::1", "loopback"},
        {"::2", "IPv4-compatible"},
        {"::127.0.0.1", "IPv4-compatible"},
        {"::8.8.8.8", "IPv4-compatible"},
        {"::ffff:127.0.0.1", "IPv4-mapped"},
        {"::ffff:7f00:1", "IPv4-mapped"},
        {"::ffff:8.8.8.8", "IPv4-mapped"},
        {"::ffff:0:127.0.0.1", "IPv4-translated"},
        {"::fffe:127.0.0.1", "reserved"},
        {"64:ff9b::127.0.0.1", "NAT64"},
        {"64:ff9b::808:808", "NAT64"},
        {"64:ff9b:0:0:0:1::", "reserved"},
        {"64:ff9b:1::1", "local-use NAT64"},
        {"64:ff9b:1:ffff::10.0.0.1", "local-use NAT64"},
        {"64:ff9b:2::1", "reserved"},
        {"100::1", "discard-only"},
        {"100:0:0:1::1", "dummy"},
        {"2001::1", "Teredo"},
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"},
        {"2001:1::1", "protocol assignments"},
        {"2001:2::1", "benchmarks"},
        {"2001:10::1", "ORCHID"},
        {"2001:2f::1", "ORCHID"},
        {"2001:1ff:ffff::", "protocol assignments"},
        {"2001:200::1", NULL},
        {"2001:db8::1", "documentation"},
        {"2001:db9::1", NULL},
        {"2002::1", "6to4"},
        {"2002:7f00:1::", "6to4"},
        {"2003::1", NULL},
        {"2606:4700::1111", NULL},
        {"2a00:1450::8a", NULL},
        {"2a00:1450::5efe:10.0.0.1", "ISATAP"},
        {"2a00:1450::200:5efe:10.0.0.1", "ISATAP"},
        {"3fff:0fff::1", "documentation"},
        {"3fff:1000::1", NULL},
        {"3ffe::1", NULL},
        {"4000::1", "reserved"},
        {"5f00::1", "segment routing"},
        {"1fff::1", "reserved"},
        {"fbff::1", "reserved"},
        {"fc00::1", "unique local"},
        {"fdff::1", "unique local"},
        {"fe00::1", "reserved"},
        {"fe80::1", "link-local"},
        {"febf::1", "link-local"},
        {"fec0::1", "site-local"},
        {"feff::1", "site-local"},
        {"ff02::1", "multicast"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_class(rows[i].literal, rows[i].name);
}

/* Whatever a URL says, the resolver makes a sockaddr of it, and that is what is judged. */
static void test_spellings(void **state UNUSED)
{
    static const char *const loopback[] = {
        "127.1",        "127.0.1",    "2130706433", "0x7f000001",      "0x7f.1", "0177.0.0.1",
        "017700000001", "0X7F.0.0.1", "[::1]",      "0:0:0:0:0:0:0:1", "::0001"};
    for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
        assert_class(loopback[i], "loopback");
    assert_class("0", "unspecified");
    assert_class("0xa9fea9fe", "link-local");
    assert_class("2852039166", "link-local");
    assert_class("0251.0376.0251.0376", "link-local");
    assert_class("[::FFFF:A9FE:A9FE]", "IPv4-mapped");
    assert_class("0:0:0:0:0:FFFF:10.0.0.1", "IPv4-mapped");
    struct sockaddr_storage address;
    assert_false(http_address_literal("localhost", 80, &address));
    assert_false(http_address_literal("", 80, &address));
    assert_false(http_address_literal("[]", 80, &address));
    assert_false(http_address_literal("1.2.3.4.example.org", 80, &address));
    assert_false(http_address_literal("256.1.1.1", 80, &address));
}

static const char *refuse(const struct http_rules *rules, const char *literal, uint16_t port)
{
    struct sockaddr_storage address = at(literal, port);
    return http_rules_refuse(rules, (const struct sockaddr *)&address);
}

static void test_lists(void **state UNUSED)
{
    struct err err = ERR_INIT;
    struct http_rules rules;
    assert_int_equal(http_rules_init(&rules, NULL, "", &err), 0);
    assert_string_equal(refuse(&rules, "127.0.0.1", 80), "loopback");
    assert_null(refuse(&rules, "8.8.8.8", 80));
    http_rules_free(&rules);

    assert_int_equal(
        http_rules_init(&rules, " 10.0.0.0/8, 127.0.0.1 ,fd00::/8", "10.1.0.0/16,8.8.8.8", &err),
        0);
    assert_null(refuse(&rules, "10.2.0.1", 80));
    assert_null(refuse(&rules, "127.0.0.1", 80));
    assert_null(refuse(&rules, "fd12::1", 80));
    assert_string_equal(refuse(&rules, "fc12::1", 80), "unique local");
    assert_string_equal(refuse(&rules, "127.0.0.2", 80), "loopback");
    assert_string_equal(refuse(&rules, "10.1.255.255", 80), "deny-list");
    assert_string_equal(refuse(&rules, "8.8.8.8", 80), "deny-list");
    assert_null(refuse(&rules, "8.8.4.4", 80));
    /* What is allowed as IPv4 is not allowed in disguise. */
    assert_string_equal(refuse(&rules, "::ffff:127.0.0.1", 80), "IPv4-mapped");
    assert_string_equal(refuse(&rules, "64:ff9b::10.2.0.1", 80), "NAT64");
    struct sockaddr_storage server = at("10.2.0.9", 6379);
    assert_int_equal(http_rules_add_server(&rules, (struct sockaddr *)&server), 0);
    assert_string_equal(refuse(&rules, "10.2.0.9", 6379), "one of our own servers");
    assert_null(refuse(&rules, "10.2.0.9", 80));
    server = at("10.2.0.8", 0);
    assert_int_equal(http_rules_add_server(&rules, (struct sockaddr *)&server), 0);
    assert_string_equal(refuse(&rules, "10.2.0.8", 80), "one of our own servers");
    http_rules_free(&rules);
}

/* Opening a form does not open what it reaches. */
static void test_embedded(void **state UNUSED)
{
    struct err err = ERR_INIT;
    struct http_rules rules;
    assert_int_equal(http_rules_init(&rules,
                                     "::ffff:0:0/96,64:ff9b::/96,2002::/16,2001::/32,127.0.0.1,"
                                     "2a00:1450::/32,64:ff9b:1::/48",
                                     "9.9.9.9", &err),
                     0);
    assert_null(refuse(&rules, "::ffff:8.8.8.8", 80));
    assert_null(refuse(&rules, "::ffff:127.0.0.1", 80));
    assert_string_equal(refuse(&rules, "::ffff:127.0.0.2", 80), "loopback");
    assert_string_equal(refuse(&rules, "::ffff:9.9.9.9", 80), "deny-list");
    assert_null(refuse(&rules, "64:ff9b::8.8.8.8", 80));
    assert_string_equal(refuse(&rules, "64:ff9b::169.254.169.254", 80), "link-local");
    assert_string_equal(refuse(&rules, "2002:a00:1::1", 80), "private");
    assert_null(refuse(&rules, "2002:808:808::1", 80));
    /* Teredo: the client's address, inverted. 3fff:fdd2 is 192.0.2.45, f5ff:fffe is 10.0.0.1. */
    assert_string_equal(refuse(&rules, "2001:0:4136:e378:8000:63bf:3fff:fdd2", 80),
                        "documentation");
    assert_string_equal(refuse(&rules, "2001:0:4136:e378:8000:63bf:f5ff:fffe", 80), "private");
    assert_string_equal(refuse(&rules, "2a00:1450::5efe:10.0.0.1", 80), "private");
    assert_null(refuse(&rules, "2a00:1450::5efe:8.8.8.8", 80));
    assert_null(refuse(&rules, "64:ff9b:1::10.0.0.1", 80));
    struct sockaddr_storage server = at("127.0.0.1", 6379);
    assert_int_equal(http_rules_add_server(&rules, (struct sockaddr *)&server), 0);
    assert_string_equal(refuse(&rules, "::ffff:127.0.0.1", 6379), "one of our own servers");
    http_rules_free(&rules);
}

static void test_bad_lists(void **state UNUSED)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"10.0.0.0/8,nonsense", "addresses to allow: 'nonsense' is no address and no CIDR, such as "
                                "10.0.0.0/8"},
        {"10.0.0.0/33",
         "addresses to allow: '10.0.0.0/33': a length of 0 to 32 must follow the '/'"},
        {"10.0.0.0/", "addresses to allow: '10.0.0.0/': a length of 0 to 32 must follow the '/'"},
        {"10.0.0.0/-1",
         "addresses to allow: '10.0.0.0/-1': a length of 0 to 32 must follow the '/'"},
        {"::/129", "addresses to allow: '::/129': a length of 0 to 128 must follow the '/'"},
        {"::/1000", "addresses to allow: '::/1000': a length of 0 to 128 must follow the '/'"},
        {"10.0.0.1/8", "addresses to allow: '10.0.0.1/8': bits behind the first 8 must be zero"},
        {"fd00::1/64", "addresses to allow: 'fd00::1/64': bits behind the first 64 must be zero"},
        {"10.0.0.0/8,", "addresses to allow: '10.0.0.0/8,': an entry is empty"},
        {",", "addresses to allow: ',': an entry is empty"},
        {"10.1", "addresses to allow: '10.1' is no address and no CIDR, such as 10.0.0.0/8"},
        {"localhost",
         "addresses to allow: 'localhost' is no address and no CIDR, such as 10.0.0.0/8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        struct http_rules rules;
        assert_int_equal(http_rules_init(&rules, rows[i].text, NULL, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
        assert_string_equal(err.message, rows[i].message);
        http_rules_free(&rules);
    }
    struct err err = ERR_INIT;
    struct http_rules rules;
    assert_int_equal(http_rules_init(&rules, NULL, "1.1.1.1,x", &err), -1);
    assert_string_equal(err.message,
                        "addresses to deny: 'x' is no address and no CIDR, such as 10.0.0.0/8");
    http_rules_free(&rules);
}

static void test_other_families(void **state UNUSED)
{
    struct http_rules rules;
    struct err err = ERR_INIT;
    assert_int_equal(http_rules_init(&rules, "0.0.0.0/0,::/0", NULL, &err), 0);
    const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/redis.sock"};
    const struct sockaddr *address = (const struct sockaddr *)&un;
    assert_string_equal(http_rules_refuse(&rules, address), "no internet address");
    assert_int_equal(http_rules_add_server(&rules, address), -1);
    assert_null(refuse(&rules, "127.0.0.1", 80));
    assert_null(refuse(&rules, "::ffff:10.0.0.1", 80));
    http_rules_free(&rules);
    char text[HTTP_ADDRESS_TEXT];
    struct sockaddr_storage one = at("::1", 443);
    http_address_text((const struct sockaddr *)&one, text);
    assert_string_equal(text, "[::1]:443");
    one = at("127.1", 8080);
    http_address_text((const struct sockaddr *)&one, text);
    assert_string_equal(text, "127.0.0.1:8080");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),    cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_lists),     cmocka_unit_test(test_embedded),
        cmocka_unit_test(test_bad_lists), cmocka_unit_test(test_other_families),
    };
    return cmocka_run_group_tests_name("http_address", tests, NULL, NULL);
}
