#!lua flags=allow-oom
-- load: uploads the join table of a graph.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, digest, n, then n × (node, row); docs/protocol.md, "Join tables"
-- reply ok, time in µs | epoch
--
-- Invariants: only well-formed rows are stored, a table is stored whole; it expires a day after it was
-- loaded last, and settle then answers `load` again.
--@include base.lua
--@include partition.lua
--@include chunks.lua
local DAY_S = 86400
local digest, count = ARGV[2], count_arg(3, 'rows')
if not digest or not match(digest, '^%w+$') or #ARGV ~= 3 + 2 * count then
    malformed('load')
end
local rows = {}

local function is_join(text)
    local arity, need, predecessors, loops =
        match(text, '^[ake]|(%d+)|(%d+)|[^|%s,]+|([%d,]+)|[%w,^.?]*|[%d.,]*(.*)$')
    if not arity or not (loops == '' or match(loops, '^|[%d/]*|%d*[#~]?$')) then
        return false
    end
    local _, commas = string.gsub(predecessors, ',', '')
    return commas + 1 == tonumber(arity) and tonumber(need) >= 1 and tonumber(need) <= tonumber(arity)
end

for i = 4, #ARGV, 2 do
    local name, text = ARGV[i], ARGV[i + 1]
    if not (match(name, '^%d+$') and is_join(text))
        and not (match(name, '^l%d+$') and match(text, '^[%d,]*;[%d,.]*;[%d,]*$')) then
        malformed('row')
    end
    rows[#rows + 1] = ARGV[i]
    rows[#rows + 1] = ARGV[i + 1]
end
local key = prefix .. 'g:' .. digest
call('HLEN', key) -- its type, before any write
call_all('HSET', key, rows)
call('EXPIRE', key, DAY_S)
return {'ok', now_us}
