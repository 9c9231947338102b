-- v_queues: one row per queue, summed over partitions. ready: tokens that nobody has taken; held:
-- taken and not settled; workers: alive and serving it. ready and no worker: they wait for one.
create view v_queues as
select
    q.queue,
    sum(q.ready)::bigint as ready,
    sum(q.held)::bigint as held,
    min(q.oldest_at) as oldest_at,
    (
        select count(distinct w.name)
        from worker_registry w
        where w.lease_until > w.seen_at and q.queue = any (string_to_array(w.queues, ','))
    ) as workers,
    max(q.seen_at) as seen_at
from queue_stats q
group by q.queue
order by q.queue;
