/* address: the table of special ranges, and lists of CIDRs from settings. */
#include "http/address.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the IPv4 address is within an IPv6 address of a range. */
enum embedded { PLAIN, LAST_32, AT_BYTE_2, LAST_32_INVERTED };

struct range {
    const char *prefix;
    uint8_t bits;
    enum embedded embedded;
    const char *name;
};

/* IANA's registries of special-purpose addresses, and what is older than they are. */
static const struct range ranges_v4[] = {
    {"0.0.0.0", 8, PLAIN, "unspecified"},
    {"10.0.0.0", 8, PLAIN, "private"},
    {"100.64.0.0", 10, PLAIN, "carrier NAT"},
    {"127.0.0.0", 8, PLAIN, "loopback"},
    {"169.254.0.0", 16, PLAIN, "link-local"},
    {"172.16.0.0", 12, PLAIN, "private"},
    {"192.0.0.0", 24, PLAIN, "protocol assignments"},
    {"192.0.2.0", 24, PLAIN, "documentation"},
    {"192.88.99.0", 24, PLAIN, "6to4 relay"},
    {"192.168.0.0", 16, PLAIN, "private"},
    {"198.18.0.0", 15, PLAIN, "benchmarks"},
    {"198.51.100.0", 24, PLAIN, "documentation"},
    {"203.0.113.0", 24, PLAIN, "documentation"},
    {"224.0.0.0", 4, PLAIN, "multicast"},
    {"255.255.255.255", 32, PLAIN, "broadcast"},
    {"240.0.0.0", 4, PLAIN, "reserved"},
};

/* The first that matches names the address. What is outside 2000::/3 is reserved, if not here. */
static const struct range ranges_v6[] = {
    {"::", 128, PLAIN, "unspecified"},
    {"::1", 128, PLAIN, "loopback"},
    {"::", 96, LAST_32, "IPv4-compatible"},
    {"::ffff:0:0", 96, LAST_32, "IPv4-mapped"},
    {"::ffff:0:0:0", 96, LAST_32, "IPv4-translated"},
    {"64:ff9b::", 96, LAST_32, "NAT64"},
    {"64:ff9b:1::", 48, PLAIN, "local-use NAT64"},
    {"100::", 64, PLAIN, "discard-only"},
    {"100:0:0:1::", 64, PLAIN, "dummy"},
    {"2001::", 32, LAST_32_INVERTED, "Teredo"},
    {"2001:2::", 48, PLAIN, "benchmarks"},
    {"2001:10::", 28, PLAIN, "ORCHID"},
    {"2001:20::", 28, PLAIN, "ORCHID"},
    {"2001::", 23, PLAIN, "protocol assignments"},
    {"2001:db8::", 32, PLAIN, "documentation"},
    {"2002::", 16, AT_BYTE_2, "6to4"},
    {"3fff::", 20, PLAIN, "documentation"},
    {"5f00::", 16, PLAIN, "segment routing"},
    {"fc00::", 7, PLAIN, "unique local"},
    {"fe80::", 10, PLAIN, "link-local"},
    {"fec0::", 10, PLAIN, "site-local"},
    {"ff00::", 8, PLAIN, "multicast"},
};

/* ISATAP is a form of the last 64 bits, under any prefix: 0:5efe or 200:5efe, then IPv4. */
static const struct range isatap = {"::", 0, LAST_32, "ISATAP"};
static const struct range reserved = {"::", 0, PLAIN, "reserved"};

struct plain_address {
    bool v6;
    uint16_t port;
    uint8_t bytes[16];
};

