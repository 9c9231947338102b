#!lua flags=allow-oom
-- beat: a consumer renews its lease and hears whose has lapsed.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, consumer, session, lease in ms
-- reply ok, time in µs, lapsed consumer… | epoch | session
--
-- Invariants: only the holder of the latest session renews; nobody else's field is touched.
--@include base.lua
--@include partition.lua
--@include session.lua
local lease = count_arg(4, 'lease')
if #ARGV ~= 4 then
    malformed('beat')
end
local reply = {'ok', now_us}
local all = call('HGETALL', workers_key)
for i = 1, #all, 2 do
    local until_ms = tonumber(match(all[i + 1], '|(%d+)') or '0')
    if until_ms <= now_ms and all[i] ~= consumer then
        reply[#reply + 1] = all[i]
    end
end
call('HSET', workers_key, consumer, session .. '|' .. format('%.0f', now_ms + lease))
return reply
