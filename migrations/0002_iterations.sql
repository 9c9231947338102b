-- A loop node's execution after which the next iteration began: what ended within its iteration is not
-- the last of it, and counts in no output.
alter table node_executions add column goes_back boolean not null default false;

-- An attempt that failed and will be tried again settles nothing: the token stays live.
alter table event_log drop constraint event_log_kind_check;
alter table event_log add constraint event_log_kind_check
    check (kind in ('start', 'execution', 'retry', 'output', 'wait', 'continuation', 'command'));

-- When the run fails with `deadline` unless it has ended; null: never.
alter table run add column deadline_at timestamptz;
