-- run_lanes: for each execution of a run that has begun, the first lane that is free when it begins.
-- Executions in one lane do not overlap; a run that is never parallel has one lane, 0.
create or replace function run_lanes(of_run uuid)
returns table (node_index integer, scope text, lane integer)
language plpgsql stable as $$
declare
    execution record;
    free_at timestamptz[] := '{}';
begin
    for execution in
        select e.node_index, e.scope, min(e.started_at) as started, max(e.ended_at) as ended
        from node_executions e
        where e.run_id = of_run and e.started_at is not null
        group by e.node_index, e.scope
        order by min(e.started_at), e.node_index, e.scope
    loop
        lane := 1;
        while lane <= cardinality(free_at) and free_at[lane] > execution.started loop
            lane := lane + 1;
        end loop;
        free_at[lane] := coalesce(execution.ended, 'infinity');
        node_index := execution.node_index;
        scope := execution.scope;
        lane := lane - 1;
        return next;
    end loop;
end
$$;
