#!lua flags=allow-oom
-- fire: puts parked tokens whose time has come back into their queues, and ends runs whose deadline has
-- passed. What of tasks is due: their timeout fails them, a lapsed claim is offered anew or, the third time, the
-- last. By the partition's owner.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, most (timers looked at)
-- reply ok, time in µs, how many timers had an effect, when the next is due (ms, or empty) | epoch | hold
--
-- Invariants: a token is put back once: its live field says that it is parked. Timers of runs that are
-- over, or of tokens that are not parked, are dropped. That a token's time has come is no event of its
-- run and does not go to the ledger; a deadline fails the run, once, with its counter at 0.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include queues.lua
--@include ledger.lua
--@include task.lua
local most = count_arg(2, 'timers')
if #ARGV ~= 2 or most < 1 or most > 1000 then
    malformed('fire')
end
local due = call('ZRANGEBYSCORE', timers_key, '-inf', now_ms, 'LIMIT', 0, most)

-- Whose deadline has passed while it runs: its head is all that changes.
local overdue = {}
local function end_run(id)
    local key = prefix .. 'run:' .. id
    local h = try('HGET', key, 'h') or ''
    if h.err and sub(h.err, 1, 9) ~= 'WRONGTYPE' then
        error(h)
    end
    local incarnation, counter, rest, events = match(not h.err and h or '', '^r|(%d+)|(%d+)|(%d+|%d+)|(%d+)$')
    if incarnation then
        events = events + 1
        record('k', #id .. ':' .. id .. '8:deadline0:0:', events .. '|-' .. counter .. '|f')
        overdue[#overdue + 1] = {key, 'f|' .. incarnation .. '|0|' .. rest .. '|' .. events, id}
    end
end

-- A task's timer: its timeout, or the end of its holder's lease.
local function task_due(id, number)
    local task = task_read(id, number)
    if task.state ~= 'r' then
        return
    end
    local worker = task.holder
    if task_timed_out(task) then
        task.holder = '' -- what it brings later is late
        task_come_back(task, 't', worker, '')
    elseif worker ~= '' and task.until_ms <= now_ms then
        task.lapses = task.lapses + 1
        task_record(task, 'lapse', worker, '')
        if task.lapses >= LAPSES_MOST then
            task.holder = ''
            task_come_back(task, 'l', worker, '')
        else
            task_offer(task)
        end
    else
        task_changed(task) -- its timer is set anew
    end
end

local fired, ending = {}, {}
for i = 1, #due do
    local id = match(due[i], '^(.+)/d$')
    if id then
        end_run(id)
        ending[id] = true
    end
end
for i = 1, #due do
    local id, number = match(due[i], '^(.+)/(%d+)$')
    id = not ending[id] and id
    local key = prefix .. 'run:' .. (id or '')
    local values = id and try('HMGET', key, 'h', 't' .. number, 'p' .. number) or {}
    if not values.err and sub(values[2] or '', -2) == '|r' then
        task_due(id, number)
    end
    if values.err and sub(values.err, 1, 9) ~= 'WRONGTYPE' then
        error(values) -- a slot on the move
    end
    local incarnation = match(values[1] or '', '^r|(%d+)|')
    local identity, rest = match(values[2] or '', '^(%w+|[^|]*|%d+)|(%d+|%d+)|p$')
    local data, queue, wanted = match(values[3] or '', '^(%w*),([^,]+),(.*)$')
    if incarnation and identity and queue then
        fired[#fired + 1] = {key, id, number, incarnation .. '|' .. identity, identity .. '|' .. rest, data, wanted,
            queue_key_to_add(queue)}
    end
end

queues_create()
ledger_append()
for i = 1, #overdue do
    call('HSET', overdue[i][1], 'h', overdue[i][2])
    try('PUBLISH', 'troupe:completion_events', overdue[i][3]) -- a hint: it may fail, the call may not
end
for i = 1, #fired do
    local key, id, number, identity, live, data, wanted, queue = unpack(fired[i])
    if data == '' then
        call('HSET', key, 't' .. number, live .. '|q')
        call('HDEL', key, 'p' .. number)
    else
        call('HSET', key, 't' .. number, live .. '|f')
        wanted = wanted .. (sub(wanted, -1) == ';' and '' or ',') .. 'p' .. number
    end
    call('XADD', queue, '*', 'r', id, 'n', number, 'm', identity, 'w', wanted)
end
if #due > 0 then
    call('ZREM', timers_key, unpack(due))
end
tasks_write()
local next_due = call('ZRANGE', timers_key, 0, 0, 'WITHSCORES')[2]
return {'ok', now_us, #fired + #overdue + #task_order .. '', next_due or ''}
