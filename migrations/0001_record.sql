-- The record: definitions, runs, and what the ledgers said of them (docs/record.md).
--
-- User values are json, not jsonb: jsonb refuses \u0000, reorders members and rewrites numbers.
-- Times are of Redis' clock, except where a column says otherwise.

-- One row, made when the number of partitions is fixed: by the first supervisor or the first run.
create table namespace (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid(), -- also in Redis, as troupe:record
    partitions integer not null check (partitions between 1 and 65536),
    created_at timestamptz not null default now()
);

-- --- Definitions ---

create table graph (
    digest text primary key check (digest ~ '^[0-9a-f]{64}$'),
    canonical text not null,
    created_at timestamptz not null default now()
);

create table workflow_version (
    name text not null,
    version bigint not null check (version > 0),
    digest text not null references graph,
    source text not null, -- the file as given
    created_at timestamptz not null default now(),
    primary key (name, version)
);

-- --- Runs ---

create table run (
    run_id uuid primary key,
    partition integer not null,
    workflow text not null,
    version bigint not null,
    digest text not null,
    status text not null default 'queued'
        check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
    input json not null,
    output json,
    error json,
    labels json not null default '{}',
    submitted_at timestamptz not null,
    started_at timestamptz, -- of the first execution
    ended_at timestamptz,
    incarnation integer not null default 1,
    events bigint not null default 0, -- archived ones; 0: Redis has not reported its start
    inbox_id text,                    -- the request in troupe:runs that it came from
    check ((ended_at is not null) = (status in ('completed', 'failed', 'cancelled')))
) with (fillfactor = 80);

-- Accepted runs that their partition's owner has yet to start.
create index run_to_start on run (partition, submitted_at) where events = 0 and status = 'queued';
create index run_live on run (submitted_at) where status in ('queued', 'running');
create index run_newest on run (submitted_at desc);
create index run_of_workflow on run (workflow, submitted_at desc);

-- One row per ledger record of a run; events of a run count from 1 without a gap.
create table event_log (
    run_id uuid not null,
    event bigint not null,
    partition integer not null,
    epoch bigint not null,    -- with seq: the ledger entry
    seq bigint not null,
    ordinal integer not null, -- of the record within the entry
    kind text not null check (kind in ('start', 'execution', 'output', 'wait', 'continuation', 'command')),
    at timestamptz not null,  -- of the script call
    token bigint,             -- that was settled
    delta bigint not null,    -- to the counter of live tokens
    first_token bigint,       -- emitted ones, both included; null: none
    last_token bigint,
    status text not null,     -- of the run after it
    node_index integer,
    scope text,
    attempt integer,
    detail text,              -- command: its kind
    primary key (run_id, event)
);

-- One row per attempt of an execution, and one with attempt 0 per skipped node and scope.
create table node_executions (
    run_id uuid not null,
    node_index integer not null,
    scope text not null,
    attempt integer not null,
    node_id text not null,
    node_type text not null,
    status text not null check (status in ('completed', 'failed', 'skipped', 'cancelled')),
    token bigint, -- null: skipped
    at timestamptz not null, -- started, or decided not to be
    started_at timestamptz,
    ended_at timestamptz,
    output json,
    error json,
    worker text,
    terminal boolean not null, -- its output counts in the run's
    list_order bigint,         -- behind an each join: its output is one of a list
    primary key (run_id, node_index, scope, attempt)
);

-- Where a node had a choice: which edges were taken.
create table run_decision (
    run_id uuid not null,
    node_index integer not null,
    scope text not null,
    attempt integer not null,
    node_id text not null,
    taken json not null, -- arrays of node ids
    dead json not null,
    reason text not null,
    at timestamptz not null,
    primary key (run_id, node_index, scope, attempt)
);

-- What users asked of runs; the owner of the partition applies it.
create table command (
    command_id uuid primary key default gen_random_uuid(),
    run_id uuid not null references run,
    partition integer not null,
    kind text not null check (kind in ('cancel')),
    asked_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    outcome text check (outcome in ('applied', 'ended')), -- ended: the run was final before
    settled_at timestamptz
);
create index command_open on command (partition, created_at) where outcome is null;

-- Requests from troupe:runs that could not start.
create table rejected_request (
    partition integer not null,
    epoch bigint not null,
    seq bigint not null,
    ordinal integer not null,
    inbox_id text not null,
    run_id text not null, -- as requested; may be empty or malformed
    reason text not null,
    request json not null,
    at timestamptz not null,
    primary key (partition, epoch, seq, ordinal)
);

-- --- The supervisors' own ---

create table partition_state (
    partition integer primary key,
    epoch bigint not null,    -- of Redis' contents; begins at the unix time of the namespace
    seq bigint not null default 0, -- of the last committed entry of this epoch; 0: none
    entry_sha256 text,        -- of that entry's bytes
    owner text,
    fence bigint not null default 0, -- raised with every change of owner
    lease_until timestamptz not null default '-infinity', -- Postgres' clock
    archived_at timestamptz,  -- Postgres' clock: when the ledger was last seen empty behind seq
    check ((seq = 0) = (entry_sha256 is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What Redis said of workers and queues, per partition, replaced every few seconds.
create table worker_registry (
    partition integer not null,
    name text not null,
    session bigint not null,
    lease_until timestamptz not null,
    queues text not null, -- comma-separated
    held bigint not null, -- tokens delivered to it
    seen_at timestamptz not null,
    primary key (partition, name)
);

create table queue_stats (
    partition integer not null,
    queue text not null,
    ready bigint not null, -- nobody has them
    held bigint not null,  -- delivered to a worker
    oldest_at timestamptz, -- of the oldest entry, null: empty
    seen_at timestamptz not null,
    primary key (partition, queue)
);
