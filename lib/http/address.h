/* address: which socket addresses an http node may talk to.
 *
 * The decision is made on the address that a socket is about to be connected to, never on a name or
 * on the text of a URL: redirects, DNS that answers differently the second time and odd spellings of
 * addresses (0x7f.1, 2130706433, [::ffff:127.0.0.1]) all end in a sockaddr. In this order:
 *
 *   1. a server of our own (http_rules_add_server)           denied
 *   2. in the deny-list                                      denied
 *   3. not in any special range, or in the allow-list        permitted
 *   4. everything else                                       denied
 *
 * An IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo,
 * ISATAP) is permitted only when its own form is in the allow-list and the IPv4 address within passes
 * all of the above too: `::ffff:0:0/96` in the allow-list opens the form, not what it can reach. Not so
 * with 64:ff9b:1::/48, where nobody can tell which bits are the IPv4 address: who allows it allows
 * all of it.
 */
#ifndef TROUPE_HTTP_ADDRESS_H
#define TROUPE_HTTP_ADDRESS_H

#include "base/attr.h"
#include "base/err.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_cidr {
    bool v6;
    uint8_t bits;      /* of the prefix */
    uint8_t bytes[16]; /* of the address: the first 4 of IPv4 */
    uint16_t port;     /* only of our own servers; 0: any */
};

struct http_cidr_list {
    struct http_cidr *items;
    size_t count;
};

struct http_rules {
    struct http_cidr_list allow, deny, servers;
};

/* "10.0.0.0/8,::1/128, 127.0.0.1": addresses without a length are that one address. Bits behind the
 * prefix must be zero. NULL or "" is an empty list. ERR_USAGE names the entry. The rules are to be
 * freed in any case. */
MUSTCHECK int http_rules_init(struct http_rules *rules, const char *allow, const char *deny,
                              struct err *err);
void http_rules_free(struct http_rules *rules);

/* Denies an address and port of a server of ours (Redis, Postgres), whatever the allow-list says.
 * Port 0: every port of it. -1: no memory, or neither IPv4 nor IPv6 (a socket of the file system
 * cannot be reached by a URL and needs no rule). */
MUSTCHECK int http_rules_add_server(struct http_rules *rules, const struct sockaddr *address);

/* The special range that an address is in: "loopback", "private", …; NULL: publicly routed. A family
 * other than IPv4 and IPv6 is "no internet address". */
const char *http_address_class(const struct sockaddr *address);

/* NULL: permitted. Else why not: a range as above, "deny-list", "one of our own servers". */
const char *http_rules_refuse(const struct http_rules *rules, const struct sockaddr *address);

/* "127.0.0.1:80", "[::1]:443". */
#define HTTP_ADDRESS_TEXT 64
void http_address_text(const struct sockaddr *address, char text[HTTP_ADDRESS_TEXT]);

/* Reads an IPv4 or IPv6 literal in any spelling that the resolver takes as one; false: a name. An
 * IPv6 literal may stand in brackets. Asks no server. */
bool http_address_literal(const char *host, uint16_t port, struct sockaddr_storage *address);

#endif
