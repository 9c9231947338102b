-- partition: the call's epoch (ARGV[1]) must be the partition's; without a meta hash there is none.
-- Leaves `hold` (absent: false) and `seq`, of the last ledger entry.
-- luacheck: push ignore 211
local epoch = ARGV[1]
local meta = call('HMGET', KEYS[1], 'epoch', 'hold', 'seq')
if not epoch or meta[1] ~= epoch then
    return {'epoch'}
end
local hold = meta[2]
local seq = tonumber(meta[3] or '0')
-- luacheck: pop
