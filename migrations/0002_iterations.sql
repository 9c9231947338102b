-- A loop node's execution after which the next iteration began: what ended within its iteration is not
-- the last of it, and counts in no output.
alter table node_executions add column goes_back boolean not null default false;
