-- Supervisors that are ready to work, those without a partition too: each has its share of the
-- partitions. Removed by whoever ends in order; of others when their lease ended a minute ago.
create table supervisor (
    name text primary key,
    joined_at timestamptz not null default clock_timestamp(), -- their order
    lease_until timestamptz not null                          -- Postgres' clock
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
