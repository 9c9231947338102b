#!lua flags=allow-oom
-- forget: removes runs whose end is committed.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, nruns, run…
-- reply ok, time in µs, number of run hashes removed | epoch
--
-- Invariants: a run that still runs is never removed; a forgotten one is remembered for 60 s, so that a
-- late start cannot revive it; its timers and the values beside it go with it. Repeating it changes nothing.
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
local over, timers, beside = {}, {}, {}
for i = 3, #ARGV do
    local key = prefix .. 'run:' .. ARGV[i]
    local h, has_beside = unpack(call('HMGET', key, 'h', 'v'))
    if h and sub(h, 1, 1) ~= 'r' then
        over[#over + 1] = ARGV[i]
        timers[#timers + 1] = ARGV[i] .. '/d'
        -- One that was cut off may have left parked tokens.
        local names = (has_beside or sub(h, 1, 1) ~= 'c') and call('HKEYS', key) or {}
        for k = 1, #names do
            local kind, number = match(names[k], '^([pv])(%d+)$')
            if kind == 'p' then
                timers[#timers + 1] = ARGV[i] .. '/' .. number
            elseif kind then
                beside[#beside + 1] = prefix .. 'v:' .. ARGV[i] .. ':' .. number
            end
        end
    end
end
for i = 1, #beside, CHUNK do
    call('EXISTS', unpack(beside, i, min(i + CHUNK - 1, #beside))) -- they are here, before any write
end

local removed = 0
for i = 1, #over do
    call('ZADD', ended_key, now_ms, over[i])
    removed = removed + call('UNLINK', prefix .. 'run:' .. over[i])
end
for i = 1, #beside, CHUNK do
    call('UNLINK', unpack(beside, i, min(i + CHUNK - 1, #beside)))
end
for i = 1, #timers, CHUNK do
    call('ZREM', timers_key, unpack(timers, i, min(i + CHUNK - 1, #timers)))
end
call('ZREMRANGEBYSCORE', ended_key, '-inf', now_ms - REMEMBERED_MS)
call('EXPIRE', ended_key, REMEMBERED_MS / 1000 + 1) -- when nothing ends any more, too
return {'ok', now_us, removed .. ''}
