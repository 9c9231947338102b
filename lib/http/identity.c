/* identity: Idempotency-Key and traceparent. */
#include "http/identity.h"
#include "base/buf.h"
#include "base/sha256.h"
#include <stdio.h>

/* Lengths stand before the names, so that no two executions give the same bytes. */
static bool digest(const char *what, const struct uuid *run, struct slice node, struct slice scope,
                   uint32_t attempt, char hex[SHA256_HEX_LEN + 1])
{
    char id[UUID_TEXT_LEN + 1];
    struct buf buf;
    buf_init(&buf, 0);
    uuid_format(run, id);
    buf_printf(&buf, "%s\n%s\n%zu:", what, id, node.len);
    buf_slice_append(&buf, node);
    buf_printf(&buf, "\n%zu:", scope.len);
    buf_slice_append(&buf, scope);
    buf_printf(&buf, "\n%u", attempt);
    const bool ok = buf_ok(&buf);
    if (ok)
        sha256_hex(buf_slice(&buf), hex);
    buf_free(&buf);
    return ok;
}

bool http_idempotency_key(const struct uuid *run, struct slice node, struct slice scope,
                          char key[HTTP_IDEMPOTENCY_KEY_LEN + 1])
{
    char hex[SHA256_HEX_LEN + 1];
    if (!digest("troupe idempotency key 1", run, node, scope, 0, hex))
        return false;
    (void)snprintf(key, HTTP_IDEMPOTENCY_KEY_LEN + 1, "%.*s", HTTP_IDEMPOTENCY_KEY_LEN, hex);
    return true;
}

bool http_traceparent(const struct uuid *run, struct slice node, struct slice scope,
                      uint32_t attempt, char text[HTTP_TRACEPARENT_LEN + 1])
{
    char hex[SHA256_HEX_LEN + 1];
    char trace[33];
    if (!digest("troupe span 1", run, node, scope, attempt, hex))
        return false;
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(trace + 2 * i, 3, "%02x", run->bytes[i]);
    /* Neither id may be all zeros. */
    if (strspn(trace, "0") == 32)
        trace[31] = '1';
    if (strspn(hex, "0") >= 16)
        hex[15] = '1';
    (void)snprintf(text, HTTP_TRACEPARENT_LEN + 1, "00-%.32s-%.16s-01", trace, hex);
    return true;
}
