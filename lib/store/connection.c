/* connection: statements, transactions and COPY over libpq's non-blocking calls, each with a
 * deadline: a server that is stopped, not dead, would otherwise hold its caller for ever. */
#include "base/attr.h"
#include "base/clock.h"
#include "store/copy.h"
#include "store/state.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer than statement_timeout: Postgres shall be the one who says so. */
enum { ANSWER_TIMEOUT_MS = 35000, BINARY = 1, COPY_PIECE = 64 << 10 };
/* As Postgres numbers types. */
enum { TEXT_OID = 25, JSON_ARRAY_OID = 199, BYTEA_ARRAY_OID = 1001 };

/* --- parameters --- */

void params_init(struct params *params) { params->count = 0; }

void params_text(struct params *params, struct slice text)
{
    invariant(params->count < STORE_PARAMS_MOST, "a statement with more than %d parameters",
              STORE_PARAMS_MOST);
    params->values[params->count] = text.ptr;
    params->types[params->count] = TEXT_OID;
    params->lengths[params->count++] = (int)text.len;
}

void params_array(struct params *params, uint32_t element_type, struct slice array)
{
    params_text(params, array);
    params->types[params->count - 1] =
        element_type == COPY_BYTEA ? BYTEA_ARRAY_OID : JSON_ARRAY_OID;
}

void params_str(struct params *params, const char *text) { params_text(params, slice_str(text)); }

void params_int(struct params *params, int64_t number)
{
    invariant(params->count < STORE_PARAMS_MOST, "a statement with more than %d parameters",
              STORE_PARAMS_MOST);
    char *text = params->numbers[params->count];
    (void)snprintf(text, STORE_NUMBER_LEN, "%" PRId64, number);
    params_str(params, text);
}

/* --- waiting --- */

/* The connection is of no use any more: what it was doing has an unknown outcome. */
static int lost(struct store *store, struct err *err)
{
    const char *message = PQerrorMessage(store->conn);
    (void)store_error(err, NULL, *message ? message : "the connection was lost");
    store_disconnect(store);
    return -1;
}

static int wait_for(struct store *store, short events, int64_t deadline, struct err *err)
{
    struct pollfd fd = {.fd = PQsocket(store->conn), .events = events};
    for (;;) {
        int64_t left_us = deadline - clock_mono_us(&clock_system);
        if (left_us <= 0) {
            store_disconnect(store);
            return err_set(err, ERR_UNREACHABLE, "Postgres has not answered for %d s",
                           ANSWER_TIMEOUT_MS / 1000);
        }
        int ready = poll(&fd, 1, (int)(left_us / 1000) + 1);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return lost(store, err);
    }
}

static int64_t answer_deadline(void)
{
    return clock_mono_us(&clock_system) + ANSWER_TIMEOUT_MS * 1000LL;
}

static int flush(struct store *store, int64_t deadline, struct err *err)
{
    for (;;) {
        int pending = PQflush(store->conn);
        if (pending == 0)
            return 0;
        if (pending < 0 || wait_for(store, POLLIN | POLLOUT, deadline, err) != 0 ||
            PQconsumeInput(store->conn) == 0)
            return store->conn ? lost(store, err) : -1;
    }
}

/* The next result of what was sent: 1, 0 at the end, -1. */
static int next_result(struct store *store, PGresult **result, struct err *err)
{
    const int64_t deadline = answer_deadline();
    if (flush(store, deadline, err) != 0)
        return -1;
    while (PQisBusy(store->conn)) {
        if (wait_for(store, POLLIN, deadline, err) != 0)
            return -1;
        if (PQconsumeInput(store->conn) == 0)
            return lost(store, err);
    }
    *result = PQgetResult(store->conn);
    return *result != NULL;
}

static bool result_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

static int result_error(struct store *store, const PGresult *result, struct err *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    (void)store_error(err, sqlstate, message ? message : PQresultErrorMessage(result));
    if (PQstatus(store->conn) != CONNECTION_OK)
        store_disconnect(store);
    return -1;
}

/* All results of what was sent; the last one, or NULL with err of the first that failed. */
static PGresult *collect(struct store *store, struct err *err)
{
    PGresult *last = NULL, *result = NULL;
    bool failed = false;
    int more;
    while ((more = next_result(store, &result, err)) > 0) {
        if (!failed && !result_good(result)) {
            failed = true;
            (void)result_error(store, result, err);
        }
        PQclear(last);
        last = result;
        if (!store->conn)
            break;
    }
    if (more < 0 || failed || !last) {
        if (!failed && more == 0)
            (void)err_set(err, ERR_INTERNAL, "Postgres gave no result");
        PQclear(last);
        return NULL;
    }
    return last;
}

/* --- statements --- */

PGresult *store_query(struct store *store, const char *sql, const struct params *params,
                      struct err *err)
{
    static const int formats[STORE_PARAMS_MOST] = {BINARY, BINARY, BINARY, BINARY, BINARY, BINARY,
                                                   BINARY, BINARY, BINARY, BINARY, BINARY, BINARY,
                                                   BINARY, BINARY, BINARY, BINARY};
    if (store_connect(store, err) != 0)
        return NULL;
    if (PQsendQueryParams(store->conn, sql, params ? params->count : 0,
                          params ? params->types : NULL, params ? params->values : NULL,
                          params ? params->lengths : NULL, formats, 0) == 0) {
        (void)lost(store, err);
        return NULL;
    }
    return collect(store, err);
}

int store_exec(struct store *store, const char *sql, const struct params *params, int64_t *affected,
               struct err *err)
{
    PGresult *result = store_query(store, sql, params, err);
    if (!result)
        return -1;
    if (affected)
        *affected = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return 0;
}

