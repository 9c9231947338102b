-- task: a token in state `r`, which a remote worker executes.
--
-- b<number>, its claim: `fence|holder|until|first|lapses|since|timeout|queue`: fence of the last claim; who has
-- it (empty: nobody); lease end, unix ms; when this attempt was claimed first, unix ms (0: not yet); claims that
-- lapsed (it begins with 2 when the first lapse is to be the last); when the last claim began, unix µs; the node's
-- timeout_ms (0: none); task queue.
-- luacheck: push ignore 211
local timers_key = prefix .. 'timers'
local LAPSES_MOST = 3
call('ZCARD', timers_key) -- its type, before any write

local tasks, task_order = {}, {} -- by run/number
local heads, head_order = {}, {} -- by run: what is before its events in `h`, and their number

local function number_text(number)
    return format('%.0f', number)
end

-- The token as it is; state nil: there is none, or its run is over. Once in a call.
local function task_read(id, number)
    local name = id .. '/' .. number
    local task = tasks[name]
    if task then
        return task
    end
    local key = prefix .. 'run:' .. id
    local values = try('HMGET', key, 'h', 't' .. number, 'p' .. number, 'b' .. number)
    if values.err then
        if sub(values.err, 1, 9) ~= 'WRONGTYPE' then
            error(values) -- a slot on the move
        end
        values = {}
    end
    local head, incarnation, events = match(values[1] or '', '^(r|(%d+)|%d+|%d+|%d+)|(%d+)$')
    task = {run = id, number = number, name = name, key = key, running = head and true, incarnation = incarnation}
    tasks[name] = task
    if not head then
        return task
    end
    heads[id] = heads[id] or {key = key, before = head, events = tonumber(events)}
    task.identity, task.attempt, task.rest, task.state =
        match(values[2] or '', '^(%w+|[^|]*|(%d+))|(%d+|%d+)|(%a)$')
    local until_ms, first_ms, lapses, timeout_ms
    task.fence, task.holder, until_ms, first_ms, lapses, task.since_us, timeout_ms, task.queue =
        match(values[4] or '', '^(%d+)|([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)$')
    task.home, task.wanted = match(values[3] or '', '^%w*,([^,]+),(.*)$')
    if not task.fence or not task.home then
        task.state = task.state ~= 'r' and task.state or nil
        return task
    end
    task.until_ms, task.first_ms, task.lapses = tonumber(until_ms), tonumber(first_ms), tonumber(lapses)
    task.timeout_ms = tonumber(timeout_ms)
    return task
end

local function task_changed(task)
    if not task.changed then
        task.changed = true
        task_order[#task_order + 1] = task
    end
end

local function task_timed_out(task)
    return task.timeout_ms > 0 and task.first_ms > 0 and task.first_ms + task.timeout_ms <= now_ms
end

-- An event of the run about it: kind and detail, by whom.
local function task_record(task, kind, worker, detail)
    local head = heads[task.run]
    if not head.changed then
        head.changed = true
        head_order[#head_order + 1] = head
    end
    head.events = head.events + 1
    local node, scope = match(task.identity, '^(%w+)|([^|]*)|')
    local part = ''
    for _, text in ipairs({task.run, node, scope, task.attempt, kind, worker, detail}) do
        part = part .. #text .. ':' .. text
    end
    record('g', part, number_text(head.events) .. '|' .. task.number)
end

-- The fleet goes on with it. kind: c and f with the body that came; t timed out, l lost, z too large.
local function task_come_back(task, kind, worker, body)
    task.state = 'f'
    task.result = kind .. '|' .. task.fence .. '|' .. worker .. '|' .. task.since_us .. '|' .. now_us .. '|' .. body
    task.add = queue_key_to_add(task.home)
    task_changed(task)
end

-- Nobody has it: whoever comes next gets it.
local function task_offer(task)
    task.holder = ''
    task.offer = task_stream_to_add(task.queue)
    task_changed(task)
end

local function tasks_write()
    for i = 1, #head_order do
        local head = head_order[i]
        call('HSET', head.key, 'h', head.before .. '|' .. number_text(head.events))
    end
    for i = 1, #task_order do
        local task = task_order[i]
        local number, back = task.number, task.state == 'f'
        call('HSET', task.key, 't' .. number, task.identity .. '|' .. task.rest .. '|' .. task.state,
            'b' .. number, task.fence .. '|' .. task.holder .. '|' .. number_text(task.until_ms) .. '|'
            .. number_text(task.first_ms) .. '|' .. number_text(task.lapses) .. '|' .. task.since_us .. '|'
            .. number_text(task.timeout_ms) .. '|' .. task.queue)
        if back then
            call('HSET', task.key, 'y' .. number, task.result)
            call('HDEL', task.key, 'w' .. number)
            local wanted = task.wanted
            call('XADD', task.add, '*', 'r', task.run, 'n', number, 'm', task.incarnation .. '|' .. task.identity,
                'w', wanted .. (sub(wanted, -1) == ';' and '' or ',') .. 'p' .. number .. ',y' .. number)
        elseif task.offer then
            call('XADD', task.offer, '*', 'r', task.run, 'n', number, 'm', task.incarnation .. '|' .. task.attempt)
        end
        local ends = not back and task.timeout_ms > 0 and task.first_ms > 0 and task.first_ms + task.timeout_ms
        if not back and task.holder ~= '' then
            ends = ends and min(ends, task.until_ms) or task.until_ms
        end
        if ends then
            call('ZADD', timers_key, number_text(ends), task.name)
        else
            call('ZREM', timers_key, task.name)
        end
    end
end
-- luacheck: pop
