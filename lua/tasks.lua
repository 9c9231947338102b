#!lua flags=allow-oom
-- tasks: takes results of remote workers, renews their claims and gives out tasks. By anybody; docs/tasks.md.
--
-- KEYS  1 meta key of the partition
-- ARGV  queue, worker, lease in ms, want, nresults, nresults × (run, number, incarnation, fence, kind, body),
--       nbeats, nbeats × (run, number, incarnation, fence, progress)
-- reply ok, time in µs, results (ok stale gone bad too_large), beats (ok stale gone bad), tasks, cursor
--       | hold | none (there is no such partition)
--
-- Invariants: a task has one holder at a time, and each claim a fence one higher; the first result of the
-- last claim counts, and what came back is the fleet's; an entry of the task stream leaves it when it is
-- given out, or when its task needs none; all is read before anything is written.
--@include base.lua
local meta = call('HMGET', KEYS[1], 'epoch', 'hold', 'seq')
local epoch, seq = meta[1], tonumber(meta[3] or '0')
if meta[2] then
    return {'hold'}
end
if not epoch then
    return {'none'}
end
--@include chunks.lua
--@include queues.lua
--@include ledger.lua
--@include task.lua
local BODY_BYTES, BODIES_BYTES = 16777216, 67108864
local PROGRESS_BYTES = 4096
local DECODED_BYTES = 65536 -- of larger ones only the ends are looked at: the fleet reads them anyway
local ITEMS_MOST, WANT_MOST, LOOK_MOST, PAGE = 10000, 1000, 2000, 100
local REPLY_BYTES = 1048576
local SERVES_MS, SERVES_BYTES, GONE_MS = 15000, 16384, 60000

-- Arguments
local queue, worker, lease, want = ARGV[1], ARGV[2], count_arg(3, 'lease'), count_arg(4, 'want')
local result_count, bodies_bytes = count_arg(5, 'results'), 0
local beats_at = 6 + 6 * result_count
if not match(queue, '^[^%s,|]+$') or #queue > 256 then
    malformed('queue')
end
if not match(worker, '^[!-~]+$') or find(worker, '[|,*]') or #worker > 128 then
    malformed('worker')
end
if lease < 1000 or lease > 3600000 then
    malformed('lease')
end
if want > WANT_MOST then
    malformed('want')
end
local beat_count = result_count <= ITEMS_MOST and count_arg(beats_at, 'beats')
if not beat_count or beat_count > ITEMS_MOST or #ARGV ~= beats_at + 5 * beat_count then
    malformed('tasks')
end
local function check_item(i)
    if not match(ARGV[i], '^[^%s,|]+$') or #ARGV[i] > 128 or not match(ARGV[i + 1], '^%d+$') or #ARGV[i + 1] > 15
        or not match(ARGV[i + 2], '^%d+$') or not match(ARGV[i + 3], '^%d+$') then
        malformed('task')
    end
end
for i = 6, beats_at - 1, 6 do
    check_item(i)
    bodies_bytes = bodies_bytes + #ARGV[i + 5]
end
for i = beats_at + 1, #ARGV, 5 do
    check_item(i)
end
if bodies_bytes > BODIES_BYTES then
    malformed('bodies')
end

-- The members of an object; nil when the text is none. Of a large one none are known.
local function object_of(text)
    if not find(text, '^%s*{') or not find(sub(text, -100), '}%s*$') then
        return nil
    end
    if #text > DECODED_BYTES then
        return {output = '', code = ''}
    end
    local good, value = pcall(cjson.decode, text)
    return good and value or nil
end

local function is_body(kind, body)
    if kind == 'b' then
        return body == ''
    end
    local value = (kind == 'c' or kind == 'f') and object_of(body)
    if not value then
        return false
    end
    if value.usage ~= nil and type(value.usage) ~= 'table' then
        return false
    end
    return kind == 'c' and value.output ~= nil or kind == 'f' and type(value.code) == 'string'
end

-- Who serves what, for people: worker -> `until|queues`. Said again once a third of that time has passed; a
-- new name makes room by those that have been away for long.
local remotes_key = prefix .. 'remotes'
local said = call('HGET', remotes_key, worker)
local said_until, serves = match(said or '', '^(%d+)|(.*)$')
local serves_ms, away = lease < SERVES_MS and SERVES_MS or lease, {}
local says = not said_until or tonumber(said_until) < now_ms + serves_ms * 2 / 3
serves = serves or ''
if not find(',' .. serves .. ',', ',' .. queue .. ',', 1, true) and #serves + #queue < SERVES_BYTES then
    serves = serves == '' and queue or serves .. ',' .. queue
    says = true