int store_exec_script(struct store *store, const char *sql, struct err *err)
{
    /* Not over store_connect when it is that which calls. */
    if (!store->conn && store_connect(store, err) != 0)
        return -1;
    if (PQsendQuery(store->conn, sql) == 0)
        return lost(store, err);
    PGresult *result = collect(store, err);
    PQclear(result);
    return result ? 0 : -1;
}

int store_begin_as(struct store *store, const char *script, struct err *err)
{
    invariant(!store->in_transaction, "a transaction within a transaction");
    int result = store_exec_script(store, script, err); /* connects, if need be */
    store->in_transaction = true;
    if (result != 0)
        store_rollback(store); /* it may have begun */
    return result;
}

int store_begin(struct store *store, struct err *err)
{
    return store_begin_as(store, "begin", err);
}

int store_commit(struct store *store, struct err *err)
{
    /* COMMIT of a failed transaction succeeds, as a ROLLBACK: see the tag. */
    PGresult *result = store_query(store, "commit", NULL, err);
    store->in_transaction = false;
    if (!result)
        return -1;
    bool committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    return committed ? 0 : err_set(err, ERR_INTERNAL, "the transaction had failed before");
}

void store_rollback(struct store *store)
{
    struct err err = ERR_INIT;
    if (!store->in_transaction)
        return;
    store->in_transaction = false;
    /* Closing the connection rolls back as well. */
    if (store->conn && (PQtransactionStatus(store->conn) == PQTRANS_ACTIVE ||
                        store_exec_script(store, "rollback", &err) != 0))
        store_disconnect(store);
}

/* --- COPY --- */

int store_copy_begin(struct store *store, const char *sql, struct err *err)
{
    PGresult *result = NULL;
    if (store_connect(store, err) != 0)
        return -1;
    if (PQsendQuery(store->conn, sql) == 0)
        return lost(store, err);
    int more = next_result(store, &result, err);
    if (more < 0)
        return -1;
    if (more == 0)
        return err_set(err, ERR_INTERNAL, "Postgres gave no result to COPY");
    int status = PQresultStatus(result) == PGRES_COPY_IN ? 0 : result_error(store, result, err);
    PQclear(result);
    return status;
}

int store_copy_put(struct store *store, struct slice data, struct err *err)
{
    const int64_t deadline = answer_deadline();
    if (!store->conn)
        return err_set(err, ERR_UNREACHABLE, "the connection to Postgres was lost");
    for (size_t at = 0; at < data.len;) {
        /* Piece by piece: libpq's buffer, which never shrinks, would hold all of it. */
        const size_t rest = data.len - at, piece = rest < COPY_PIECE ? rest : COPY_PIECE;
        const int put = PQputCopyData(store->conn, data.ptr + at, (int)piece);
        if (put < 0)
            return lost(store, err);
        if (put > 0)
            at += piece;
        if (flush(store, deadline, err) != 0)
            return -1;
    }
    return 0;
}

int store_copy_end(struct store *store, struct err *err)
{
    const int64_t deadline = answer_deadline();
    int put;
    if (!store->conn)
        return err_set(err, ERR_UNREACHABLE, "the connection to Postgres was lost");
    while ((put = PQputCopyEnd(store->conn, NULL)) == 0) {
        if (flush(store, deadline, err) != 0)
            return -1;
    }
    if (put < 0)
        return lost(store, err);
    PGresult *result = collect(store, err);
    PQclear(result);
    return result ? 0 : -1;
}

/* --- notifications --- */

int store_fd(const struct store *store) { return store->conn ? PQsocket(store->conn) : -1; }

int store_listen(struct store *store, const char *channel, struct err *err)
{
    invariant(store->channel_count < STORE_CHANNELS_MOST, "too many channels");
    store->channels[store->channel_count++] = channel;
    if (!store->conn || PQstatus(store->conn) != CONNECTION_OK)
        return store_connect(store, err); /* which listens */
    char statement[80];
    (void)snprintf(statement, sizeof statement, "listen %s", channel);
    return store_exec_script(store, statement, err);
}

static bool take_notifications(struct store *store)
{
    bool any = store->maybe_missed;
    PGnotify *notify;
    store->maybe_missed = false;
    while ((notify = PQnotifies(store->conn)) != NULL) {
        any = true;
        PQfreemem(notify);
    }
    return any;
}

int store_wait(struct store *store, int64_t timeout_ms, struct err *err)
{
    if (store_connect(store, err) != 0)
        return -1;
    if (take_notifications(store))
        return 1;
    struct pollfd fd = {.fd = PQsocket(store->conn), .events = POLLIN};
    int ready = poll(&fd, 1, (int)timeout_ms);
    if (ready < 0 && errno != EINTR)
        return lost(store, err);
    if (ready <= 0)
        return 0;
    if (PQconsumeInput(store->conn) == 0) {
        store_disconnect(store);
        return store_connect(store, err) == 0 ? (int)take_notifications(store) : -1;
    }
    return take_notifications(store);
}

/* --- results --- */

struct slice result_text(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return SLICE_NONE;
    return slice_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

struct slice result_copy(const PGresult *result, int row, int column, struct arena *arena,
                         bool *failed)
{
    struct slice text = result_text(result, row, column);
    if (!text.ptr)
        return text;
    text = arena_copy(arena, text);
    if (!text.ptr)
        *failed = true;
    return text;
}

int64_t result_int(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? 0
                                            : strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool result_bool(const PGresult *result, int row, int column)
{
    return !PQgetisnull(result, row, column) && *PQgetvalue(result, row, column) == 't';
}
