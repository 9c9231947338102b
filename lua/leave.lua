#!lua flags=allow-oom
-- leave: a consumer goes, or a lapsed one is tidied away.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, consumer, session or `*` (a lapsed one, by somebody else), nqueues, queue…
-- reply ok, time in µs, left | pending;  epoch | session
--
-- Invariants: a consumer is removed only when it holds nothing in any queue that it ever served or that
-- the call names. Its own leave while it still holds something ends its lease, so that others take over
-- at once. `*` removes only what lapsed 30 s ago (pending until then): a blocking read that a dead
-- process left behind may still be served, and its entry must have an owner that others look at.
--@include base.lua
--@include partition.lua
local GRACE_MS = 30000
local consumer, session = ARGV[2], ARGV[3]
local workers_key, serves_key = prefix .. 'workers', prefix .. 'serves'
local registered = call('HGET', workers_key, consumer)
local own, until_ms = match(registered or '', '^(%d+)|(%d+)')
if session ~= '*' and own ~= session then
    return {'session'}
end
if #ARGV ~= 4 + count_arg(4, 'queues') then
    malformed('leave')
end
local queues, seen = {}, {}
local function look_at(name)
    if not seen[name] then
        seen[name] = true
        queues[#queues + 1] = prefix .. 'q:' .. name
    end
end
for i = 5, #ARGV do
    look_at(ARGV[i])
end
for name in gmatch(call('HGET', serves_key, consumer) or '', '[^,]+') do
    look_at(name)
end
local holds, groups = false, {}
for i = 1, #queues do
    local pending = try('XPENDING', queues[i], 'fleet', '-', '+', 1, consumer)
    if not pending.err then
        groups[#groups + 1] = queues[i]
        holds = holds or #pending > 0
    elseif sub(pending.err, 1, 7) ~= 'NOGROUP' then
        error(pending)
    end
end

if session == '*' and own and tonumber(until_ms) + GRACE_MS > now_ms then
    return {'ok', now_us, 'pending'}
end
if holds then
    if session ~= '*' or not own then
        call('HSET', workers_key, consumer, (own or '0') .. '|0')
    end
    return {'ok', now_us, 'pending'}
end
for i = 1, #groups do
    call('XGROUP', 'DELCONSUMER', groups[i], 'fleet', consumer)
end
call('HDEL', workers_key, consumer)
call('HDEL', serves_key, consumer)
return {'ok', now_us, 'left'}
