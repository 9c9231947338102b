/* ext_network: ip, cidr, and what can be asked of them. */
#include "cel/address.h"
#include "cel/evaluator.h"
#include "cel/library.h"

static struct cel_value make(struct cel_evaluator *evaluator, enum cel_kind kind,
                             struct cel_address address)
{
    struct cel_address *copy = arena_alloc(evaluator->arena, sizeof(*copy));
    if (!copy)
        return cel_fail_memory(evaluator);
    *copy = address;
    return (struct cel_value){.kind = kind, .address = copy};
}

/* --- from text --- */

typedef const char *read_function(struct slice text, struct cel_address *address);

/* An argument that is of that kind, or a string to read one from; an error value otherwise. */
static struct cel_value taken(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments, uint32_t index, enum cel_kind kind)
{
    const struct cel_value *value = &arguments[index];
    struct cel_address address;
    if (value->kind == kind)
        return *value;
    if (value->kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    const char *wrong = kind == CEL_IP ? cel_address_read(value->text, &address)
                                       : cel_network_read(value->text, &address);
    return wrong ? cel_fail(evaluator, node, "the string is not %s", wrong)
                 : make(evaluator, kind, address);
}

static struct cel_value is_read(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments, read_function *read)
{
    struct cel_address address;
    if (arguments[0].kind != CEL_STRING)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_bool(read(arguments[0].text, &address) == NULL);
}

static struct cel_value is_ip(struct cel_evaluator *evaluator, const struct cel_ast *node,
                              const struct cel_value *arguments)
{
    return is_read(evaluator, node, arguments, cel_address_read);
}

static struct cel_value is_cidr(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                const struct cel_value *arguments)
{
    return is_read(evaluator, node, arguments, cel_network_read);
}

/* ip(string), cidr.ip() */
static struct cel_value ip(struct cel_evaluator *evaluator, const struct cel_ast *node,
                           const struct cel_value *arguments)
{
    if (!cel_has_receiver(node))
        return taken(evaluator, node, arguments, 0, CEL_IP);
    if (arguments[0].kind != CEL_CIDR)
        return cel_fail_overload(evaluator, node, arguments);
    struct cel_address address = *arguments[0].address;
    address.prefix = 0;
    return make(evaluator, CEL_IP, address);
}

static struct cel_value cidr(struct cel_evaluator *evaluator, const struct cel_ast *node,
                             const struct cel_value *arguments)
{
    return taken(evaluator, node, arguments, 0, CEL_CIDR);
}

static struct cel_value is_canonical(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                     const struct cel_value *arguments)
{
    char text[CEL_ADDRESS_TEXT_SIZE];
    struct cel_value address = taken(evaluator, node, arguments, 0, CEL_IP);
    if (cel_failed(&address) || arguments[0].kind != CEL_STRING)
        return cel_failed(&address) ? address : cel_fail_overload(evaluator, node, arguments);
    return cel_bool(
        slice_eq(arguments[0].text, slice_of(text, cel_address_write(address.address, text))));
}

/* --- addresses --- */

static bool is_multicast(const struct cel_address *address)
{
    return address->v6 ? address->bytes[0] == 0xFF : address->bytes[0] >> 4 == 0xE;
}

/* All bytes but the last are 0, and that is `last`. */
static bool is_low(const struct cel_address *address, unsigned last)
{
    unsigned end = address->v6 ? 15 : 3;
    for (unsigned i = 0; i < end; i++)
        if (address->bytes[i] != 0)
            return false;
    return address->bytes[end] == last;
}

static bool is_loopback(const struct cel_address *address)
{
    return address->v6 ? is_low(address, 1) : address->bytes[0] == 127;
}

static bool is_unspecified(const struct cel_address *address) { return is_low(address, 0); }

static bool is_link_local_unicast(const struct cel_address *address)
{
    const uint8_t *bytes = address->bytes;
    return address->v6 ? bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80
                       : bytes[0] == 169 && bytes[1] == 254;
}

static bool is_link_local_multicast(const struct cel_address *address)
{
    const uint8_t *bytes = address->bytes;
    return address->v6 ? bytes[0] == 0xFF && (bytes[1] & 0x0F) == 0x02
                       : bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0;
}

static bool is_global_unicast(const struct cel_address *address)
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255};
    bool is_broadcast = !address->v6 && memcmp(address->bytes, broadcast, sizeof(broadcast)) == 0;
    return !is_broadcast && !is_unspecified(address) && !is_loopback(address) &&
           !is_multicast(address) && !is_link_local_unicast(address);
}

