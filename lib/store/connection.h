/* connection: the parts of a store that its own files use: statements, parameters, results.
 *
 *   struct params params;
 *   params_init(&params);
 *   params_text(&params, name);
 *   params_int(&params, version);
 *   PGresult *result = store_query(store, "select … where name = $1 and version = $2::bigint",
 *                                  &params, err);
 *
 * Every parameter has the type text: others are cast in the SQL ($2::bigint, $3::uuid, $4::json).
 * Times go as microseconds since 1970 through MICROS_TO_TIME and come back through TIME_TO_MICROS.
 * Results are text. A parameter's bytes are borrowed until the query returns; NULs in them are an
 * error of Postgres.
 */
#ifndef TROUPE_STORE_CONNECTION_H
#define TROUPE_STORE_CONNECTION_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "store/store.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

enum { STORE_PARAMS_MOST = 16, STORE_NUMBER_LEN = 24 };

/* expr: the text of an SQL expression. "MICROS_TO_TIME("$1")" is a timestamptz; NULL stays NULL. */
#define MICROS_TO_TIME(expr) "(timestamptz 'epoch' + (" expr ")::bigint * interval '1 microsecond')"
/* A bigint; 0 for NULL. */
#define TIME_TO_MICROS(expr) "coalesce((extract(epoch from " expr ") * 1000000)::bigint, 0)"

struct params {
    int count;
    const char *values[STORE_PARAMS_MOST];
    int lengths[STORE_PARAMS_MOST];
    Oid types[STORE_PARAMS_MOST];
    char numbers[STORE_PARAMS_MOST][STORE_NUMBER_LEN];
};
void params_init(struct params *params);
/* ptr NULL: SQL's NULL. */
void params_text(struct params *params, struct slice text);
void params_str(struct params *params, const char *text);
/* An array in binary (store/copy.h), of that type of elements: the one exception to text. */
void params_array(struct params *params, uint32_t element_type, struct slice array);
void params_int(struct params *params, int64_t number);

/* Connects if need be. Returns an owned result (PQclear), or NULL. params may be NULL. Reconnecting
 * inside a transaction does not happen: then it is ERR_UNREACHABLE. */
MUSTCHECK PGresult *store_query(struct store *store, const char *sql, const struct params *params,
                                struct err *err);
/* The same when no rows are wanted; *affected (may be NULL) is how many the statement touched. */
MUSTCHECK int store_exec(struct store *store, const char *sql, const struct params *params,
                         int64_t *affected, struct err *err);
/* Several statements separated by semicolons, without parameters, in one implicit transaction. */
MUSTCHECK int store_exec_script(struct store *store, const char *sql, struct err *err);

MUSTCHECK int store_begin(struct store *store, struct err *err);
/* With what else is to be said at its beginning, in one round trip: "begin; …". */
MUSTCHECK int store_begin_as(struct store *store, const char *script, struct err *err);
MUSTCHECK int store_commit(struct store *store, struct err *err);
/* For the way out of a failed transaction; does nothing when there is none. */
void store_rollback(struct store *store);

/* COPY … FROM STDIN: begin with the statement, put data in any pieces, end. A failure of begin or put
 * leaves a transaction that can only be rolled back. */
MUSTCHECK int store_copy_begin(struct store *store, const char *sql, struct err *err);
MUSTCHECK int store_copy_put(struct store *store, struct slice data, struct err *err);
MUSTCHECK int store_copy_end(struct store *store, struct err *err);

/* --- results: row, column; columns are text --- */

/* ptr NULL for SQL's NULL; a view that lives as long as the result. */
struct slice result_text(const PGresult *result, int row, int column);
/* Copied into the arena; *failed is set (never cleared) without memory. */
struct slice result_copy(const PGresult *result, int row, int column, struct arena *arena,
                         bool *failed);
/* 0 for NULL. */
int64_t result_int(const PGresult *result, int row, int column);
bool result_bool(const PGresult *result, int row, int column);

#endif
