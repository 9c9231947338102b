#!lua flags=allow-oom
-- reject: a request that cannot start, for the record.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, caller's part of the record
-- reply ok, time in µs | epoch | hold
--
-- Invariants: writes the ledger and nothing else; who reads it copes with two of the same.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include ledger.lua
if #ARGV ~= 2 then
    malformed('reject')
end
record('r', ARGV[2], '')
ledger_append()
return {'ok', now_us}
