#!lua flags=allow-oom
-- forget: removes runs whose end is committed.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, nruns, run…
-- reply ok, time in µs, number of run hashes removed | epoch
--
-- Invariants: a run that still runs is never removed; a forgotten one is remembered for 60 s, so that a
-- late start cannot revive it; its timers go with it. Repeating it changes nothing.
--@include base.lua
--@include partition.lua
local REMEMBERED_MS = 60000
local ended_key = prefix .. 'ended'
if #ARGV ~= 2 + count_arg(2, 'runs') then
    malformed('forget')
end
local timers_key = prefix .. 'timers'
call('ZCARD', ended_key) -- their types, before any write
call('ZCARD', timers_key)
local over, timers = {}, {}
for i = 3, #ARGV do
    local key = prefix .. 'run:' .. ARGV[i]
    local h = call('HGET', key, 'h')
    if h and sub(h, 1, 1) ~= 'r' then
        over[#over + 1] = ARGV[i]
        timers[#timers + 1] = ARGV[i] .. '/d'
        -- One that was cut off may have left parked tokens.
        local names = sub(h, 1, 1) ~= 'c' and call('HKEYS', key) or {}
        for k = 1, #names do
            local number = match(names[k], '^p(%d+)$')
            timers[#timers + 1] = number and ARGV[i] .. '/' .. number
        end
    end
end

local removed = 0
for i = 1, #over do
    call('ZADD', ended_key, now_ms, over[i])
    removed = removed + call('UNLINK', prefix .. 'run:' .. over[i])
end
for i = 1, #timers, CHUNK do
    call('ZREM', timers_key, unpack(timers, i, min(i + CHUNK - 1, #timers)))
end
call('ZREMRANGEBYSCORE', ended_key, '-inf', now_ms - REMEMBERED_MS)
call('EXPIRE', ended_key, REMEMBERED_MS / 1000 + 1) -- when nothing ends any more, too
return {'ok', now_us, removed .. ''}
