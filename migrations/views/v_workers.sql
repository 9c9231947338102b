-- v_workers: one row per worker, as Redis knew it when a supervisor last looked. held: tokens that it
-- has and has not settled.
create view v_workers as
select
    name,
    case when max(lease_until) > max(seen_at) then 'alive' else 'lapsed' end as status,
    (array_agg(queues order by seen_at desc))[1] as queues,
    sum(held)::bigint as held,
    count(*) as partitions,
    max(lease_until) as lease_until,
    max(seen_at) as seen_at
from worker_registry
group by name
order by name;
