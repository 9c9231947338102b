/* easy: what libcurl is told about one hop, and what it calls back.
 *
 * The callbacks run inside libcurl, where nothing of its multi interface may be called: they note what
 * they find in the call, set timers, and stop a transfer by their result.
 */
#include "http/call.h"
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

static void refuse(struct http_call *call, enum http_code code, const char *message)
{
    call->refused = true;
    call->result.code = code;
    (void)snprintf(call->result.message, sizeof(call->result.message), "%s", message);
}

/* The one place where it is decided whom a call may talk to. With a proxy of the settings, the
 * operator has decided. */
static curl_socket_t open_socket(void *context, curlsocktype purpose UNUSED,
                                 struct curl_sockaddr *address)
{
    struct http_call *call = context;
    struct http_client *client = call->client;
    http_lookup_over(call);
    if (!client->settings.proxy) {
        const char *why = http_rules_refuse(&client->rules, &address->addr);
        if (why) {
            char text[HTTP_ADDRESS_TEXT];
            http_address_text(&address->addr, text);
            (void)snprintf(call->denied, sizeof(call->denied), "%s is denied: %s", text, why);
            return CURL_SOCKET_BAD;
        }
    }
    call->permitted = true;
    call->socket = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    return call->socket;
}

/* The connection is there, the request is next: the first time, or once more because a kept
 * connection turned out to be dead. */
static int before_request(void *context, char *remote, char *local UNUSED, int remote_port,
                          int local_port UNUSED)
{
    struct http_call *call = context;
    if (call->host)
        http_lookup_failed(call, NULL); /* a kept connection: no look-up was made */
    (void)snprintf(call->result.remote, sizeof(call->result.remote),
                   strchr(remote, ':') ? "[%s]:%d" : "%s:%d", remote, remote_port);
    long sent = 0;
    (void)http_curl()->easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (sent > 0 && !call->may_resend) {
        refuse(call, HTTP_FAILED,
               "the kept connection closed without an answer, and the request may not be repeated");
        return CURL_PREREQFUNC_ABORT;
    }
    call->sends++;
    call->phase_at_us = call->first_byte_ms > 0 ? http_now_us() + call->first_byte_ms * 1000 : 0;
    http_call_arm(call);
    return CURL_PREREQFUNC_OK;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200": libcurl has checked it. */
static int status_of(struct slice line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    if (!space || (size_t)(line.ptr + line.len - space) < 4)
        return 0;
    int status = 0;
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9')
            return 0;
        status = status * 10 + (space[i] - '0');
    }
    return status;
}

static size_t on_header(char *bytes, size_t size UNUSED, size_t len, void *context)
{
    struct http_call *call = context;
    struct http_result *result = &call->result;
    struct slice line = slice_of(bytes, len);
    call->header_bytes += len;
    if (call->header_bytes > call->client->settings.max_header_bytes) {
        char text[80];
        (void)snprintf(text, sizeof(text), "the answer's headers have more than %zu bytes",
                       call->client->settings.max_header_bytes);
        refuse(call, HTTP_TOO_LARGE, text);
        return 0;
    }
    call->phase_at_us = 0; /* the first byte is there; the timer finds out when it fires */
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        int status = status_of(line);
        call->interim = status >= 100 && status < 200;
        result->headers.count = result->headers.lines = 0;
        call->headers_done = false;
        if (!call->interim) {
            result->status = status;
            call->hop_answered = true;
        }
        return len;
    }
    if (call->interim || !call->hop_answered || call->headers_done)
        return len;
    call->headers_done = bytes[0] == '\r' || bytes[0] == '\n';
    if (!http_headers_line(&result->headers, &call->arena, line)) {
        refuse(call, HTTP_TOO_LARGE, "the answer has too many headers");
        return 0;
    }
    return len;
}

static size_t on_body(char *bytes, size_t size UNUSED, size_t len, void *context)
{
    struct http_call *call = context;
    buf_append(&call->result.body, bytes, len);
    if (buf_ok(&call->result.body))
        return len;
    char text[80];
    (void)snprintf(text, sizeof(text), "the answer's body has more than %zu bytes",
                   call->max_body_bytes);
    refuse(call, HTTP_TOO_LARGE, text);
    return 0;
}

