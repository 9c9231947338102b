/* uuid7: layouts of RFC 9562. */
#include "base/uuid7.h"
#include "base/err.h"
#include "base/hash.h"
#include <openssl/evp.h>

static void set_version(struct uuid *uuid, unsigned version)
{
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0F) | version << 4);
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3F) | 0x80);
}

struct uuid uuid7_make(int64_t wall_ms, uint16_t partition)
{
    struct uuid uuid;
    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
    random_bytes(uuid.bytes + 6, 8);
    uuid.bytes[14] = (uint8_t)(partition >> 8);
    uuid.bytes[15] = (uint8_t)partition;
    set_version(&uuid, 7);
    return uuid;
}

struct uuid uuid5_make(const struct uuid *space, struct slice name)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
                EVP_DigestUpdate(context, space->bytes, sizeof(space->bytes)) == 1 &&
                EVP_DigestUpdate(context, name.ptr ? name.ptr : "", name.len) == 1 &&
                EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    invariant(done, "OpenSSL cannot compute a digest");
    struct uuid uuid;
    memcpy(uuid.bytes, digest, sizeof(uuid.bytes));
    set_version(&uuid, 5);
    return uuid;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool dash_at(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

bool uuid_parse(struct slice text, struct uuid *uuid)
{
    if (text.len != UUID_TEXT_LEN)
        return false;
    struct uuid parsed;
    size_t at = 0;
    for (size_t byte = 0; byte < sizeof(parsed.bytes); byte++) {
        if (dash_at(at) && text.ptr[at++] != '-')
            return false;
        int high = hex_digit(text.ptr[at++]), low = hex_digit(text.ptr[at++]);
        if (high < 0 || low < 0)
            return false;
        parsed.bytes[byte] = (uint8_t)(high << 4 | low);
    }
    *uuid = parsed;
    return true;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t byte = 0; byte < sizeof(uuid->bytes); byte++) {
        if (dash_at(at))
            text[at++] = '-';
        text[at++] = digits[uuid->bytes[byte] >> 4];
        text[at++] = digits[uuid->bytes[byte] & 15];
    }
    text[at] = '\0';
}

uint16_t uuid_partition(const struct uuid *uuid, uint16_t partition_count)
{
    invariant(partition_count > 0, "no partitions");
    return (uint16_t)((uuid->bytes[14] << 8 | uuid->bytes[15]) % partition_count);
}
