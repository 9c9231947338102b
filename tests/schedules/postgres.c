/* postgres: a supervisor waits for its turn before each statement; the answer to one may be lost. */
#include "sim.h"
#include <libpq-fe.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

enum { ANSWER_MS = 200, LEFT_MOST = 32 };

int __real_PQsendQuery(PGconn *conn, const char *query);
int __real_PQsendQueryParams(PGconn *conn, const char *query, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats,
                             int format);
PGconn *__real_PQconnectStartParams(const char *const *keys, const char *const *values, int expand);
int __wrap_PQsendQuery(PGconn *conn, const char *query);
int __wrap_PQsendQueryParams(PGconn *conn, const char *query, int count, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats,
                             int format);
PGconn *__wrap_PQconnectStartParams(const char *const *keys, const char *const *values, int expand);
void __real_PQfinish(PGconn *conn);
void __wrap_PQfinish(PGconn *conn);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

static PGconn *watcher; /* the scheduler's own */
static int
    left_waiting[LEFT_MOST]; /* server processes whose client is gone, and that wait for a lock */
static uint32_t left_count;

void postgres_begin(void)
{
    watcher = PQconnectdb(sim.database_url);
    if (PQstatus(watcher) != CONNECTION_OK)
        violated("Postgres: %s", PQerrorMessage(watcher));
}

void postgres_forget(void)
{
    PGresult *result = PQexec(watcher, "delete from partition_state; delete from namespace;"
                                       "delete from worker_registry; delete from queue_stats;"
                                       "delete from supervisor");
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        violated("Postgres: %s", PQerrorMessage(watcher));
    PQclear(result);
}

bool postgres_somebody_waits(void)
{
    PGresult *result = PQexec(watcher, "select 1 from pg_locks where not granted limit 1");
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        violated("Postgres: %s", PQerrorMessage(watcher));
    const bool some = PQntuples(result) > 0;
    PQclear(result);
    return some;
}

void postgres_dump(void)
{
    static const char *const queries[] = {
        "select clock_timestamp() as now, * from partition_state order by partition",
        "select * from supervisor order by joined_at",
        "select pid, state, wait_event_type, wait_event, xact_start, left(query, 100) as query "
        "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        "select pid, locktype, relation::regclass, objid, mode, granted from pg_locks "
        "where pid <> pg_backend_pid() order by pid"};
    static char separator[] = " | "; /* libpq wants it to be writable */
    const PQprintOpt options = {.header = true, .align = true, .fieldSep = separator};
    for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        PGresult *result = PQexec(watcher, queries[i]);
        if (PQresultStatus(result) == PGRES_TUPLES_OK)
            PQprint(stderr, result, &options);
        else
            (void)fprintf(stderr, "Postgres: %s", PQerrorMessage(watcher));
        PQclear(result);
    }
    for (uint32_t i = 0; i < sim.supervisor_count; i++) {
        const struct actor *actor = &sim.supervisors[i];
        (void)fprintf(stderr, "%s: %s, wants %d%s%s%s\n", actor->name,
                      actor->alive ? "alive" : "dead", actor->wants,
                      actor->paused_until_us ? ", paused" : "",
                      actor->in_transaction ? ", in a transaction" : "",
                      actor->awaits_lock ? ", awaits a lock" : "");
    }
}

/* What befalls this statement. */
static enum misfortune wait_for_turn(const char *query)
{
    struct actor *actor = actor_self();
    if (!actor)
        return FINE;
    happened("statements");
    trace("  sql %.80s", query);
    actor_yield(actor, WANTS_POSTGRES);
    if (strncasecmp(query, "begin", strlen("begin")) == 0) /* settings may follow */
        actor->in_transaction = true;
    else if (strcasecmp(query, "commit") == 0 || strcasecmp(query, "rollback") == 0)
        actor->in_transaction = false;
    if (actor->loses_commit && strcasecmp(query, "commit") == 0) {
        actor->loses_commit = false;
        actor->misfortune = LOSE_REPLY;
    }
    const enum misfortune misfortune = actor->misfortune;
    actor->misfortune = FINE;
    return actor->dying && misfortune == FINE ? LOSE_REQUEST : misfortune;
}

