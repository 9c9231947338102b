#!lua flags=allow-oom
-- cancel: ends a run that still runs. O(1): what was live answers `gone` from now on.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, run, caller's part of the record
-- reply ok, time in µs, cancelled | ended (it was final before) | gone (no such run);  epoch | hold
--
-- Invariants: the delta takes the counter to 0; a run is cancelled once.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include ledger.lua
local run, part = ARGV[2], ARGV[3]
if #ARGV ~= 3 then
    malformed('cancel')
end
local key = prefix .. 'run:' .. run
local status, incarnation, counter, rest, events =
    match(call('HGET', key, 'h') or '', '^(%a)|(%d+)|(%d+)|(%d+|%d+)|(%d+)$')
if status ~= 'r' then
    return {'ok', now_us, status and 'ended' or 'gone'}
end
events = events + 1
record('k', part, events .. '|-' .. counter .. '|x')
ledger_append()
call('HSET', key, 'h', 'x|' .. incarnation .. '|0|' .. rest .. '|' .. events)
try('PUBLISH', 'troupe:completion_events', run) -- a hint: it may fail, the call may not
return {'ok', now_us, 'cancelled'}
