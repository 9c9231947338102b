#!lua flags=allow-oom
-- reclaim: takes tokens over from a consumer whose lease has lapsed.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, consumer, session, lapsed consumer, limit (claims), nqueues, queue…
-- reply ok, time in µs, claims (none: nothing is left there, or it has not lapsed) | epoch | hold | session
--
-- Invariants: what was taken over has a generation one higher, so a failure that its former holder
-- reports does not count; deliveries rise only when it was already a re-delivered one; what does not fit
-- the reply stays with the lapsed consumer. All is read before anything is written.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include session.lua
--@include chunks.lua
--@include queues.lua
--@include scopes_made.lua
--@include claim.lua
-- How many entries of a queue one call looks at: those whose token is gone give no claim.
local LOOK = 200
local lapsed, limit = ARGV[4], count_arg(5, 'limit')
if limit < 1 or read_queues(6, true) ~= #ARGV + 1 then
    malformed('reclaim')
end
local theirs = call('HGET', workers_key, lapsed)
local until_ms = tonumber(theirs and match(theirs, '|(%d+)') or '0')
if lapsed == consumer or until_ms > now_ms then
    return {'ok', now_us, {}}
end
local taken = {} -- queue name -> ids
local lives = {} -- run key, field, value
for i = 0, queue_count - 1 do
    local queue = queue_names[i .. '']
    local key = queue_key(queue)
    local pending = try('XPENDING', key, 'fleet', '-', '+', LOOK, lapsed)
    for k = 1, #pending do
        if #claims >= limit or (#claims > 0 and claims_bytes >= CLAIMS_MAX_BYTES) then
            break
        end
        local id = pending[k][1]
        local entry = call('XRANGE', key, id, id)[1]
        local claim, bytes = claim_read(i .. '', queue, id, entry and entry[2], true)
        if claim then
            local identity, generation, deliveries, state = match(claim[5], '^([^|]*|[^|]*|%d+|)(%d+)|(%d+)|(%a)$')
            generation, deliveries = tonumber(generation), tonumber(deliveries)
            claim[5] = identity .. (generation + 1) .. '|' .. (generation > 0 and deliveries + 1 or deliveries)
                .. '|' .. state
            claims[#claims + 1] = claim
            claims_bytes = claims_bytes + bytes
            lives[#lives + 1] = {prefix .. 'run:' .. claim[3], 't' .. claim[4], claim[5]}
            taken[queue] = taken[queue] or {}
            taken[queue][#taken[queue] + 1] = id
        else
            drop(queue, id)
        end
    end
end

queues_create()
for queue, ids in pairs(taken) do
    for k = 1, #ids do
        call('XCLAIM', queue_key(queue), 'fleet', consumer, 0, ids[k], 'JUSTID')
    end
end
for k = 1, #lives do
    call('HSET', lives[k][1], lives[k][2], lives[k][3])
end
drop_all()
return {'ok', now_us, claims}
