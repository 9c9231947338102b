#!lua flags=allow-oom
-- forget: removes runs whose end is committed.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, nruns, run…
-- reply ok, time in µs, number of run hashes removed | epoch
--
-- Invariants: a run that still runs is never removed; a forgotten one is remembered for 60 s, so that a
-- late start cannot revive it. Repeating it changes nothing.
--@include base.lua
--@include partition.lua
local REMEMBERED_MS = 60000
local ended_key = prefix .. 'ended'
if #ARGV ~= 2 + count_arg(2, 'runs') then
    malformed('forget')
end
call('ZCARD', ended_key) -- its type, before any write
local over = {}
for i = 3, #ARGV do
    local h = call('HGET', prefix .. 'run:' .. ARGV[i], 'h')
    if h and sub(h, 1, 1) ~= 'r' then
        over[#over + 1] = ARGV[i]
    end
end

local removed = 0
for i = 1, #over do
    call('ZADD', ended_key, now_ms, over[i])
    removed = removed + call('UNLINK', prefix .. 'run:' .. over[i])
end
call('ZREMRANGEBYSCORE', ended_key, '-inf', now_ms - REMEMBERED_MS)
return {'ok', now_us, removed .. ''}
