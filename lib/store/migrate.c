/* migrate: migrations once each, in order, under a lock; views again when their text has changed. */
#include "base/sha256.h"
#include "store/connection.h"
#include "store/migration_source.h"
#include "store/schema.h"
#include <stdlib.h>
#include <string.h>

/* Any number will do that nobody else uses. Another migrate may take longer than other locks may be
 * waited for; statement_timeout still holds. */
static const char take_lock[] = "set local lock_timeout = 0;"
                                "select pg_advisory_xact_lock(7092026001);"
                                "set local lock_timeout = '5s'";

enum { VIEWS_NUMBER = 0, MIGRATIONS_MOST = 1000 };

static const char make_table[] = "create table if not exists schema_migration ("
                                 " number integer primary key, name text not null,"
                                 " sha256 text not null,"
                                 " applied_at timestamptz not null default now())";

/* What the database says was applied, by number. */
struct applied {
    char sha256[MIGRATIONS_MOST][SHA256_HEX_LEN + 1]; /* "": not */
    int highest;
};

static void text_sha256(const struct migration_source *source, char hex[SHA256_HEX_LEN + 1])
{
    sha256_hex(slice_of(source->text, source->len), hex);
}

/* Of all views together, in their order. */
static int views_sha256(char hex[SHA256_HEX_LEN + 1], struct err *err)
{
    struct buf all;
    buf_init(&all, 0);
    for (const struct migration_source *s = migration_sources; s->name; s++) {
        if (s->number == VIEWS_NUMBER)
            buf_append(&all, s->text, s->len);
    }
    sha256_hex(buf_slice(&all), hex);
    bool good = buf_ok(&all);
    buf_free(&all);
    return good ? 0 : err_set(err, ERR_LIMIT, "no memory for the views");
}

static int last_number(void)
{
    int last = 0;
    for (const struct migration_source *s = migration_sources; s->name; s++)
        last = s->number > last ? s->number : last;
    return last;
}

static int read_applied(struct store *store, struct applied *applied, struct err *err)
{
    PGresult *result = store_query(
        store, "select number, sha256 from schema_migration order by number", NULL, err);
    if (!result)
        return -1;
    memset(applied, 0, sizeof *applied);
    for (int row = 0; row < PQntuples(result); row++) {
        int64_t number = result_int(result, row, 0);
        struct slice sha = result_text(result, row, 1);
        if (number < 0 || number >= MIGRATIONS_MOST || sha.len != SHA256_HEX_LEN) {
            PQclear(result);
            return err_set(err, ERR_CONFLICT, "the table schema_migration is not troupe's");
        }
        memcpy(applied->sha256[number], sha.ptr, sha.len);
        applied->highest = (int)number;
    }
    PQclear(result);
    return 0;
}

/* What nothing can be done about by applying more. */
static int check_history(const struct applied *applied, struct err *err)
{
    if (applied->highest > last_number())
        return err_set(err, ERR_CONFLICT,
                       "the database is newer than this program (migration %d, known are %d): "
                       "use a newer troupe",
                       applied->highest, last_number());
    for (const struct migration_source *s = migration_sources; s->name; s++) {
        char hex[SHA256_HEX_LEN + 1];
        if (s->number == VIEWS_NUMBER || !applied->sha256[s->number][0])
            continue;
        text_sha256(s, hex);
        if (strcmp(hex, applied->sha256[s->number]) != 0)
            return err_set(err, ERR_CONFLICT,
                           "migration %04d_%s was applied with another text: the database was made "
                           "by another build of troupe",
                           s->number, s->name);
    }
    return 0;
}

static int table_exists(struct store *store, bool *exists, struct err *err)
{
    PGresult *result =
        store_query(store, "select to_regclass('schema_migration') is not null", NULL, err);
    if (!result)
        return -1;
    *exists = result_bool(result, 0, 0);
    PQclear(result);
    return 0;
}

int store_schema_check(struct store *store, struct err *err)
{
    struct applied *applied;
    bool exists;
    if (table_exists(store, &exists, err) != 0)
        return -1;
    if (!exists)
        return err_set(err, ERR_REFUSED,
                       "the database has no tables of troupe: run 'troupe migrate'");
    applied = calloc(1, sizeof *applied);
    if (!applied)
        return err_set(err, ERR_LIMIT, "no memory to check the schema");
    int result = read_applied(store, applied, err);
    if (result == 0)
        result = check_history(applied, err);
    if (result == 0 && applied->highest < last_number())
        result = err_set(err, ERR_REFUSED,
                         "the tables are older than this program (migration %d of %d): run "
                         "'troupe migrate'",
                         applied->highest, last_number());
    /* Which views they are does not matter: a rolling upgrade may be ahead of this program. */
    if (result == 0 && !applied->sha256[VIEWS_NUMBER][0])
        result = err_set(err, ERR_REFUSED,
                         "the views are missing, as a migration was interrupted: run "
                         "'troupe migrate'");
    free(applied);
    return result;
}