static struct cel_value family(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_IP)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_int(arguments[0].address->v6 ? 6 : 4);
}

/* The functions that answer yes or no differ in one thing only. */
#define QUESTION(name, test)                                                                       \
    static struct cel_value name(struct cel_evaluator *evaluator, const struct cel_ast *node,      \
                                 const struct cel_value *arguments)                                \
    {                                                                                              \
        if (arguments[0].kind != CEL_IP)                                                           \
            return cel_fail_overload(evaluator, node, arguments);                                  \
        return cel_bool(test(arguments[0].address));                                               \
    }
QUESTION(ask_loopback, is_loopback)
QUESTION(ask_unspecified, is_unspecified)
QUESTION(ask_global_unicast, is_global_unicast)
QUESTION(ask_link_local_unicast, is_link_local_unicast)
QUESTION(ask_link_local_multicast, is_link_local_multicast)

/* --- networks --- */

static struct cel_value contains(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                 const struct cel_value *arguments, enum cel_kind kind)
{
    if (arguments[0].kind != CEL_CIDR)
        return cel_fail_overload(evaluator, node, arguments);
    struct cel_value other = taken(evaluator, node, arguments, 1, kind);
    if (cel_failed(&other))
        return other;
    const struct cel_address *network = arguments[0].address;
    return cel_bool(cel_network_holds(network, other.address) &&
                    (kind == CEL_IP || network->prefix <= other.address->prefix));
}

static struct cel_value contains_ip(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                    const struct cel_value *arguments)
{
    return contains(evaluator, node, arguments, CEL_IP);
}

static struct cel_value contains_cidr(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments)
{
    return contains(evaluator, node, arguments, CEL_CIDR);
}

static struct cel_value masked(struct cel_evaluator *evaluator, const struct cel_ast *node,
                               const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_CIDR)
        return cel_fail_overload(evaluator, node, arguments);
    return make(evaluator, CEL_CIDR, cel_network_masked(arguments[0].address));
}

static struct cel_value prefix_length(struct cel_evaluator *evaluator, const struct cel_ast *node,
                                      const struct cel_value *arguments)
{
    if (arguments[0].kind != CEL_CIDR)
        return cel_fail_overload(evaluator, node, arguments);
    return cel_int(arguments[0].address->prefix);
}

static const struct cel_library_row rows[] = {
    {"cidr", "s:c", cidr, false, NULL},
    {"containsCIDR", "c.c:b c.s:b", contains_cidr, false, NULL},
    {"containsIP", "c.p:b c.s:b", contains_ip, false, NULL},
    {"family", "p.:i", family, false, NULL},
    {"ip", "s:p c.:p", ip, false, NULL},
    {"ip.isCanonical", "s:b", is_canonical, false, NULL},
    {"isCIDR", "s:b", is_cidr, false, NULL},
    {"isGlobalUnicast", "p.:b", ask_global_unicast, false, NULL},
    {"isIP", "s:b", is_ip, false, NULL},
    {"isLinkLocalMulticast", "p.:b", ask_link_local_multicast, false, NULL},
    {"isLinkLocalUnicast", "p.:b", ask_link_local_unicast, false, NULL},
    {"isLoopback", "p.:b", ask_loopback, false, NULL},
    {"isUnspecified", "p.:b", ask_unspecified, false, NULL},
    {"masked", "c.:c", masked, false, NULL},
    {"prefixLength", "c.:i", prefix_length, false, NULL},
};

const struct cel_library_table cel_ext_network = {rows, ARRAY_LEN(rows)};
