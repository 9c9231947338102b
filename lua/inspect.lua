#!lua flags=no-writes
-- inspect: what a run's hash says now.
--
-- KEYS  1 meta key of the partition
-- ARGV  run
-- reply ok, time in µs, `h` or empty, tokens (number, live field, …), joins (field without its `j`,
--       value, …); at most 5,000 of each
--
-- Invariants: reads only, and no values of outputs.
--@include base.lua
--@include chunks.lua
local MOST = 5000
local key = prefix .. 'run:' .. (ARGV[1] or malformed('run'))
local h = call('HGET', key, 'h')
if not h then
    return {'ok', now_us, '', {}, {}}
end
local function values_of(names)
    local flat = {}
    if #names > 0 then
        local values = hmget_all(call, key, names)
        for i = 1, #names do
            flat[2 * i - 1] = sub(names[i], 2)
            flat[2 * i] = values[i]
        end
    end
    return flat
end
local tokens, joins = {}, {}
for _, name in ipairs(call('HKEYS', key)) do
    if match(name, '^t%d+$') and #tokens < MOST then
        tokens[#tokens + 1] = name
    elseif match(name, '^j%d+|') and #joins < MOST then
        joins[#joins + 1] = name
    end
end
return {'ok', now_us, h, values_of(tokens), values_of(joins)}
