-- v_workers: one row per worker, as Redis knew it when a supervisor last looked. held: tokens, or tasks,
-- that it has and has not settled. kind: `fleet`, or `remote` of one that executes tasks.
create view v_workers as
select
    w.name,
    case when max(w.lease_until) > max(w.seen_at) then 'alive' else 'lapsed' end as status,
    (array_agg(w.queues order by w.seen_at desc, w.lease_until desc))[1] as queues,
    case when w.kind = 'fleet' then sum(w.held) else coalesce(max(t.held), 0) end::bigint as held,
    count(*) as partitions,
    max(w.lease_until) as lease_until,
    max(w.seen_at) as seen_at,
    w.kind
from worker_registry w
left join (
    select worker as name, count(*) as held from pending_tasks where worker is not null group by worker
) t using (name)
group by w.name, w.kind
order by w.name, w.kind;
