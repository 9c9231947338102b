-- v_costs: what remote workers said that executions took (tokens, cost), added up per run, node and measure. All
-- attempts count.
create view v_costs as
select
    e.run_id,
    e.node_id,
    u.key as measure,
    sum((u.value #>> '{}')::numeric) as amount
from node_executions as e
cross join lateral json_each(e.usage) as u
where e.usage is not null and json_typeof(u.value) = 'number'
group by e.run_id, e.node_id, u.key;
