/* commands: what users ask of runs, committed before they are answered. */
#include "store/connection.h"
#include "store/run_id.h"

static int read_command(const PGresult *result, struct arena *arena, struct store_command *command,
                        struct err *err)
{
    bool failed = false;
    command->id = result_copy(result, 0, 0, arena, &failed);
    command->outcome = result_copy(result, 0, 1, arena, &failed);
    return failed ? err_set(err, ERR_LIMIT, "no memory for a command") : 0;
}

static int why_not(struct store *store, struct slice run_id, const char *kind, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, run_id);
    PGresult *result =
        store_query(store, "select status from run where run_id = $1::uuid", &params, err);
    if (!result)
        return err_prefix(err, "reading run %.*s", SLICE_ARG(run_id));
    if (PQntuples(result) == 0)
        err_set(err, ERR_NOT_FOUND, "no run %.*s", SLICE_ARG(run_id));
    else
        err_set(err, ERR_CONFLICT, "cannot %s run %.*s: it is %.*s", kind, SLICE_ARG(run_id),
                SLICE_ARG(result_text(result, 0, 0)));
    PQclear(result);
    return -1;
}

int store_command_add(struct store *store, struct slice run_id, const char *kind, const char *by,
                      struct arena *arena, struct store_command *command, struct err *err)
{
    struct params params;
    if (id_check(run_id, "run", err) != 0)
        return -1;
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
    return added ? status : why_not(store, run_id, kind, err);
}

int store_command_get(struct store *store, struct slice command_id, struct arena *arena,
                      struct store_command *command, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, command_id);
    if (id_check(command_id, "command", err) != 0)
        return -1;
    PGresult *result = store_query(
        store, "select command_id::text, outcome from command where command_id = $1::uuid", &params,
        err);
    if (!result)
        return err_prefix(err, "reading command %.*s", SLICE_ARG(command_id));
    bool found = PQntuples(result) > 0;
    int status = found ? read_command(result, arena, command, err) : 0;
    PQclear(result);
    return found ? status : err_set(err, ERR_NOT_FOUND, "no command %.*s", SLICE_ARG(command_id));
}
