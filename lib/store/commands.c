/* commands: what users ask of runs, committed before they are answered. */
#include "base/uuid7.h"
#include "store/connection.h"

static int read_command(const PGresult *result, struct arena *arena, struct store_command *command,
                        struct err *err)
{
    bool failed = false;
    command->id = result_copy(result, 0, 0, arena, &failed);
    command->outcome = result_copy(result, 0, 1, arena, &failed);
    return failed ? err_set(err, ERR_LIMIT, "no memory for a command") : 0;
}

static int why_not(struct store *store, struct slice run_id, const char *kind, struct arena *arena,
                   struct err *err)
{
    struct store_run run;
    if (store_run_get(store, run_id, arena, &run, err) != 0)
        return -1;
    return err_set(err, ERR_CONFLICT, "cannot %s run %.*s: it is %s", kind, SLICE_ARG(run_id),
                   run_status_name(run.status));
}

int store_command_add(struct store *store, struct slice run_id, const char *kind, const char *by,
                      struct arena *arena, struct store_command *command, struct err *err)
{
    struct params params;
    struct uuid uuid;
    if (!uuid_parse(run_id, &uuid))
        return err_set(err, ERR_NOT_FOUND, "'%.*s' is not the id of a run, which is a UUID",
                       SLICE_ARG(run_id));
    params_init(&params);
    params_text(&params, run_id);
    params_str(&params, kind);
    params_str(&params, by);
    PGresult *result = store_query(
        store,
        "with added as ("
        "  insert into command (run_id, partition, kind, asked_by)"
        "  select run_id, partition, $2, $3 from run"
        "  where run_id = $1::uuid and status in ('queued', 'running')"
        "  returning command_id, outcome, partition)"
        " select command_id::text, outcome, pg_notify('troupe_work', partition::text) from added",
        &params, err);
    if (!result)
        return err_prefix(err, "asking to %s run %.*s", kind, SLICE_ARG(run_id));
    bool added = PQntuples(result) > 0;
    int status = added ? read_command(result, arena, command, err) : 0;
    PQclear(result);
    return added ? status : why_not(store, run_id, kind, arena, err);
}

int store_command_get(struct store *store, struct slice command_id, struct arena *arena,
                      struct store_command *command, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, command_id);
    PGresult *result = store_query(
        store, "select command_id::text, outcome from command where command_id::text = $1", &params,
        err);
    if (!result)
        return err_prefix(err, "reading a command");
    bool found = PQntuples(result) > 0;
    int status = found ? read_command(result, arena, command, err) : 0;
    PQclear(result);
    return found ? status : err_set(err, ERR_NOT_FOUND, "no command %.*s", SLICE_ARG(command_id));
}
