#include "cel/address.h"
#include <stdio.h>

#define NOT_AN_ADDRESS "an IP address"

static unsigned byte_count(const struct cel_address *address) { return address->v6 ? 16 : 4; }

/* --- reading --- */

/* A decimal number up to `most`, without leading zeros; all of the text. */
static bool read_number(struct slice text, unsigned most, unsigned *number)
{
    if (text.len == 0 || text.len > 3 || (text.len > 1 && *text.ptr == '0'))
        return false;
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *number = *number * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return *number <= most;
}

/* The text up to the separator, which is taken too, or all of it; *more tells which. */
static struct slice take_field(struct slice *text, char separator, bool *more)
{
    const char *found = text->len ? memchr(text->ptr, separator, text->len) : NULL;
    struct slice field = slice_of(text->ptr, found ? (size_t)(found - text->ptr) : text->len);
    size_t used = field.len + (found != NULL);
    *text = slice_of(text->ptr + used, text->len - used);
    *more = found != NULL;
    return field;
}

static bool read_v4(struct slice text, uint8_t bytes[4])
{
    bool more = true;
    for (int i = 0; i < 4; i++) {
        unsigned number = 0;
        if (!more || !read_number(take_field(&text, '.', &more), 255, &number))
            return false;
        bytes[i] = (uint8_t)number;
    }
    return !more;
}

/* One to four hexadecimal digits. */
static bool read_group(struct slice text, uint8_t bytes[2])
{
    unsigned group = 0;
    if (text.len == 0 || text.len > 4)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char letter = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            group = group << 4 | (unsigned)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            group = group << 4 | (unsigned)(letter - 'a' + 10);
        else
            return false;
    }
    bytes[0] = (uint8_t)(group >> 8);
    bytes[1] = (uint8_t)group;
    return true;
}

/* Groups between ':' into bytes that have `size`; *dotted when the last ones are an IPv4 address. -1
 * when they are none. */
static int read_groups(struct slice text, uint8_t *bytes, int size, bool *dotted)
{
    int length = 0;
    bool more = text.len > 0;
    while (more) {
        struct slice field = take_field(&text, ':', &more);
        if (!more && length + 4 <= size && read_v4(field, bytes + length)) {
            *dotted = true;
            return length + 4;
        }
        if (length + 2 > size || !read_group(field, bytes + length))
            return -1;
        length += 2;
    }
    return length;
}

static bool read_v6(struct slice text, uint8_t bytes[16], bool *dotted)
{
    const char *gap = NULL;
    for (size_t i = 0; i + 1 < text.len && !gap; i++)
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ':')
            gap = text.ptr + i;
    if (!gap)
        return read_groups(text, bytes, 16, dotted) == 16;
    size_t before = (size_t)(gap - text.ptr);
    bool early = false; /* an IPv4 address may only be at the end */
    int length = read_groups(slice_of(text.ptr, before), bytes, 14, &early);
    if (length < 0 || early)
        return false;
    uint8_t rest[16];
    int behind = read_groups(slice_of(gap + 2, text.len - before - 2), rest, 14 - length, dotted);
    if (behind < 0)
        return false;
    memset(bytes + length, 0, (size_t)(16 - length - behind));
    memcpy(bytes + 16 - behind, rest, (size_t)behind);
    return true;
}

