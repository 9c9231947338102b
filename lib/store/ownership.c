/* ownership: which partitions a supervisor has, and how many it is to have. */
#include "base/buf.h"
#include "store/archive.h"
#include "store/connection.h"
#include <stdio.h>
#include <string.h>

int archive_namespace_id(struct store *store, char id[UUID_TEXT_LEN + 1], struct err *err)
{
    PGresult *result = store_query(store, "select id::text from namespace", NULL, err);
    if (!result)
        return -1;
    bool found = PQntuples(result) > 0;
    struct slice text = found ? result_text(result, 0, 0) : SLICE("");
    (void)snprintf(id, UUID_TEXT_LEN + 1, "%.*s", SLICE_ARG(text));
    PQclear(result);
    return found ? 0 : err_set(err, ERR_INTERNAL, "the namespace is gone");
}

#define CURSOR_COLUMNS "partition, epoch, seq, coalesce(entry_sha256, ''), fence"

static void read_cursor(const PGresult *result, int row, struct archive_cursor *cursor)
{
    struct slice sha = result_text(result, row, 3);
    *cursor = (struct archive_cursor){
        .partition = (uint16_t)result_int(result, row, 0),
        .epoch = result_int(result, row, 1),
        .seq = (uint64_t)result_int(result, row, 2),
        .fence = result_int(result, row, 4),
    };
    (void)snprintf(cursor->entry_sha256, sizeof cursor->entry_sha256, "%.*s", SLICE_ARG(sha));
}

/* Rows of others are removed only while nobody has them: two that have slept long would each wait for the
 * other's. */
int archive_join(struct store *store, struct slice owner, int64_t lease_ms, uint32_t partitions,
                 uint32_t *share, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, owner);
    params_int(&params, lease_ms);
    PGresult *result = store_query(
        store,
        "with gone as ("
        "  delete from supervisor where name in ("
        "    select name from supervisor"
        "    where name <> $1 and lease_until < clock_timestamp() - interval '1 minute'"
        "    for update skip locked)),"
        " me as ("
        "  insert into supervisor (name, lease_until)"
        "  values ($1, clock_timestamp() + $2::bigint * interval '1 millisecond')"
        "  on conflict (name) do update set lease_until = excluded.lease_until"
        "  returning joined_at)"
        " select 1 + count(s.name),"
        "  count(s.name) filter (where (s.joined_at, s.name) < (me.joined_at, $1))"
        " from me left join supervisor s on s.name <> $1 and s.lease_until >= clock_timestamp()",
        &params, err);
    if (!result)
        return -1;
    const uint32_t members = (uint32_t)result_int(result, 0, 0);
    const uint32_t before = (uint32_t)result_int(result, 0, 1);
    PQclear(result);
    *share = partitions / members + (before < partitions % members);
    return 0;
}

int archive_offer(struct store *store, struct slice owner, int64_t lease_ms, uint32_t share,
                  uint32_t *given, struct err *err)
{
    struct params params;
    int64_t count = 0;
    params_init(&params);
    params_text(&params, owner);
    params_int(&params, lease_ms);
    params_int(&params, share);
    if (store_exec(store,
                   "with surplus as ("
                   "  select partition from partition_state where owner = $1"
                   "  order by partition offset $3::bigint for update skip locked)"
                   " update partition_state p set owner = null,"
                   "  lease_until = clock_timestamp() + $2::bigint * interval '1 millisecond'"
                   " from surplus s where s.partition = p.partition",
                   &params, &count, err) != 0)
        return -1;
    *given = (uint32_t)count;
    return 0;
}

int archive_lease(struct store *store, struct slice owner, int64_t lease_ms, uint32_t share,
                  struct archive_cursor *cursors, uint32_t most, uint32_t *count, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, owner);
    params_int(&params, lease_ms);
    params_int(&params, share);
    PGresult *result = store_query(
        store,
        "with mine as ("
        "  select partition, owner is distinct from $1 as taken_over from partition_state"
        "  where owner = $1 or lease_until < clock_timestamp()"
        "  order by partition for update skip locked),"
        " offered as ("
        "  select partition from partition_state"
        "  where owner is null and lease_until >= clock_timestamp() order by partition"
        "  limit greatest(0, $3::bigint - (select count(*) from mine))"
        "  for update skip locked),"
        " held as ("
        "  update partition_state p set owner = $1, fence = p.fence + m.taken_over::integer,"
        "  lease_until = clock_timestamp() + $2::bigint * interval '1 millisecond'"
        "  from (select * from mine union all select partition, true from offered) m"
        "  where m.partition = p.partition"
        "  returning p.*)"
        " select " CURSOR_COLUMNS " from held order by partition",
        &params, err);
    if (!result)
        return -1;
    int rows = PQntuples(result);
    if ((uint32_t)rows > most) {
        PQclear(result);
        return err_set(err, ERR_CONFLICT, "%d partitions where %u are expected", rows, most);
    }
    for (int i = 0; i < rows; i++)
        read_cursor(result, i, &cursors[i]);
    *count = (uint32_t)rows;
    PQclear(result);
    return 0;
}

int archive_release(struct store *store, struct slice owner, struct err *err)
{
    struct params params;
    params_init(&params);
    params_text(&params, owner);
    return store_exec(store,
                      "with gone as (delete from supervisor where name = $1)"
                      " update partition_state set owner = null, lease_until = '-infinity'"
                      " where owner = $1",
                      &params, NULL, err);
}

int archive_raise_epoch(struct store *store, struct slice owner, struct archive_cursor *cursor,
                        int64_t epoch, struct err *err)
{
    struct params params;
    int64_t raised = 0;
    params_init(&params);
    params_int(&params, epoch);
    params_int(&params, cursor->partition);
    params_text(&params, owner);
    params_int(&params, cursor->fence);
    if (store_exec(store,
                   "update partition_state set epoch = $1::bigint, seq = 0, entry_sha256 = null"
                   " where partition = $2::integer and owner = $3 and fence = $4::bigint"
                   " and epoch < $1::bigint",
                   &params, &raised, err) != 0)
        return -1;
    if (raised != 1)
        return err_set(err, ERR_UNREACHABLE, "another supervisor has taken over partition %u",
                       cursor->partition);
    cursor->epoch = epoch;
    cursor->seq = 0;
    cursor->entry_sha256[0] = '\0';
    return 0;
}
