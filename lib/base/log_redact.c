/* log_redact: takes passwords out of URLs and connection strings, wherever they stand in a text.
 *
 * Where it is unclear what is the password, rather too much is replaced than too little.
 */
#include "base/log.h"
#include <strings.h>

static const char mask[] = "***";

/* What ends a URL inside a sentence. */
static bool ends_url(char c)
{
    return (unsigned char)c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>';
}

/* `at` is behind "://". Finds the password in "user:password@host"; false when there is none. */
static bool find_user_password(const char *at, const char *end, struct slice *password)
{
    const char *colon = NULL, *last_at = NULL;
    bool in_authority = true;
    for (const char *c = at; c < end && !ends_url(*c); c++) {
        if (*c == '/' || *c == '?' || *c == '#') {
            /* A password with a bare '/' is broken, but still a password: go on looking for the '@'
             * when there is a colon and no '@' yet. */
            in_authority = false;
            if (!colon || last_at)
                break;
        } else if (*c == ':' && !colon && in_authority)
            colon = c;
        else if (*c == '@')
            last_at = c;
    }
    if (!colon || !last_at || colon > last_at)
        return false;
    *password = slice_of(colon + 1, (size_t)(last_at - colon - 1));
    return true;
}

/* `at` may begin "password = 'x y'" or "password=x&": as in libpq's two kinds of text. */
static bool find_named_password(const char *at, const char *end, struct slice *password)
{
    static const char *const names[] = {"password", "passwd", "secret"};
    const char *value = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names) && !value; i++) {
        size_t len = strlen(names[i]);
        if ((size_t)(end - at) > len && strncasecmp(at, names[i], len) == 0)
            value = at + len;
    }
    if (!value)
        return false;
    while (value < end && *value == ' ')
        value++;
    if (value == end || *value++ != '=')
        return false;
    while (value < end && *value == ' ')
        value++;
    const char *behind = value;
    if (value < end && *value == '\'') {
        for (behind++; behind < end && *behind != '\''; behind++)
            behind += *behind == '\\' && behind + 1 < end;
        behind += behind < end;
    } else {
        while (behind < end && !ends_url(*behind) && *behind != '&')
            behind++;
    }
    *password = slice_of(value, (size_t)(behind - value));
    return true;
}

void log_redact_url(struct buf *buf, struct slice url)
{
    const char *end = url.ptr + url.len;
    const char *copied = url.ptr;
    for (const char *at = url.ptr; at < end;) {
        struct slice password;
        bool found = false;
        if (*at == ':' && end - at > 3 && memcmp(at, "://", 3) == 0)
            found = find_user_password(at + 3, end, &password);
        else if (*at == 'p' || *at == 'P' || *at == 's' || *at == 'S')
            found = find_named_password(at, end, &password);
        if (!found) {
            at++;
            continue;
        }
        buf_append(buf, copied, (size_t)(password.ptr - copied));
        buf_str(buf, mask);
        at = copied = password.ptr + password.len;
    }
    buf_append(buf, copied, (size_t)(end - copied));
}
