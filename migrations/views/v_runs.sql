-- v_runs: one row per run.
create view v_runs as
select
    run_id,
    workflow,
    version,
    status,
    input,
    output,
    error,
    labels,
    submitted_at,
    started_at,
    ended_at,
    (extract(epoch from ended_at - started_at) * 1000)::bigint as duration_ms,
    partition,
    digest,
    incarnation,
    deadline_at
from run;
