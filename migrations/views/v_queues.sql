-- v_queues: one row per queue, summed over partitions. ready: tokens, or tasks, that nobody has taken;
-- held: taken and not settled; oldest_at: the oldest of both; workers: alive and serving it. ready and no
-- worker: they wait for one. kind: `fleet`, of tokens, or `task`, of tasks for remote workers: those that
-- have tasks, or workers.
create view v_queues as
select
    q.queue,
    sum(q.ready)::bigint as ready,
    sum(q.held)::bigint as held,
    min(q.oldest_at) as oldest_at,
    (
        select count(distinct w.name)
        from worker_registry w
        where w.kind = 'fleet' and w.lease_until > w.seen_at and q.queue = any (string_to_array(w.queues, ','))
    ) as workers,
    max(q.seen_at) as seen_at,
    'fleet' as kind
from queue_stats q
group by q.queue
union all
select
    queue,
    count(*) filter (where t.state = 'waiting') as ready,
    count(*) filter (where t.state = 'claimed') as held,
    min(t.asked_at) as oldest_at,
    coalesce(max(s.workers), 0) as workers,
    (select max(seen_at) from worker_registry) as seen_at,
    'task' as kind
from (select queue, state, asked_at from pending_tasks) t
full join (
    select q.queue, count(distinct w.name) as workers
    from worker_registry w, unnest(string_to_array(w.queues, ',')) as q (queue)
    where w.kind = 'remote' and w.lease_until > w.seen_at
    group by q.queue
) s using (queue)
group by queue
order by queue;
