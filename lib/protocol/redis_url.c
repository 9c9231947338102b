#include "protocol/decimal.h"
#include "protocol/redis.h"
#include <string.h>

#define DEFAULT_PORT 6379

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes into a NUL-terminated text. `what` names the part in messages; the part itself may be
 * a secret and is never printed. */
static int decode(struct slice text, const char *what, char *out, size_t size, struct err *err)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(err, ERR_USAGE,
                               "Redis URL: a %% in the %s must be followed by two hex digits "
                               "(write a plain %% as %%25)",
                               what);
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return err_set(err, ERR_USAGE, "Redis URL: the %s holds a NUL byte", what);
        if (len + 1 >= size)
            return err_set(err, ERR_USAGE, "Redis URL: the %s is longer than %zu bytes", what,
                           size - 1);
        out[len++] = c;
    }
    out[len] = '\0';
    return 0;
}

static int parse_credentials(struct slice text, struct redis_address *address, struct err *err)
{
    struct slice user, password = text;
    if (!decimal_cut(&password, ':', &user))
        return err_set(err, ERR_USAGE, "Redis URL: no password before the @ (USER:PASSWORD@HOST)");
    if (decode(user, "user", address->user, sizeof(address->user), err))
        return -1;
    return decode(password, "password", address->password, sizeof(address->password), err);
}

/* `host`, `host:port` or `[address]:port`. */
static int parse_host(struct slice text, struct redis_address *address, struct err *err)
{
    struct slice host = text, port = SLICE_NONE;
    if (text.len > 0 && text.ptr[0] == '[') {
        const char *end = memchr(text.ptr, ']', text.len);
        if (!end)
            return err_set(err, ERR_USAGE, "Redis URL: no ] behind the [ of an IPv6 address");
        host = slice_of(text.ptr + 1, (size_t)(end - text.ptr) - 1);
        struct slice rest = slice_of(end + 1, text.len - host.len - 2);
        if (rest.len > 0 && rest.ptr[0] != ':')
            return err_set(err, ERR_USAGE, "Redis URL: expected :PORT behind the address");
        if (rest.len > 0)
            port = slice_of(rest.ptr + 1, rest.len - 1);
    } else {
        struct slice rest = text;
        if (decimal_cut(&rest, ':', &host))
            port = rest;
    }
    uint32_t number = DEFAULT_PORT;
    if (port.ptr && (!decimal_u32(port, &number) || number < 1 || number > 65535))
        return err_set(err, ERR_USAGE, "Redis URL: the port must be a number from 1 to 65535");
    address->port = (int)number;
    if (host.len == 0)
        return err_set(err, ERR_USAGE, "Redis URL: no host (redis://HOST:PORT)");
    return decode(host, "host", address->host, sizeof(address->host), err);
}

int redis_parse_url(const char *url, struct redis_address *address, struct err *err)
{
    static const char scheme[] = "redis://";
    *address = (struct redis_address){0};
    if (strncmp(url, "rediss://", 9) == 0)
        return err_set(err, ERR_USAGE, "Redis URL: TLS (rediss://) is not supported yet");
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return err_set(err, ERR_USAGE,
                       "Redis URL: expected redis://[[user]:password@]host[:port][/db]");
    struct slice rest = slice_str(url + sizeof(scheme) - 1);
    if (memchr(rest.ptr, '?', rest.len) || memchr(rest.ptr, '#', rest.len))
        return err_set(err, ERR_USAGE, "Redis URL: no ? or # (in a password write %%3F and %%23)");
    struct slice authority = rest, path = rest, credentials;
    if (decimal_cut(&path, '/', &authority)) {
        uint32_t database = 0;
        if (path.len > 0 && (!decimal_u32(path, &database) || database > INT32_MAX))
            return err_set(err, ERR_USAGE,
                           "Redis URL: behind the host only the number of a database may follow "
                           "(in a password write / as %%2F)");
        address->database = (int)database;
    }
    /* The last @: a password may hold one. */
    const char *at = authority.len ? memrchr(authority.ptr, '@', authority.len) : NULL;
    if (at) {
        credentials = slice_of(authority.ptr, (size_t)(at - authority.ptr));
        authority = slice_of(at + 1, authority.len - credentials.len - 1);
        if (parse_credentials(credentials, address, err))
            return -1;
    }
    return parse_host(authority, address, err);
}
