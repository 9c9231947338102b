/* lookup: one call at a time looks up a host, and only some hosts at a time.
 *
 * libcurl makes a thread per look-up, and does not know that a thousand calls want the same host. So
 * the first call goes ahead and the others wait; once its first socket is opened, the address is in
 * libcurl's cache (60 s), and for a little less than that the host counts as known. Literals need no
 * look-up. With a proxy, its name is the one that is looked up.
 */
#include "http/call.h"
#include <stdio.h>
#include <stdlib.h>

#define KNOWN_US (50 * 1000000LL)
#define HOSTS_KEPT 4096

static void host_free(struct http_host *host)
{
    free(host->key);
    free(host);
}

static bool is_idle(const struct http_host *host, int64_t now)
{
    return !host->resolving && !host->wants_turn && TAILQ_EMPTY(&host->waiting) &&
           host->known_until_us <= now;
}

/* Forgets one that nobody needs: the table stays as large as what is in use. */
static void forget_idle(struct http_client *client)
{
    size_t at = 0;
    struct slice key;
    void *value;
    int64_t now = http_now_us();
    struct strmap kept;
    strmap_init(&kept);
    while (strmap_each(&client->hosts, &at, &key, &value)) {
        if (is_idle(value, now))
            continue;
        if (strmap_put(&kept, key, value)) {
            strmap_free(&kept); /* no memory: as it was */
            return;
        }
    }
    at = 0;
    while (strmap_each(&client->hosts, &at, &key, &value))
        if (is_idle(value, now))
            host_free(value);
    strmap_free(&client->hosts);
    client->hosts = kept;
}

static struct http_host *host_of(struct http_client *client, const struct http_target *target)
{
    char *key = NULL;
    if (client->settings.proxy)
        key = strdup("");
    else if (asprintf(&key, "%s:%u", target->host, target->port) < 0)
        key = NULL;
    if (!key)
        return NULL;
    struct http_host *host = strmap_get(&client->hosts, slice_str(key));
    if (host) {
        free(key);
        return host;
    }
    if (client->hosts.count >= HOSTS_KEPT)
        forget_idle(client);
    host = calloc(1, sizeof(*host));
    if (!host || strmap_put(&client->hosts, slice_str(key), host)) {
        free(key);
        free(host);
        return NULL;
    }
    host->key = key;
    TAILQ_INIT(&host->waiting);
    return host;
}

static void want_turn(struct http_client *client, struct http_host *host, bool at_once)
{
    if (host->wants_turn)
        TAILQ_REMOVE(&client->hosts_waiting, host, link);
    host->wants_turn = true;
    if (at_once)
        TAILQ_INSERT_HEAD(&client->hosts_waiting, host, link);
    else
        TAILQ_INSERT_TAIL(&client->hosts_waiting, host, link);
}

static void resolve(struct http_call *call, struct http_host *host)
{
    host->resolving = true;
    call->host = host;
    call->client->lookups++;
}

bool http_lookup_begin(struct http_call *call)
{
    struct http_client *client = call->client;
    struct sockaddr_storage address;
    if (!client->settings.proxy &&
        http_address_literal(call->target.host, call->target.port, &address))
        return true;
    struct http_host *host = host_of(client, &call->target);
    if (!host) {
        http_call_end(call, HTTP_INTERNAL, true, "no memory");
        return false;
    }
    if (host->known_until_us > http_now_us())
        return true;
    if (!host->resolving && !host->wants_turn && client->lookups < client->settings.max_lookups) {
        resolve(call, host);
        return true;
    }
    call->host = host;
    http_call_move(call, HTTP_LOOKUP);
    if (!host->resolving && !host->wants_turn)
        want_turn(client, host, false);
    return false;
}

static struct http_host *give_up_turn(struct http_call *call)
{
    struct http_host *host = call->host;
    call->host = NULL;
    host->resolving = false;
    call->client->lookups--;
    http_client_later(call->client);
    return host;
}

void http_lookup_over(struct http_call *call)
{
    if (!call->host)
        return;
    struct http_host *host = give_up_turn(call);
    host->known_until_us = http_now_us() + KNOWN_US;
    if (!TAILQ_EMPTY(&host->waiting))
        want_turn(call->client, host, true);
}

void http_lookup_failed(struct http_call *call, const char *reason)
{
    struct http_client *client = call->client;
    struct http_host *host = give_up_turn(call);
    if (!reason) {
        if (!TAILQ_EMPTY(&host->waiting))
            want_turn(client, host, false);
        return;
    }
    struct http_call *other;
    while ((other = TAILQ_FIRST(&host->waiting)))
        http_call_end(other, HTTP_FAILED, true, "%s", reason);
}

void http_lookup_leave(struct http_call *call)
{
    invariant(call->state == HTTP_LOOKUP, "a call leaves where it does not wait");
    http_call_move(call, HTTP_RUNNING);
    call->host = NULL;
}

void http_lookup_turns(struct http_client *client)
{
    struct http_host *host;
    while ((host = TAILQ_FIRST(&client->hosts_waiting))) {
        bool known = host->known_until_us > http_now_us();
        if (!known && client->lookups >= client->settings.max_lookups)
            return;
        TAILQ_REMOVE(&client->hosts_waiting, host, link);
        host->wants_turn = false;
        struct http_call *call;
        while ((call = TAILQ_FIRST(&host->waiting))) {
            http_lookup_leave(call);
            if (!known)
                resolve(call, host);
            http_call_connect(call);
            if (!known)
                break;
        }
    }
}

void http_lookup_free(struct http_client *client)
{
    size_t at = 0;
    struct slice key;
    void *host;
    while (strmap_each(&client->hosts, &at, &key, &host))
        host_free(host);
    strmap_free(&client->hosts);
}
