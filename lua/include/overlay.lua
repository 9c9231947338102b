-- overlay: run hashes as this call will leave them.
--
--   draft.changes (the token at hand)  over  run.writes (those before it)  over  run.fields (Redis)
--
-- A token works on a draft: changes, counter, open, last, joins, emitted. draft_keep puts it into the
-- run; a token that turns out wrong is dropped by not keeping it. In these tables false means absent,
-- nil means not known here.
local runs, run_order = {}, {}
local draft = {} -- one at a time, used again and again
local emitted, emitted_count = {}, 0
local timers, timers_key = {}, prefix .. 'timers'

-- names: `h`, `dg`, `fin` and, of the call's tokens of this run, the live fields and what their entries
-- stand for.
local function run_load(id, names)
    local run = {id = id, key = prefix .. 'run:' .. id, fields = {}}
    local values = hmget_all(call, run.key, names)
    local status, incarnation, counter, open, last, events =
        match(values[1] or '', '^(%a)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)$')
    if status then
        run.status, run.incarnation = status, incarnation
        run.counter, run.open, run.last = tonumber(counter), tonumber(open), tonumber(last)
        run.events, run.digest = tonumber(events), values[2]
        for i = 3, #names do
            run.fields[names[i]] = values[i]
        end
    end
    runs[id] = run
    run_order[#run_order + 1] = run
end

local function draft_begin(run)
    draft.run, draft.changes, draft.joins = run, {}, ''
    draft.counter, draft.open, draft.last = run.counter, run.open, run.last
    draft.emitted_before = emitted_count
end

-- A fired token gets what it was parked with, `p<number>`, besides what it wanted.
local function parked_wanted(wanted, number)
    return wanted .. (sub(wanted, -1) == ';' and '' or ',') .. 'p' .. number
end

local function draft_drop()
    for i = emitted_count, draft.emitted_before + 1, -1 do
        emitted[i] = nil
    end
    emitted_count = draft.emitted_before
end

local function draft_keep()
    local run = draft.run
    local writes = run.writes
    if writes then
        for name, value in pairs(draft.changes) do
            writes[name] = value
        end
    else
        run.writes = draft.changes
    end
    run.counter, run.open, run.last = draft.counter, draft.open, draft.last
    run.events = run.events + 1
end

local function field(name)
    local value = draft.changes[name]
    if value ~= nil then
        return value
    end
    local run = draft.run
    value = run.writes and run.writes[name]
    if value == nil then
        value = run.fields[name]
    end
    if value == nil then
        value = call('HGET', run.key, name)
        run.fields[name] = value
    end
    return value
end

-- What a join did, for the record.
local function note_join(text)
    draft.joins = draft.joins == '' and text or draft.joins .. ';' .. text
end

-- How many live tokens an iteration has, of loops that overlap.
local function count_in(scope, by)
    each_overlapping(scope, function(prefix_of)
        local name = 'i' .. prefix_of
        draft.changes[name] = (tonumber(field(name)) or 0) + by
    end)
end

-- A new token of the run; its entry is written if the run still runs when the call is through, unless the
-- token takes over the entry of the one that led to it (handover.lua).
local function emit(node, scope, queue, wanted, state)
    local run, number = draft.run, draft.last + 1
    draft.last = number
    draft.counter = draft.counter + 1
    draft.changes['t' .. number] = node .. '|' .. scope .. '|1|0|0|' .. state
    if string.find(scope, '~', 1, true) then
        count_in(scope, 1)
    end
    emitted_count = emitted_count + 1
    emitted[emitted_count] = {run, queue, number, run.incarnation .. '|' .. node .. '|' .. scope .. '|1', wanted,
        state}
    return number
end

-- What is about to be added to must take it.
local function overlay_check()
    for i = 1, emitted_count do
        local token = emitted[i]
        if token[1].status == 'r' and not token[7] then
            queue_key_to_add(token[2])
        end
    end
end

-- Of a run that failed everything is written but its new entries: the live fields that are left are what
-- its end cut off.
local function overlay_write()
    for i = 1, #run_order do
        local run = run_order[i]
        if run.writes then
            local set, set_count, del, del_count = {
                'h', run.status .. '|' .. run.incarnation .. '|' .. run.counter .. '|' .. run.open .. '|'
                    .. run.last .. '|' .. run.events,
            }, 2, {}, 0
            for name, value in pairs(run.writes) do
                if value then
                    set[set_count + 1], set[set_count + 2] = name, value
                    set_count = set_count + 2
                else
                    del_count = del_count + 1
                    del[del_count] = name
                end
            end
            hset_all(run.key, set)
            hdel_all(run.key, del)
        end
    end
    for i = 1, emitted_count do
        local token = emitted[i]
        local run = token[1]
        if run.status == 'r' and not token[7] then
            call('XADD', queue_seen[token[2]], '*', 'r', run.id, 'n', token[3], 'm', token[4], 'w', token[5])
        end
    end
    for i = 1, #timers do
        if timers[i][1].status == 'r' then
            call('ZADD', timers_key, timers[i][2], timers[i][3])
        end
    end
end
