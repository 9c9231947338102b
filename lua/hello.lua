#!lua flags=allow-oom
-- hello: a consumer begins a session and is told all that is pending for it, page by page.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, consumer, lease in ms, from (empty, or `next` of the page before), limit (claims),
--       nqueues, queue…
-- reply ok, time in µs, session, next (empty: that was all), claims, 1 if this name had a session before
--       | epoch | hold | session (from is of an older session)
--
-- Invariants: an empty `from` makes a new session and so ends every older one of this consumer; session
-- numbers of a partition never repeat; a page never changes generations. Consumers that hold entries and
-- that nobody knows (a blocking read that was served after `leave`) are registered as lapsed.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include chunks.lua
--@include queues.lua
--@include scopes_made.lua
--@include claim.lua
local workers_key, serves_key = prefix .. 'workers', prefix .. 'serves'
local consumer, lease, from, limit = ARGV[2], count_arg(3, 'lease'), ARGV[4], count_arg(5, 'limit')
if consumer == '' or limit < 1 or read_queues(6, true) ~= #ARGV + 1 then
    malformed('hello')
end
local registered = call('HGET', workers_key, consumer)
local session, queue_first, after = match(registered or '', '^%d+'), 0, '0-0'
if from ~= '' then
    local from_session, index, id = match(from, '^(%d+),(%d+),(%d+%-%d+)$')
    if not from_session or not queue_names[index] then
        malformed('from')
    end
    if from_session ~= session then
        return {'session'}
    end
    queue_first, after = tonumber(index), id
end
-- What it serves, to be looked through when it lapses: all that it ever said under this name.
local serves, served = call('HGET', serves_key, consumer) or '', {}
for name in gmatch(serves, '[^,]+') do
    served[name] = true
end
for i = 0, queue_count - 1 do
    local name = queue_names[i .. '']
    if not served[name] then
        served[name] = true
        serves = serves == '' and name or serves .. ',' .. name
    end
end
local unknown = {}
for i = 0, queue_count - 1 do
    local summary = try('XPENDING', queue_key(queue_names[i .. '']), 'fleet')
    for _, holder in ipairs(not summary.err and summary[4] or {}) do
        if holder[1] ~= consumer and call('HEXISTS', workers_key, holder[1]) == 0 then
            unknown[#unknown + 1] = holder[1]
        end
    end
end

queues_create()
if from == '' then
    session = format('%.0f', call('HINCRBY', KEYS[1], 'sessions', 1))
end
call('HSET', workers_key, consumer, session .. '|' .. format('%.0f', now_ms + lease))
call('HSET', serves_key, consumer, serves)
for i = 1, #unknown do
    call('HSET', workers_key, unknown[i], '0|0')
end
local next_page = ''
for i = queue_first, queue_count - 1 do
    local index = i .. ''
    local queue = queue_names[index]
    while next_page == '' do
        local read = call('XREADGROUP', 'GROUP', 'fleet', consumer, 'COUNT', limit, 'STREAMS', queue_key(queue), after)
        local entries = read and read[1][2] or {}
        local done = claim_entries(index, queue, entries, limit)
        after = done > 0 and entries[done][1] or after
        if done < #entries or #claims >= limit or claims_bytes >= CLAIMS_MAX_BYTES then
            next_page = session .. ',' .. index .. ',' .. after
        elseif #entries < limit then
            break
        end
    end
    if next_page ~= '' then
        break
    end
    after = '0-0'
end
drop_all()
return {'ok', now_us, session, next_page, claims, registered and '1' or ''}