/* Postgres has done it; nobody will know. */
static void lose_answer(PGconn *conn, bool commits)
{
    struct pollfd one = {.fd = PQsocket(conn), .events = POLLIN};
    char waste[4096];
    while (PQflush(conn) > 0)
        (void)__wrap_poll(&one, 1, ANSWER_MS);
    if (__wrap_poll(&one, 1, ANSWER_MS) > 0) {
        while (recv(one.fd, waste, sizeof(waste), MSG_DONTWAIT) > 0)
            ;
        happened(commits ? "commits whose answer was lost" : "answers of Postgres lost");
    }
    (void)shutdown(one.fd, SHUT_RDWR);
}

int __wrap_PQsendQuery(PGconn *conn, const char *query)
{
    const enum misfortune misfortune = wait_for_turn(query);
    if (misfortune == LOSE_REQUEST)
        return 0;
    if (actor_self() && strncasecmp(query, "listen", 6) == 0)
        actor_self()->listens = true;
    const int sent = __real_PQsendQuery(conn, query);
    if (sent && misfortune == LOSE_REPLY)
        lose_answer(conn, false);
    return sent;
}

int __wrap_PQsendQueryParams(PGconn *conn, const char *query, int count_, const Oid *types,
                             const char *const *values, const int *lengths, const int *formats,
                             int format)
{
    const enum misfortune misfortune = wait_for_turn(query);
    if (misfortune == LOSE_REQUEST)
        return 0;
    const int sent =
        __real_PQsendQueryParams(conn, query, count_, types, values, lengths, formats, format);
    if (sent && misfortune == LOSE_REPLY)
        lose_answer(conn, strcasecmp(query, "commit") == 0);
    return sent;
}

PGconn *__wrap_PQconnectStartParams(const char *const *keys, const char *const *values, int expand)
{
    const struct actor *actor = actor_self();
    return actor && actor->dying ? NULL : __real_PQconnectStartParams(keys, values, expand);
}

/* --- connections whose client is gone --- */

static PGresult *ask(const char *query)
{
    PGresult *result = PQexec(watcher, query);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        violated("Postgres: %s", PQerrorMessage(watcher));
    return result;
}

/* What it has locked is free when its server process has noticed, which takes it real time: ours may pass
 * leases meanwhile. One that waits for a lock itself notices nothing before it has that. */
static void wait_until_gone(int pid)
{
    char query[128];
    bool there = pid != 0, waits = false;
    (void)snprintf(query, sizeof(query),
                   "select wait_event_type = 'Lock' from pg_stat_activity where pid = %d", pid);
    while (there && !waits) {
        PGresult *result = ask(query);
        there = PQntuples(result) > 0;
        waits = there && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
        PQclear(result);
    }
    if (!there)
        return;
    happened("connections that were left waiting for a lock");
    if (left_count == LEFT_MOST)
        violated("more than %d connections were left waiting for locks", LEFT_MOST);
    left_waiting[left_count++] = pid;
}

/* Their process ids, as an array of Postgres. */
static void write_left(char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "array[");
    for (uint32_t i = 0; i < left_count; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%d", i > 0 ? "," : "", left_waiting[i]);
    (void)snprintf(text + at, size - at, "]");
}

void postgres_let_go(void)
{
    enum { PID_CHARACTERS = 12 };
    char pids[LEFT_MOST * PID_CHARACTERS + 16], query[2 * sizeof(pids) + 256];
    for (int tries = 0; left_count > 0; tries++) {
        write_left(pids, sizeof(pids));
        (void)snprintf(query, sizeof(query),
                       "select count(*), count(*) filter (where exists (select from "
                       "unnest(pg_blocking_pids(pid)) as b (pid) where b.pid <> all (%s))) "
                       "from pg_stat_activity where pid = any (%s)",
                       pids, pids);
        PGresult *result = ask(query);
        const bool gone = strcmp(PQgetvalue(result, 0, 0), "0") == 0;
        const bool behind_others = strcmp(PQgetvalue(result, 0, 1), "0") != 0;
        PQclear(result);
        if (gone)
            left_count = 0;
        else if (behind_others)
            return;
        else if (tries == ANSWER_MS * 100)
            violated("connections whose client is gone do not end");
        else
            (void)__wrap_poll(NULL, 0, 1);
    }
}

void __wrap_PQfinish(PGconn *conn)
{
    struct actor *actor = actor_self();
    const int pid = actor ? PQbackendPID(conn) : 0;
    if (actor)
        actor->in_transaction = actor->listens = actor->notified = false;
    __real_PQfinish(conn);
    wait_until_gone(pid);
}
