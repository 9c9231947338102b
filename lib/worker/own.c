#include "worker/own.h"
#include "base/log.h"
#include <dlfcn.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

void own_deny(struct http_rules *rules, const struct sockaddr *address)
{
    const char *why = http_rules_refuse(rules, address);
    if (address->sa_family == AF_UNIX || (why && strcmp(why, "one of our own servers") == 0))
        return;
    if (http_rules_add_server(rules, address) != 0)
        log_text(LOG_WARN, "no memory to keep http nodes away from a server of ours");
}

static void deny_host(struct http_rules *rules, const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        log_write(LOG_WARN,
                  "http nodes are not kept away from a server of ours: it cannot be looked up",
                  LOG_S("host", host), LOG_S("reason", gai_strerror(rc)));
        return;
    }
    for (const struct addrinfo *each = found; each; each = each->ai_next)
        own_deny(rules, each->ai_addr);
    freeaddrinfo(found);
}

/* Element `index` of a list like "a,b"; of a list of one, that one: so libpq pairs hosts and ports. */
static bool element(const char *list, uint32_t index, char *text, size_t size)
{
    const char *at = list;
    for (uint32_t i = 0; i < index && at; i++) {
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return false;
    (void)snprintf(text, size, "%.*s", (int)strcspn(at, ","), at);
    return true;
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && options->val[0] ? options->val : NULL;
    }
    return NULL;
}

static void deny_options(struct http_rules *rules, const PQconninfoOption *options)
{
    const char *addresses = option(options, "hostaddr"), *ports = option(options, "port");
    const char *hosts = addresses ? addresses : option(options, "host");
    char host[256], port[16];
    for (uint32_t i = 0; hosts && element(hosts, i, host, sizeof(host)); i++) {
        if (!ports ||
            (!element(ports, i, port, sizeof(port)) && !element(ports, 0, port, sizeof(port))) ||
            port[0] == '\0')
            (void)snprintf(port, sizeof(port), "5432");
        if (host[0] != '/' && host[0] != '@' && host[0] != '\0')
            deny_host(rules, host, port);
    }
}

static void deny_url(struct http_rules *rules, const char *url, void *libpq)
{
    __typeof__(PQconninfoParse) *parse = NULL;
    __typeof__(PQconninfoFree) *done = NULL;
    __typeof__(PQfreemem) *freemem = NULL;
    *(void **)&parse = dlsym(libpq, "PQconninfoParse"); /* POSIX: a function's address fits */
    *(void **)&done = dlsym(libpq, "PQconninfoFree");
    *(void **)&freemem = dlsym(libpq, "PQfreemem");
    char *message = NULL;
    PQconninfoOption *options = parse && done && freemem ? parse(url, &message) : NULL;
    if (options) {
        deny_options(rules, options);
        done(options);
    } else { /* libpq's message may quote the URL, which is a secret */
        log_text(LOG_WARN,
                 "http nodes are not kept away from Postgres: database-url cannot be read");
    }
    if (message)
        freemem(message);
}

/* libpq reads its URLs best. It and what it brings are 3 MB, needed but here: they do not stay. */
void own_deny_database(struct http_rules *rules, const char *url)
{
    void *libpq = url ? dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL) : NULL;
    if (url && !libpq)
        log_write(LOG_WARN, "http nodes are not kept away from Postgres: no libpq",
                  LOG_S("reason", dlerror()));
    if (!libpq)
        return;
    deny_url(rules, url, libpq);
    (void)dlclose(libpq);
}
