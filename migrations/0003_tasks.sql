-- What happens to tasks while a remote worker has them.
alter table event_log drop constraint event_log_kind_check;
alter table event_log add constraint event_log_kind_check
    check (kind in ('start', 'execution', 'retry', 'output', 'wait', 'continuation', 'command',
        'task', 'claim', 'progress', 'lapse', 'release'));
