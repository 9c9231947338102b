/* address: IP addresses and networks, from and to text. Internal to lib/cel.
 *
 * Text is strict: four decimal numbers without leading zeros; eight groups, one "::" for some of them,
 * the last two perhaps as an IPv4 address; no zones. An IPv4 address inside of IPv6 is that address
 * when it is written in groups (::ffff:c0a8:1), and no address when it is written with dots.
 */
#ifndef TROUPE_CEL_ADDRESS_H
#define TROUPE_CEL_ADDRESS_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct cel_address {
    uint8_t bytes[16]; /* network order; 4 of them when it is not v6 */
    bool v6;
    uint8_t prefix; /* bits; of networks */
};

#define CEL_ADDRESS_TEXT_SIZE 64

/* NULL, or what the text is not: "an IP address". */
const char *cel_address_read(struct slice text, struct cel_address *address);
/* address/bits; the same. */
const char *cel_network_read(struct slice text, struct cel_address *network);
/* As RFC 5952 has it; returns the length. */
size_t cel_address_write(const struct cel_address *address, char out[CEL_ADDRESS_TEXT_SIZE]);
size_t cel_network_write(const struct cel_address *network, char out[CEL_ADDRESS_TEXT_SIZE]);

bool cel_address_same(const struct cel_address *a, const struct cel_address *b);
/* Is the address in the network? */
bool cel_network_holds(const struct cel_address *network, const struct cel_address *address);
/* With all bits behind the prefix 0. */
struct cel_address cel_network_masked(const struct cel_address *network);

#endif
