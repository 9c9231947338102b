-- v_stuck_runs: one row per reason why a run does not go on: a task waits in a queue that nobody serves,
-- or its deadline has passed and nobody ended it (is there a supervisor?).
create view v_stuck_runs as
select
    t.run_id,
    t.workflow,
    t.version,
    t.node_id,
    t.scope,
    'queue ' || t.queue || ': nobody serves it, since '
        || to_char(t.unserved_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as reason,
    t.unserved_since as since,
    t.queue
from pending_tasks t
where t.state = 'waiting' and t.workers = 0
union all
select
    r.run_id,
    r.workflow,
    r.version,
    null,
    null,
    'deadline: it passed, and the run was not ended, since '
        || to_char(r.deadline_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    r.deadline_at,
    null
from run r
where r.status in ('queued', 'running') and r.deadline_at < now() - interval '5 s'
order by since;
