-- node_executions: the rows of execution_row with their outputs, wherever they are kept. A value is looked
-- up when its column is read, and only then.
create view node_executions as
select
    e.run_id,
    e.node_index,
    e.scope,
    e.attempt,
    e.node_id,
    e.node_type,
    e.status,
    e.token,
    e.at,
    e.started_at,
    e.ended_at,
    coalesce(e.output, (select v.json from value as v where v.digest = e.output_digest)) as output,
    e.error,
    e.worker,
    e.terminal,
    e.list_order,
    e.goes_back,
    e.usage,
    e.output_digest
from execution_row as e;
