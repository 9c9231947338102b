/* connect: opening a connection with a deadline, and what Postgres' refusals mean. */
#include "base/attr.h"
#include "base/clock.h"
#include "store/schema.h"
#include "store/state.h"
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 5000, SQLSTATE_LEN = 5 };

struct store *store_new(const char *url, const char *application, struct err *err)
{
    char *problem = NULL;
    PQconninfoOption *parts = PQconninfoParse(url, &problem);
    if (!parts) {
        /* libpq's words may quote the URL, and with it a password. */
        err_set(err, ERR_USAGE,
                "the database URL cannot be read: expected "
                "postgresql://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE");
        PQfreemem(problem);
        return NULL;
    }
    PQconninfoFree(parts);
    struct store *store = calloc(1, sizeof *store);
    if (store) {
        store->url = strdup(url);
        store->application = strdup(application);
    }
    if (!store || !store->url || !store->application) {
        store_free(store);
        err_set(err, ERR_LIMIT, "no memory for a database connection");
        return NULL;
    }
    return store;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store_disconnect(store);
    free(store->url);
    free(store->application);
    free(store);
}

void store_disconnect(struct store *store)
{
    PQfinish(store->conn);
    store->conn = NULL;
}

/* --- errors --- */

static bool is_one_of(const char *sqlstate, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(sqlstate, known[i], strlen(known[i])) == 0)
            return true;
    }
    return false;
}

static enum err_code code_of(const char *sqlstate)
{
    /* Connection trouble, shutting or starting up, too many connections, a standby, timeouts and
     * serialisation: all may pass. */
    static const char *const passing[] = {"08",    "57P",   "57014", "53",    "25006",
                                          "55P03", "40001", "40P01", "25P03", "58"};
    static const char *const refusals[] = {"28", "3D000", "42501"};
    if (is_one_of(sqlstate, passing, ARRAY_LEN(passing)))
        return ERR_UNREACHABLE;
    if (is_one_of(sqlstate, refusals, ARRAY_LEN(refusals)) || strncmp(sqlstate, "42P01", 5) == 0)
        return ERR_REFUSED;
    return strncmp(sqlstate, "23505", 5) == 0 ? ERR_CONFLICT : ERR_INTERNAL;
}

int store_error(struct err *err, const char *sqlstate, const char *message)
{
    enum err_code code = sqlstate ? code_of(sqlstate) : ERR_UNREACHABLE;
    size_t len = message ? strcspn(message, "\n") : 0;
    if (sqlstate && strcmp(sqlstate, "42P01") == 0)
        return err_set(err, code,
                       "Postgres: %.*s: the tables are missing or older: run 'troupe migrate'",
                       (int)len, message);
    return err_set(err, code, "Postgres%s%s%s: %.*s", sqlstate ? " (" : "",
                   sqlstate ? sqlstate : "", sqlstate ? ")" : "", (int)len, message ? message : "");
}

/* libpq tells no SQLSTATE of a failed connection but in its verbose message: "…: FATAL:  28P01: …". */
static const char *find_sqlstate(const char *message, char sqlstate[SQLSTATE_LEN + 1])
{
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        const char *state = at + 3;
        size_t len = 0;
        while (len < SQLSTATE_LEN &&
               (isdigit((unsigned char)state[len]) || isupper((unsigned char)state[len])))
            len++;
        if (len == SQLSTATE_LEN && strncmp(state + len, ": ", 2) == 0) {
            memcpy(sqlstate, state, SQLSTATE_LEN);
            sqlstate[SQLSTATE_LEN] = '\0';
            return state + len + 2;
        }
    }
    return NULL;
}

