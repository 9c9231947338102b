-- What was done with dead letters (v_dead_letters). One retry and one drop of each at most.
create table dead_letter_action (
    dead_letter uuid not null,
    kind text not null check (kind in ('retry', 'drop')),
    run_id uuid, -- of a retry: the run that it started
    asked_by text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (dead_letter, kind),
    check ((run_id is not null) = (kind = 'retry'))
);

-- Failed runs are few; dead letters are among them.
create index run_failed on run (ended_at desc) where status = 'failed';
create index rejected_newest on rejected_request (at desc);
