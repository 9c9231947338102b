#!lua
-- start: a run begins: its hash, its entry tokens, its ledger record. Idempotent by run id.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, run, incarnation, digest, fin (wanted of the hidden last token, or empty), rn (JSON),
--       input (JSON), not_after (unix ms of Redis), deadline (unix ms; 0: none), caller's part of the
--       record, inbox entry id or empty, n, then n × (node, queue, wanted)
-- reply ok, time in µs, started | exists | ended | late;  epoch | hold
--
-- Invariants: no script but this one makes a run hash; without allow-oom, so that Redis refuses it
-- before it begins when memory is full; a request that came before is named in the ledger (`d`), since
-- its inbox entry is acknowledged only after the commit of the first start.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include chunks.lua
--@include scopes.lua
--@include queues.lua
--@include ledger.lua
local run, incarnation, digest, fin, rn, input = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local not_after, deadline, part = count_arg(8, 'not_after'), count_arg(9, 'deadline'), ARGV[10]
local inbox, count = ARGV[11], count_arg(12, 'entries')
if count < 1 or #ARGV ~= 12 + 3 * count or not match(run, '^[%x-]+$') or not match(incarnation, '^[1-9]%d*$')
    or digest == '' then
    malformed('start')
end
local key, timers_key = prefix .. 'run:' .. run, prefix .. 'timers'
local status = call('HGET', key, 'h') and 'exists' or call('ZSCORE', prefix .. 'ended', run) and 'ended'
if status then
    if inbox ~= '' then
        record('d', #run .. ':' .. run .. #inbox .. ':' .. inbox, '')
        ledger_append()
    end
    return {'ok', now_us, status}
end
if now_ms > not_after then
    return {'ok', now_us, 'late'}
end
local fields = {
    'h', 'r|' .. incarnation .. '|' .. count .. '|0|' .. count .. '|1', 'dg', digest, 'in', input, 'rn', rn,
    'fin', fin,
}
local nodes = {}
for i = 1, count do
    local node, queue = ARGV[10 + 3 * i], ARGV[11 + 3 * i]
    local index, scope = match(node, '^(%d+)|?([^|,;\t\n]*)$') -- a loop's head begins in its scope
    if not index or not match(queue, '^[^%s,|]+$') then
        malformed('entry node')
    end
    queue_key_to_add(queue)
    fields[#fields + 1] = 't' .. i
    node = index .. '|' .. scope
    nodes[i] = node
    fields[#fields + 1] = node .. '|1|0|0|q'
    if scope ~= '' then
        each_overlapping(scope, function(iteration)
            fields[#fields + 1] = 'i' .. iteration
            fields[#fields + 1] = '1' -- one loop per head: nobody else begins in it
        end)
    end
end
record('s', part, '1|' .. count)
if deadline > 0 then
    call('ZCARD', timers_key) -- its type, before any write
end

queues_create()
ledger_append()
call_all('HSET', key, fields)
if deadline > 0 then
    call('ZADD', timers_key, deadline, run .. '/d')
end
for i = 1, count do
    local queue, wanted = ARGV[11 + 3 * i], ARGV[12 + 3 * i]
    call('XADD', queue_key(queue), '*', 'r', run, 'n', i, 'm', incarnation .. '|' .. nodes[i] .. '|1', 'w', wanted)
end
return {'ok', now_us, 'started'}