end
if not said then
    local others = call('HGETALL', remotes_key)
    for i = 1, #others, 2 do
        if (tonumber(match(others[i + 1], '^(%d+)|')) or 0) + GONE_MS < now_ms then
            away[#away + 1] = others[i]
        end
    end
end

-- Phase 1: read and compute. Whose it is not any more: stale, gone.
local function find_task(i)
    local task = task_read(ARGV[i], ARGV[i + 1])
    if not task.running then
        return nil, 'gone'
    end
    if task.incarnation ~= ARGV[i + 2] or task.fence ~= ARGV[i + 3] or not task.state or task.first_ms == 0 then
        return nil, 'stale' -- fences go on from attempt to attempt: the last one's may stand there until a claim
    end
    return task
end

local function take_result(i)
    local task, refusal = find_task(i)
    local kind, body = ARGV[i + 4], ARGV[i + 5]
    if not task then
        return refusal
    end
    local taken = task.state == 'f' and task.holder ~= ''
    if task.state ~= 'r' and not taken then
        return 'stale'
    end
    if #body > BODY_BYTES then
        if not taken then
            task_come_back(task, 'z', worker, #body .. '')
        end
        return 'too_large'
    end
    if taken then
        return 'ok'
    end
    if not is_body(kind, body) then
        return 'bad'
    end
    if kind ~= 'b' then
        task.holder = worker
        task_come_back(task, kind, worker, body)
    elseif task.holder ~= '' then
        task_record(task, 'release', worker, '')
        task_offer(task)
    end
    return 'ok'
end

local function renew(i)
    local task, refusal = find_task(i)
    local progress = ARGV[i + 4]
    if not task then
        return refusal
    end
    if task.state ~= 'r' or task.holder == '' or task_timed_out(task) then
        return 'stale'
    end
    task.until_ms = now_ms + lease
    task_changed(task)
    if progress == '' then
        return 'ok'
    end
    if #progress > PROGRESS_BYTES or not object_of(progress) then
        return 'bad'
    end
    task_record(task, 'progress', task.holder, progress)
    return 'ok'
end

local results, beats = {}, {}
for i = 1, result_count do
    results[i] = take_result(6 * i)
end
for i = 1, beat_count do
    beats[i] = renew(beats_at + 5 * i - 4)
end

-- Claims
local stream, claimed, claimed_bytes, looked = prefix .. 'q:' .. queue, {}, 0, 0
local leaving, stray_count = {}, 0
local last_id = stream_last_id(stream) or '0-0'
local cursor, from = '0-0', '-'

-- Takes what the entry stands for; false: its task needs none.
local function claim(fields)
    local incarnation, attempt = match(fields[6] or '', '^(%d+)|(%d+)$')
    if fields[7] == 'w' then
        malformed('queue: it is one of the fleet')
    end
    if fields[1] ~= 'r' or fields[3] ~= 'n' or fields[5] ~= 'm' or not incarnation or not match(fields[4], '^%d+$') then
        stray_count = stray_count + 1
        return
    end
    local task = task_read(fields[2], fields[4])
    if task.state ~= 'r' or task.incarnation ~= incarnation or task.attempt ~= attempt or task.holder ~= ''
        or task.queue ~= queue or task.offer or task_timed_out(task) then
        return
    end
    local text = call('HGET', task.key, 'w' .. task.number)
    if not text then
        return
    end
    task.fence = number_text(task.fence + 1)
    task.holder, task.until_ms, task.since_us = worker, now_ms + lease, now_us
    task.first_ms = task.first_ms > 0 and task.first_ms or now_ms
    task_record(task, 'claim', worker, '')
    task_changed(task)
    claimed[#claimed + 1] = {task.run, task.number, task.incarnation, task.fence, text}
    claimed_bytes = claimed_bytes + #text + 200
end

while #claimed < want and claimed_bytes < REPLY_BYTES and looked < LOOK_MOST do
    local page = call('XRANGE', stream, from, '+', 'COUNT', PAGE)
    for i = 1, #page do
        if #claimed >= want or claimed_bytes >= REPLY_BYTES then
            break
        end
        claim(page[i][2])
        looked = looked + 1
        cursor = page[i][1]
        leaving[#leaving + 1] = cursor
        from = '(' .. cursor
    end
    if #page < PAGE and (#page == 0 or cursor == page[#page][1]) then
        cursor = last_id -- all was looked at
        break
    end
end
if want == 0 and call('XLEN', stream) == 0 then
    cursor = last_id
end

-- Phase 2: write
if says then
    call('HSET', remotes_key, worker, number_text(now_ms + serves_ms) .. '|' .. serves)
end
for i = 1, #away, CHUNK do
    call('HDEL', remotes_key, unpack(away, i, min(i + CHUNK - 1, #away)))
end
queues_create()
ledger_append()
for i = 1, #leaving, CHUNK do
    call('XDEL', stream, unpack(leaving, i, min(i + CHUNK - 1, #leaving)))
end
if stray_count > 0 then
    call('HINCRBY', KEYS[1], 'strays', stray_count)
end
tasks_write()
return {'ok', now_us, results, beats, claimed, cursor}