static bool is_mapped(const struct cel_address *address)
{
    static const uint8_t start[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    return address->v6 && memcmp(address->bytes, start, sizeof(start)) == 0;
}

static const char *read_any(struct slice text, struct cel_address *address, bool *dotted)
{
    memset(address, 0, sizeof(*address));
    *dotted = false;
    if (text.len == 0 || text.len >= CEL_ADDRESS_TEXT_SIZE)
        return NOT_AN_ADDRESS;
    if (memchr(text.ptr, '%', text.len))
        return "an IP address without a zone";
    address->v6 = memchr(text.ptr, ':', text.len) != NULL;
    bool good = address->v6 ? read_v6(text, address->bytes, dotted) : read_v4(text, address->bytes);
    return good ? NULL : NOT_AN_ADDRESS;
}

const char *cel_address_read(struct slice text, struct cel_address *address)
{
    bool dotted = false;
    const char *wrong = read_any(text, address, &dotted);
    if (wrong || !is_mapped(address))
        return wrong;
    if (dotted)
        return "an IP address: an IPv4 address is written without '::ffff:'";
    memcpy(address->bytes, address->bytes + 12, 4);
    memset(address->bytes + 4, 0, 12);
    address->v6 = false;
    return NULL;
}

const char *cel_network_read(struct slice text, struct cel_address *network)
{
    bool more = false;
    bool dotted = false;
    unsigned prefix = 0;
    const char *wrong = read_any(take_field(&text, '/', &more), network, &dotted);
    if (wrong)
        return strcmp(wrong, NOT_AN_ADDRESS) == 0 ? "a network (as in 10.0.0.0/8)" : wrong;
    if (!more || !read_number(text, byte_count(network) * 8, &prefix) || is_mapped(network))
        return "a network (as in 10.0.0.0/8)";
    network->prefix = (uint8_t)prefix;
    return NULL;
}

/* --- writing --- */

static unsigned group_at(const struct cel_address *address, int group)
{
    return (unsigned)address->bytes[2 * group] << 8 | address->bytes[2 * group + 1];
}

/* The first of the longest runs of two or more groups that are 0; *length 0 when there is none. */
static int longest_gap(const struct cel_address *address, int *length)
{
    int best = -1;
    *length = 0;
    for (int start = 0; start < 8; start++) {
        int end = start;
        while (end < 8 && group_at(address, end) == 0)
            end++;
        if (end - start > 1 && end - start > *length) {
            best = start;
            *length = end - start;
        }
    }
    return best;
}

size_t cel_address_write(const struct cel_address *address, char out[CEL_ADDRESS_TEXT_SIZE])
{
    const uint8_t *bytes = address->bytes;
    if (!address->v6)
        return (size_t)snprintf(out, CEL_ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", bytes[0], bytes[1],
                                bytes[2], bytes[3]);
    int length = 0;
    int gap = longest_gap(address, &length);
    size_t at = 0;
    for (int group = 0; group < 8; group++) {
        if (group == gap) {
            at += (size_t)snprintf(out + at, CEL_ADDRESS_TEXT_SIZE - at, "::");
            group += length - 1;
            continue;
        }
        bool separated = group > 0 && out[at - 1] != ':';
        at += (size_t)snprintf(out + at, CEL_ADDRESS_TEXT_SIZE - at, "%s%x", separated ? ":" : "",
                               group_at(address, group));
    }
    return at;
}

size_t cel_network_write(const struct cel_address *network, char out[CEL_ADDRESS_TEXT_SIZE])
{
    size_t at = cel_address_write(network, out);
    return at + (size_t)snprintf(out + at, CEL_ADDRESS_TEXT_SIZE - at, "/%u", network->prefix);
}

/* --- comparing --- */

bool cel_address_same(const struct cel_address *a, const struct cel_address *b)
{
    return a->v6 == b->v6 && a->prefix == b->prefix &&
           memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct cel_address masked(const struct cel_address *address, unsigned prefix)
{
    struct cel_address result = *address;
    for (unsigned i = 0; i < byte_count(address); i++) {
        unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;
        if (kept < 8)
            result.bytes[i] = (uint8_t)(result.bytes[i] & ~(0xFFu >> kept));
    }
    return result;
}

struct cel_address cel_network_masked(const struct cel_address *network)
{
    return masked(network, network->prefix);
}

bool cel_network_holds(const struct cel_address *network, const struct cel_address *address)
{
    const struct cel_address a = masked(network, network->prefix);
    const struct cel_address b = masked(address, network->prefix);
    return a.v6 == b.v6 && memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}
