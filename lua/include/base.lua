-- base: names that every script uses, and the time of the call.
--
-- KEYS[1] is the partition's meta key, `troupe:{p}:meta`; every other key is built from its tag, so a
-- call stays in one slot. Time is Redis' own.
-- luacheck: push ignore 211
local call, try = redis.call, redis.pcall
local KEYS, ARGV = KEYS, ARGV -- cheaper than globals
local sub, match, gmatch, find, byte, rep, format =
    string.sub, string.match, string.gmatch, string.find, string.byte, string.rep, string.format
local concat, floor, min = table.concat, math.floor, math.min
local prefix = sub(KEYS[1], 1, -5)
local clock = call('TIME')
local now_us = clock[1] .. sub('00000' .. clock[2], -6)
local now_ms = clock[1] * 1000 + floor(clock[2] / 1000)
-- What one unpack may carry: Lua's C stack holds 8,000 values. Even, so that pairs stay together.
local CHUNK = 4000

-- Arguments of ours that make no sense: an error before the first write, never half a call.
local function malformed(what)
    error({err = 'ARGS ' .. what})
end

local counted = {} -- text -> number: most are the same few

local function count_arg(at, what)
    local text = ARGV[at] or ''
    local count = counted[text]
    if not count then
        if not match(text, '^%d+$') or #text > 15 then
            malformed(what)
        end
        count = tonumber(text)
        counted[text] = count
    end
    return count
end
-- luacheck: pop
