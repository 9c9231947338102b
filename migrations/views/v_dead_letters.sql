-- v_dead_letters: one row per run that failed because nobody could execute it (its workers were lost, or Redis
-- did not take a result), and per request that could not become a run. state: open, retried or dropped.
-- Texts of users are looked into by patterns: Postgres cannot read all JSON (\u0000).
create view v_dead_letters as
with letters as (
    select
        r.run_id as id,
        'run' as kind,
        r.run_id::text as run_id,
        r.workflow,
        r.version,
        e.node_id,
        e.scope,
        substring(r.error::text from '^\{"code":"([a-z_]+)"') as code,
        r.error ->> 'message' as reason,
        r.ended_at as at
    from run as r
    left join lateral (
        select n.node_id, n.scope
        from node_executions as n
        where n.run_id = r.run_id and n.status = 'failed' and n.error::text = r.error::text
        order by n.ended_at desc
        limit 1
    ) as e on true
    where
        r.status = 'failed'
        and (
            r.error::text like '{"code":"worker\_lost",%'
            or r.error::text like '{"code":"internal","message":"Redis did not take the result: %'
        )
    union all
    select
        md5(q.partition || '/' || q.epoch || '/' || q.seq || '/' || q.ordinal)::uuid,
        'request',
        q.run_id,
        coalesce(substring(q.request::text from '[{,]"workflow":"([^"\\]*)"'), ''),
        null,
        null,
        null,
        'rejected',
        q.reason,
        q.at
    from rejected_request as q
)
select
    l.id,
    l.kind,
    l.run_id,
    l.workflow,
    l.version,
    l.node_id,
    l.scope,
    l.code,
    l.reason,
    l.at,
    case a.kind when 'retry' then 'retried' when 'drop' then 'dropped' else 'open' end as state,
    a.at as settled_at,
    t.run_id as retried_as
from letters as l
left join lateral (
    select d.kind, d.at
    from dead_letter_action as d
    where d.dead_letter = l.id
    order by d.at desc
    limit 1
) as a on true
left join dead_letter_action as t on t.dead_letter = l.id and t.kind = 'retry';
