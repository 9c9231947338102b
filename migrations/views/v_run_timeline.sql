-- v_run_timeline: one row per execution, skipped nodes included. Attempts are summed up: the first
-- one's start, the last one's end and result. position: the order in which things happened; lane:
-- a row of a chart in which nothing overlaps (null: never began); offset_ms: since the run's first
-- execution began, for skipped nodes until it was decided.
create view v_run_timeline as
select
    r.run_id,
    r.workflow,
    row_number() over (
        partition by r.run_id order by e.at, e.node_index, e.scope
    ) as position,
    e.node_id,
    e.node_type,
    e.scope,
    e.status,
    e.attempts,
    l.lane,
    e.started_at,
    e.ended_at,
    (extract(epoch from e.at - r.started_at) * 1000)::bigint as offset_ms,
    (extract(epoch from e.ended_at - e.started_at) * 1000)::bigint as duration_ms,
    e.worker,
    coalesce(e.output, (select v.json from value v where v.digest = e.output_digest)) as output,
    e.error
from run r
join (
    select
        run_id,
        node_index,
        scope,
        min(node_id) as node_id,
        min(node_type) as node_type,
        min(at) as at,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        max(attempt) as attempts,
        (array_agg(status order by attempt desc))[1] as status,
        (array_agg(worker order by attempt desc))[1] as worker,
        (array_agg(output order by attempt desc))[1] as output,
        (array_agg(output_digest order by attempt desc))[1] as output_digest,
        (array_agg(error order by attempt desc))[1] as error
    from execution_row
    group by run_id, node_index, scope
) e using (run_id)
left join lateral run_lanes(r.run_id) l on l.node_index = e.node_index and l.scope = e.scope
order by r.run_id, position;
