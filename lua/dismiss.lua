#!lua flags=allow-oom
-- dismiss: readers of the inbox that are gone are forgotten.
--
-- KEYS  1 the inbox
-- ARGV  idle ms, most
-- reply ok, how many were removed
--
-- Invariants: a consumer that has entries pending stays, whoever it was: they are taken over from it, and
-- would be lost with it. Looking and removing is one step, so nothing is read in between. A reader that
-- was only idle is made again by its next read, or when a read of its that blocks is served.
local idle_ms, left = tonumber(ARGV[1]), tonumber(ARGV[2])
if not idle_ms or not left then
    return {err = 'ARGS dismiss'}
end
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], 'fleet')
if consumers.err then
    return {'ok', 0} -- no inbox, or no group: nobody to remove
end
local removed = 0
for i = 1, #consumers do
    local is = {}
    for at = 1, #consumers[i], 2 do
        is[consumers[i][at]] = consumers[i][at + 1]
    end
    if removed < left and is.pending == 0 and is.idle >= idle_ms then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'fleet', is.name)
        removed = removed + 1
    end
end
return {'ok', removed}
