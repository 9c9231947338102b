-- drop_unreferenced_values: removes the values that no row refers to, and says how many. Who adds values
-- holds the lock below shared until the rows that refer to them are committed (lib/store/values.h): behind
-- it nobody is about to refer to a value that is there. What to remove is looked for before, so that it
-- is held for the look-ups of those few only; by the indexes, whatever the planner thinks of the tables. It gives up
-- when somebody who adds values stands still for 5 s: the others would wait behind it.
create or replace function drop_unreferenced_values() returns bigint
language plpgsql set enable_seqscan = off set lock_timeout = '5s' as $$
declare
    candidates bytea[];
    dropped bigint;
begin
    -- With an older snapshot the statement behind the lock would not see what was committed before it.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'drop_unreferenced_values() needs a transaction that is read committed, this one is %',
            current_setting('transaction_isolation');
    end if;
    candidates := array(
        select v.digest
        from value as v
        where not exists (select from run_row as r where r.input_digest = v.digest)
            and not exists (select from run_row as r where r.output_digest = v.digest)
            and not exists (select from execution_row as e where e.output_digest = v.digest)
    );
    if cardinality(candidates) = 0 then
        return 0;
    end if;
    perform pg_advisory_xact_lock(7092026002);
    delete from value as v
    where v.digest = any (candidates)
        and not exists (select from run_row as r where r.input_digest = v.digest)
        and not exists (select from run_row as r where r.output_digest = v.digest)
        and not exists (select from execution_row as e where e.output_digest = v.digest);
    get diagnostics dropped = row_count;
    return dropped;
end
$$;