static int connect_failed(struct store *store, const char *what, struct err *err)
{
    char sqlstate[SQLSTATE_LEN + 1];
    const char *message = PQerrorMessage(store->conn);
    const char *reason = find_sqlstate(message, sqlstate);
    if (reason)
        (void)store_error(err, sqlstate, reason);
    else if (PQconnectionNeedsPassword(store->conn))
        err_set(err, ERR_REFUSED, "Postgres wants a password and the URL has none");
    else
        err_set(err, ERR_UNREACHABLE, "cannot reach Postgres: %.*s", (int)strcspn(message, "\n"),
                *message ? message : what);
    store_disconnect(store);
    return -1;
}

/* --- connecting --- */

static PGconn *connect_start(const struct store *store)
{
    /* What stands before the URL is a default that the URL may overrule. */
    const char *const keys[] = {"tcp_user_timeout", "keepalives_idle",           "dbname",
                                "client_encoding",  "fallback_application_name", NULL};
    const char *const values[] = {"10000", "10", store->url, "UTF8", store->application, NULL};
    return PQconnectStartParams(keys, values, 1);
}

static int connect_poll(struct store *store, struct err *err)
{
    const int64_t deadline = clock_mono_us(&clock_system) + CONNECT_TIMEOUT_MS * 1000LL;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        int64_t left_us = deadline - clock_mono_us(&clock_system);
        struct pollfd fd = {.fd = PQsocket(store->conn),
                            .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (left_us <= 0)
            return connect_failed(store, "no answer within 5 s", err);
        int ready = poll(&fd, 1, (int)(left_us / 1000) + 1);
        if (ready < 0 && errno != EINTR)
            return connect_failed(store, strerror(errno), err);
        if (ready > 0)
            state = PQconnectPoll(store->conn);
        if (state == PGRES_POLLING_FAILED)
            return connect_failed(store, "unknown reason", err);
    }
    return 0;
}

static int run_settings(struct store *store, struct err *err)
{
    /* Set as statements: a pooler may refuse startup options. Without jit: what our statements may cost
     * at most grows with the record, while what they do cost is a millisecond; compiling them for a
     * second each time would be most of the work. */
    static const char settings[] = "set statement_timeout = '30s'; set lock_timeout = '5s'; "
                                   "set idle_in_transaction_session_timeout = '60s'; "
                                   "set timezone = 'UTC'; set extra_float_digits = 1; "
                                   "set client_min_messages = 'warning'; set jit = off";
    if (store_exec_script(store, settings, err) != 0)
        return -1;
    for (uint32_t i = 0; i < store->channel_count; i++) {
        char statement[80];
        (void)snprintf(statement, sizeof statement, "listen %s", store->channels[i]);
        if (store_exec_script(store, statement, err) != 0)
            return -1;
    }
    return 0;
}

/* libpq would print them on stderr, in the midst of a server's log or of an answer. What matters of them
 * comes back as an error too. */
static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

int store_connect(struct store *store, struct err *err)
{
    if (store->conn && PQstatus(store->conn) == CONNECTION_OK)
        return 0;
    store_disconnect(store);
    if (store->in_transaction)
        return err_set(err, ERR_UNREACHABLE, "the connection to Postgres was lost");
    store->conn = connect_start(store);
    if (!store->conn)
        return err_set(err, ERR_LIMIT, "no memory for a database connection");
    if (PQstatus(store->conn) == CONNECTION_BAD)
        return connect_failed(store, "unknown reason", err);
    (void)PQsetNoticeProcessor(store->conn, ignore_notice, NULL);
    (void)PQsetErrorVerbosity(store->conn, PQERRORS_VERBOSE);
    if (connect_poll(store, err) != 0)
        return -1;
    (void)PQsetErrorVerbosity(store->conn, PQERRORS_DEFAULT);
    store->maybe_missed = true;
    if (PQsetnonblocking(store->conn, 1) != 0 || run_settings(store, err) != 0) {
        if (err->code == ERR_NONE)
            (void)store_error(err, NULL, PQerrorMessage(store->conn));
        store_disconnect(store);
        return -1;
    }
    return 0;
}

int store_check(struct store *store, struct err *err)
{
    return store_connect(store, err) == 0 ? store_schema_check(store, err) : -1;
}
