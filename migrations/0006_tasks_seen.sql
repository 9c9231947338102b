-- Remote workers, beside those of the fleet: a worker with plugins may be both, under one name. What a
-- remote one holds is in the record, not here.
alter table worker_registry add column kind text not null default 'fleet'
    check (kind in ('fleet', 'remote'));
alter table worker_registry drop constraint worker_registry_pkey;
alter table worker_registry add primary key (partition, name, kind);

-- Queues of tasks that somebody has served: until when, as far as is known.
create table task_queue (
    queue text primary key,
    served_at timestamptz not null
) with (fillfactor = 50);

-- Tasks of a run: few runs have any.
create index event_task on event_log (run_id) where kind = 'task';
