#!lua
-- open: makes a partition ready for an epoch: meta, queues, groups. By the partition's owner.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch (decimal, above 0; the stored one or higher), layout, partitions, queue…
-- reply ok, time in µs, id of the last ledger entry or empty
--       | epoch (the stored one, or the ledger's, is higher) | layout, stored | partitions, stored
--
-- Invariants: the epoch never goes down; a new epoch counts its ledger entries from 1; groups begin at
-- 0, so that no token that is there is passed over; `hold` stays as it is.
-- A caller whose record knows entries of this epoch must see meta before it opens with the same epoch:
-- on an empty Redis only a higher epoch is right.
--@include base.lua
--@include queues.lua
local epoch_text, layout, partitions = ARGV[1], ARGV[2], ARGV[3]
if not epoch_text or not match(epoch_text, '^[1-9]%d*$') or #epoch_text > 15 then
    malformed('epoch')
end
if not partitions or not match(layout, '^%d+$') or not match(partitions, '^[1-9]%d*$') then
    malformed('open')
end
local epoch = tonumber(epoch_text)
local meta = call('HMGET', KEYS[1], 'epoch', 'layout', 'partitions')
local stored = tonumber(meta[1] or '0')
if stored > epoch then
    return {'epoch'}
end
if meta[2] and meta[2] ~= layout then
    return {'layout', meta[2]}
end
if meta[3] and meta[3] ~= partitions then
    return {'partitions', meta[3]}
end
local newest = call('XREVRANGE', prefix .. 'ledger', '+', '-', 'COUNT', 1)[1]
local last_id = newest and newest[1] or ''
local last_epoch, last_seq = match(last_id, '^(%d+)%-(%d+)$')
if last_epoch and tonumber(last_epoch) > epoch then
    return {'epoch'}
end
for i = 4, #ARGV do
    if not match(ARGV[i], '^[^%s,|]+$') then
        malformed('queue')
    end
    queue_key(ARGV[i])
end

if stored < epoch then
    local seq = last_epoch == epoch_text and last_seq or '0'
    call('HSET', KEYS[1], 'epoch', epoch_text, 'layout', layout, 'partitions', partitions, 'seq', seq)
end
queues_create()
return {'ok', now_us, last_id}
