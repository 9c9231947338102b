-- pending_tasks: one row per task that is not through: it waits for a remote worker, or one has it.
-- asked_at: since when there is this attempt's task; since: since when it is in that state; workers: alive
-- and serving its queue; unserved_since: nobody does, since then, as far as is known.
create view pending_tasks as
select
    e.run_id,
    r.workflow,
    r.version,
    e.node_index,
    (
        select case when position('\u0000' in g.canonical) = 0
            then g.canonical::json -> 'nodes' -> e.node_index ->> 'id' end
        from graph g
        where g.digest = r.digest
    ) as node_id,
    e.scope,
    e.attempt,
    e.detail as queue,
    case when l.kind = 'claim' then 'claimed' else 'waiting' end as state,
    case when l.kind = 'claim' then l.detail end as worker,
    e.at as asked_at,
    l.at as since,
    s.workers,
    case when s.workers = 0 then greatest(
        case when l.kind = 'claim' then e.at else l.at end,
        (select q.served_at from task_queue q where q.queue = e.detail)
    ) end as unserved_since
from run_row r -- not the view of that name, which is made later and gives values
join event_log e on e.run_id = r.run_id and e.kind = 'task'
join lateral (
    -- What happened to its token last.
    select kind, at, detail, attempt
    from event_log t
    where t.run_id = e.run_id and t.token = e.token and t.event >= e.event and t.kind <> 'progress'
    order by t.event desc
    limit 1
) l on l.kind in ('task', 'claim', 'lapse', 'release') and l.attempt = e.attempt
cross join lateral (
    select count(distinct w.name) as workers
    from worker_registry w
    where w.kind = 'remote' and w.lease_until > w.seen_at and e.detail = any (string_to_array(w.queues, ','))
) s
where r.status in ('queued', 'running');