static bool add_field(struct http_call *call, const char *text)
{
    struct curl_slist *fields = http_curl()->slist_append(call->fields, text);
    if (!fields)
        return false;
    call->fields = fields;
    return true;
}

static bool make_fields(struct http_call *call)
{
    struct http_target *target = &call->target;
    bool typed = false;
    for (size_t i = 0; i < target->header_count; i++) {
        const struct http_pair *header = &target->headers[i];
        typed = typed || http_name_eq(header->name, "content-type");
        struct buf line;
        buf_init(&line, 0);
        buf_slice_append(&line, header->name);
        buf_str(&line, header->value.len ? ": " : ";"); /* libcurl's way to say empty */
        buf_slice_append(&line, header->value);
        bool added = buf_ok(&line) && add_field(call, line.data);
        buf_free(&line);
        if (!added)
            return false;
    }
    /* libcurl would add a type of its own, and wait for 100-continue before larger bodies. */
    return (typed || add_field(call, "Content-Type:")) && add_field(call, "Expect:");
}

#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode code_ = http_curl()->easy_setopt(call->easy, option, value);                      \
        if (code_ != CURLE_OK) {                                                                   \
            (void)snprintf(call->error, sizeof(call->error), #option ": %s",                       \
                           http_curl()->easy_strerror(code_));                                     \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static bool set_request(struct http_call *call)
{
    const struct http_target *target = &call->target;
    bool head = strcmp(target->method, "HEAD") == 0;
    bool with_body = target->body.ptr || strcmp(target->method, "POST") == 0 ||
                     strcmp(target->method, "PUT") == 0 || strcmp(target->method, "PATCH") == 0;
    SET(CURLOPT_URL, target->url);
    if (head) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (with_body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)target->body.len);
        SET(CURLOPT_POSTFIELDS, target->body.ptr ? target->body.ptr : ""); /* not copied */
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    if (!head)
        SET(CURLOPT_CUSTOMREQUEST, target->method);
    if (!make_fields(call)) {
        (void)snprintf(call->error, sizeof(call->error), "no memory");
        return false;
    }
    SET(CURLOPT_HTTPHEADER, call->fields);
    if (!head)
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->max_body_bytes);
    return true;
}

static bool set_callbacks(struct http_call *call)
{
    SET(CURLOPT_PRIVATE, (void *)call);
    SET(CURLOPT_ERRORBUFFER, call->error);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, (void *)call);
    SET(CURLOPT_PREREQFUNCTION, before_request);
    SET(CURLOPT_PREREQDATA, (void *)call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, (void *)call);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)call);
    return true;
}

static bool set_network(struct http_call *call)
{
    const struct http_settings *settings = &call->client->settings;
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L); /* call.c does */
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_PIPEWAIT, call->target.https ? 1L : 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* Without it the end of a call whose host is being looked up waits for the resolver's thread. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, 60L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    /* From it libcurl makes the time that each of several addresses gets. The deadline is our own
     * timer's, which is first: it can still see how far the connection is. */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms + 1000);
    SET(CURLOPT_BUFFERSIZE, 16384L);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    SET(CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L);
    SET(CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl knows */
    SET(CURLOPT_USERAGENT, settings->user_agent);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (settings->proxy) {
        SET(CURLOPT_PROXY, settings->proxy);
        SET(CURLOPT_NOPROXY, "");
    } else if (!settings->environment_proxies) {
        SET(CURLOPT_PROXY, "");
    }
    return true;
}

static bool set_tls(struct http_call *call)
{
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (call->tls.ca_file) {
        SET(CURLOPT_CAINFO, call->tls.ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (call->tls.cert_file) {
        SET(CURLOPT_SSLCERT, call->tls.cert_file);
        SET(CURLOPT_SSLKEY, call->tls.key_file ? call->tls.key_file : call->tls.cert_file);
    }
    return true;
}

bool http_easy_make(struct http_call *call)
{
    call->error[0] = '\0';
    call->easy = http_curl()->easy_init();
    if (!call->easy) {
        (void)snprintf(call->error, sizeof(call->error), "no memory");
        return false;
    }
    return set_callbacks(call) && set_request(call) && set_network(call) && set_tls(call);
}
