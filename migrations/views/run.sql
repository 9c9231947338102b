-- run: the rows of run_row with their values, wherever they are kept. A value is looked up when its column
-- is read, and only then.
create view run as
select
    r.run_id,
    r.partition,
    r.workflow,
    r.version,
    r.digest,
    r.status,
    coalesce(r.input, (select v.json from value as v where v.digest = r.input_digest)) as input,
    coalesce(r.output, (select v.json from value as v where v.digest = r.output_digest)) as output,
    r.error,
    r.labels,
    r.submitted_at,
    r.started_at,
    r.ended_at,
    r.incarnation,
    r.events,
    r.inbox_id,
    r.deadline_at,
    r.input_digest,
    r.output_digest
from run_row as r;
