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

/* A digit's value and a mark that it is one. */
enum { IS_DIGIT = 16 };
static const uint8_t hex_digits[256] = {
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21, ['6'] = 22, ['7'] = 23,
    ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
    ['A'] = 26, ['B'] = 27, ['C'] = 28, ['D'] = 29, ['E'] = 30, ['F'] = 31,
};

static bool dash_at(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

bool uuid_parse(struct slice text, struct uuid *uuid)
{
    static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    if (text.len != UUID_TEXT_LEN || text.ptr[8] != '-' || text.ptr[13] != '-' ||
        text.ptr[18] != '-' || text.ptr[23] != '-')
        return false;
    struct uuid parsed;
    unsigned all = IS_DIGIT;
    for (size_t byte = 0; byte < sizeof(parsed.bytes); byte++) {
        const char *at = text.ptr + places[byte];
        const unsigned high = hex_digits[(uint8_t)at[0]], low = hex_digits[(uint8_t)at[1]];
        all &= high & low;
        parsed.bytes[byte] = (uint8_t)(high << 4 | (low & 15));
    }
    if (!all)
        return false;
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