static bool plain_of(const struct sockaddr *address, struct plain_address *plain)
{
    *plain = (struct plain_address){.v6 = address->sa_family == AF_INET6};
    /* Copies, since a caller's sockaddr may be aligned for bytes only. */
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        memcpy(plain->bytes, &in.sin_addr, 4);
        plain->port = ntohs(in.sin_port);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        memcpy(plain->bytes, &in6.sin6_addr, 16);
        plain->port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

static bool in_range(const struct range *range, const struct plain_address *plain)
{
    uint8_t prefix[16];
    invariant(inet_pton(plain->v6 ? AF_INET6 : AF_INET, range->prefix, prefix) == 1,
              "bad prefix %s in the table", range->prefix);
    return prefix_equal(prefix, plain->bytes, range->bits);
}

/* NULL: no special range. */
static const struct range *range_of(const struct plain_address *plain)
{
    const struct range *ranges = plain->v6 ? ranges_v6 : ranges_v4;
    size_t count = plain->v6 ? ARRAY_LEN(ranges_v6) : ARRAY_LEN(ranges_v4);
    for (size_t i = 0; i < count; i++)
        if (in_range(&ranges[i], plain))
            return &ranges[i];
    if (!plain->v6)
        return NULL;
    if ((plain->bytes[0] & 0xE0) != 0x20)
        return &reserved;
    const uint8_t *id = plain->bytes + 8;
    if ((id[0] & 0xFD) == 0 && id[1] == 0 && id[2] == 0x5E && id[3] == 0xFE)
        return &isatap;
    return NULL;
}

static bool embedded_v4(const struct range *range, const struct plain_address *plain,
                        struct plain_address *v4)
{
    *v4 = (struct plain_address){.v6 = false, .port = plain->port};
    switch (range->embedded) {
    case PLAIN:
        return false;
    case LAST_32:
        memcpy(v4->bytes, plain->bytes + 12, 4);
        return true;
    case AT_BYTE_2:
        memcpy(v4->bytes, plain->bytes + 2, 4);
        return true;
    case LAST_32_INVERTED:
        for (size_t i = 0; i < 4; i++)
            v4->bytes[i] = plain->bytes[12 + i] ^ 0xFF;
        return true;
    }
    return false;
}

static bool listed(const struct http_cidr_list *list, const struct plain_address *plain)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct http_cidr *cidr = &list->items[i];
        if (cidr->v6 == plain->v6 && (cidr->port == 0 || cidr->port == plain->port) &&
            prefix_equal(cidr->bytes, plain->bytes, cidr->bits))
            return true;
    }
    return false;
}

static const char *refuse(const struct http_rules *rules, const struct plain_address *plain)
{
    if (listed(&rules->servers, plain))
        return "one of our own servers";
    if (listed(&rules->deny, plain))
        return "deny-list";
    const struct range *range = range_of(plain);
    if (!range)
        return NULL;
    if (!listed(&rules->allow, plain))
        return range->name;
    struct plain_address v4;
    return embedded_v4(range, plain, &v4) ? refuse(rules, &v4) : NULL;
}

const char *http_rules_refuse(const struct http_rules *rules, const struct sockaddr *address)
{
    struct plain_address plain;
    if (!plain_of(address, &plain))
        return "no internet address";
    return refuse(rules, &plain);
}

const char *http_address_class(const struct sockaddr *address)
{
    struct plain_address plain;
    if (!plain_of(address, &plain))
        return "no internet address";
    const struct range *range = range_of(&plain);
    return range ? range->name : NULL;
}

void http_address_text(const struct sockaddr *address, char text[HTTP_ADDRESS_TEXT])
{
    struct plain_address plain;
    char host[INET6_ADDRSTRLEN];
    if (!plain_of(address, &plain)) {
        (void)snprintf(text, HTTP_ADDRESS_TEXT, "family %d", address->sa_family);
        return;
    }
    invariant(inet_ntop(plain.v6 ? AF_INET6 : AF_INET, plain.bytes, host, sizeof(host)) != NULL,
              "no room for an address");
    (void)snprintf(text, HTTP_ADDRESS_TEXT, plain.v6 ? "[%s]:%u" : "%s:%u", host, plain.port);
}

