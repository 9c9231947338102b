-- What happens to tasks while a remote worker has them.
alter table event_log drop constraint event_log_kind_check;
alter table event_log add constraint event_log_kind_check
    check (kind in ('start', 'execution', 'retry', 'output', 'wait', 'continuation', 'command',
        'task', 'claim', 'progress', 'lapse', 'release'));

-- What a remote worker said that an attempt took: an object, numbers of it as v_costs adds up.
alter table node_executions add column usage json;
