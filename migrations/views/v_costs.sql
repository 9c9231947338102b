-- v_costs: what remote workers said that executions took (tokens, cost), added up per run, node and measure. All
-- attempts count. What Postgres could not read (\u0000 in a name, numbers of more than 30 characters) is left out.
create view v_costs as
select
    e.run_id,
    e.node_id,
    u.key as measure,
    sum((u.value #>> '{}')::numeric) as amount
from node_executions as e
cross join lateral json_each(
    case when position('\u0000' in e.usage::text) = 0 then e.usage else '{}'::json end
) as u
where
    e.usage is not null and json_typeof(u.value) = 'number'
    and (u.value #>> '{}') ~ '^-?[0-9.]{1,24}([eE][-+]?[0-9]{1,3})?$'
group by e.run_id, e.node_id, u.key;