bool http_address_literal(const char *host, uint16_t port, struct sockaddr_storage *address)
{
    char plain[128];
    size_t len = strlen(host);
    if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(plain))
        return false;
    memcpy(plain, host, len);
    plain[len] = '\0';
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(plain, service, &hints, &found) != 0)
        return false;
    memset(address, 0, sizeof(*address));
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

/* --- lists --- */

static int list_add(struct http_cidr_list *list, const struct http_cidr *cidr)
{
    struct http_cidr *items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (!items)
        return -1;
    list->items = items;
    items[list->count++] = *cidr;
    return 0;
}

static bool parse_bits(const char *text, unsigned most, uint8_t *bits)
{
    size_t len = strlen(text);
    unsigned value = 0;
    if (len == 0 || len > 3)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *bits = (uint8_t)value;
    return value <= most;
}

static int parse_cidr(struct slice entry, struct http_cidr *cidr, struct err *err)
{
    char text[INET6_ADDRSTRLEN + 8];
    *cidr = (struct http_cidr){0};
    if (entry.len >= sizeof(text))
        return err_set(err, ERR_USAGE, "'%.60s…' is no address and no CIDR", entry.ptr);
    memcpy(text, entry.ptr, entry.len);
    text[entry.len] = '\0';
    char *slash = strchr(text, '/');
    if (slash)
        *slash = '\0';
    cidr->v6 = strchr(text, ':') != NULL;
    unsigned width = cidr->v6 ? 128 : 32;
    cidr->bits = (uint8_t)width;
    if (inet_pton(cidr->v6 ? AF_INET6 : AF_INET, text, cidr->bytes) != 1)
        return err_set(err, ERR_USAGE, "'%.*s' is no address and no CIDR, such as 10.0.0.0/8",
                       SLICE_ARG(entry));
    if (slash && !parse_bits(slash + 1, width, &cidr->bits))
        return err_set(err, ERR_USAGE, "'%.*s': a length of 0 to %u must follow the '/'",
                       SLICE_ARG(entry), width);
    for (unsigned bit = cidr->bits; bit < width; bit++)
        if (cidr->bytes[bit / 8] & (0x80 >> bit % 8))
            return err_set(err, ERR_USAGE, "'%.*s': bits behind the first %u must be zero",
                           SLICE_ARG(entry), cidr->bits);
    return 0;
}

static int parse_list(struct http_cidr_list *list, const char *text, struct err *err)
{
    if (!text || text[strspn(text, " \t")] == '\0')
        return 0;
    for (const char *at = text;; at++) {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ",");
        const char *behind = at + len;
        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        struct http_cidr cidr;
        if (len == 0)
            return err_set(err, ERR_USAGE, "'%s': an entry is empty", text);
        if (parse_cidr(slice_of(at, len), &cidr, err))
            return -1;
        if (list_add(list, &cidr))
            return err_set(err, ERR_LIMIT, "no memory for a list of addresses");
        if (*behind == '\0')
            return 0;
        at = behind;
    }
}

int http_rules_init(struct http_rules *rules, const char *allow, const char *deny, struct err *err)
{
    *rules = (struct http_rules){0};
    if (parse_list(&rules->allow, allow, err))
        return err_prefix(err, "addresses to allow");
    if (parse_list(&rules->deny, deny, err))
        return err_prefix(err, "addresses to deny");
    return 0;
}

void http_rules_free(struct http_rules *rules)
{
    free(rules->allow.items);
    free(rules->deny.items);
    free(rules->servers.items);
    *rules = (struct http_rules){0};
}

int http_rules_add_server(struct http_rules *rules, const struct sockaddr *address)
{
    struct plain_address plain;
    if (!plain_of(address, &plain))
        return -1;
    struct http_cidr cidr = {
        .v6 = plain.v6, .bits = plain.v6 ? 128 : 32, .port = plain.port, .bytes = {0}};
    memcpy(cidr.bytes, plain.bytes, sizeof(cidr.bytes));
    return list_add(&rules->servers, &cidr);
}
