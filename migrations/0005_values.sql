-- Values above the inline limit are kept once, by content address; rows have their digest in place of
-- them. The tables that hold such rows have other names from here on: `run` and `node_executions` are
-- views (migrations/views) that give the values themselves. Rows from before stay as they are.
create table value (
    digest bytea primary key check (octet_length(digest) = 32), -- SHA-256 of json's text in UTF-8
    json json not null,
    length integer not null, -- of that text in bytes
    created_at timestamptz not null default now()
);

alter table run rename to run_row;
alter table run_row
    alter column input drop not null,
    add column input_digest bytea,
    add column output_digest bytea,
    add constraint run_has_one_input check ((input is null) <> (input_digest is null)),
    add constraint run_has_one_output check (output is null or output_digest is null);

alter table node_executions rename to execution_row;
alter table execution_row
    add column output_digest bytea,
    add constraint execution_has_one_output check (output is null or output_digest is null);

-- No foreign keys: those ask of every row, this only of rows that refer to a value, and when values are
-- dropped (drop_unreferenced_values).
create index run_input_value on run_row (input_digest) where input_digest is not null;
create index run_output_value on run_row (output_digest) where output_digest is not null;
create index execution_output_value on execution_row (output_digest) where output_digest is not null;
