-- v_run_decisions: one row per execution of a node that had a choice: which edges it took, and why.
create view v_run_decisions as
select
    d.run_id,
    r.workflow,
    d.node_id,
    d.scope,
    d.attempt,
    d.taken,
    d.dead,
    d.reason,
    d.at as decided_at
from run_decision d
join run r using (run_id)
order by d.run_id, d.at, d.node_index, d.scope;