/* --- applying --- */

static int note_applied(struct store *store, int number, const char *name, const char *sha256,
                        struct err *err)
{
    struct params params;
    params_init(&params);
    params_int(&params, number);
    params_str(&params, name);
    params_str(&params, sha256);
    return store_exec(store,
                      "insert into schema_migration (number, name, sha256)"
                      " values ($1::integer, $2, $3) on conflict (number) do update"
                      " set sha256 = excluded.sha256, applied_at = now()",
                      &params, NULL, err);
}

/* Within the transaction that holds the lock: another migrate may have been faster. The views are to
 * be made again after it, even if this program ends in between. */
static int apply_one(struct store *store, const struct migration_source *source,
                     struct applied *applied, bool *did, struct err *err)
{
    char hex[SHA256_HEX_LEN + 1];
    text_sha256(source, hex);
    if (read_applied(store, applied, err) != 0 || check_history(applied, err) != 0)
        return -1;
    *did = !applied->sha256[source->number][0];
    if (!*did)
        return 0;
    if (store_exec_script(store, source->text, err) != 0 ||
        store_exec_script(store, "delete from schema_migration where number = 0", err) != 0)
        return err_prefix(err, "migration %04d_%s", source->number, source->name);
    return note_applied(store, source->number, source->name, hex, err);
}

static bool is_function(const struct migration_source *source)
{
    return strstr(source->text, "create or replace function") != NULL;
}

static int drop_views(struct store *store, struct err *err)
{
    for (size_t i = migration_source_count; i-- > 0;) {
        const struct migration_source *s = &migration_sources[i];
        char statement[160];
        if (s->number != VIEWS_NUMBER || is_function(s))
            continue;
        (void)snprintf(statement, sizeof statement, "drop view if exists %s", s->name);
        if (store_exec_script(store, statement, err) != 0)
            return err_prefix(err, "view %s, which something else may stand on", s->name);
    }
    return 0;
}

static int apply_views(struct store *store, struct applied *applied, struct err *err)
{
    char hex[SHA256_HEX_LEN + 1];
    if (views_sha256(hex, err) != 0 || read_applied(store, applied, err) != 0)
        return -1;
    if (strcmp(hex, applied->sha256[VIEWS_NUMBER]) == 0)
        return 0;
    if (drop_views(store, err) != 0)
        return -1;
    for (const struct migration_source *s = migration_sources; s->name; s++) {
        if (s->number == VIEWS_NUMBER && store_exec_script(store, s->text, err) != 0)
            return err_prefix(err, "view %s", s->name);
    }
    return note_applied(store, VIEWS_NUMBER, "views", hex, err);
}

static int begin_locked(struct store *store, struct err *err)
{
    if (store_begin(store, err) != 0)
        return -1;
    if (store_exec_script(store, take_lock, err) == 0)
        return 0;
    store_rollback(store);
    return err_prefix(err, "waiting for another 'troupe migrate' to end");
}

static int end_locked(struct store *store, int result, struct err *err)
{
    if (result == 0)
        return store_commit(store, err);
    store_rollback(store);
    return -1;
}

static int migrate(struct store *store, struct applied *applied,
                   void (*step)(void *context, const struct migration_state *state), void *context,
                   struct err *err)
{
    if (begin_locked(store, err) != 0 ||
        end_locked(store, store_exec_script(store, make_table, err), err) != 0)
        return -1;
    for (const struct migration_source *s = migration_sources; s->name; s++) {
        bool did = false;
        if (s->number == VIEWS_NUMBER)
            continue;
        if (begin_locked(store, err) != 0 ||
            end_locked(store, apply_one(store, s, applied, &did, err), err) != 0)
            return -1;
        const struct migration_state state = {
            .number = (uint32_t)s->number, .name = s->name, .applied = did};
        if (step)
            step(context, &state);
    }
    if (begin_locked(store, err) != 0)
        return -1;
    return end_locked(store, apply_views(store, applied, err), err);
}

int store_migrate(struct store *store,
                  void (*step)(void *context, const struct migration_state *state), void *context,
                  struct err *err)
{
    struct applied *applied = calloc(1, sizeof *applied);
    if (!applied)
        return err_set(err, ERR_LIMIT, "no memory to migrate");
    int result = migrate(store, applied, step, context, err);
    free(applied);
    return result;
}
