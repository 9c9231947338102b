-- overlay: run hashes as this call will leave them.
--
--   draft.changes (the token at hand)  over  run.writes (those before it)  over  run.fields (Redis)
--
-- A token works on a draft: changes, counter, open, last, joins, emitted. draft_keep puts it into the
-- run; a token that turns out wrong is dropped by not keeping it. In these tables false means absent,
-- nil means not known here. Tables are made with all that they will have: growing them costs more than filling
-- them.
local runs, run_order = {}, {}
-- One at a time, used again and again.
local draft = {run = nil, changes = nil, joins = '', scope = '', counter = 0, open = 0, last = 0, events = 0,
    emitted_before = 0, fence = nil}
-- Tokens: run, queue, number, node, wanted, state, entry and queue index when it is handed on, live field's
-- name, scope, attempt.
local emitted, emitted_count = {}, 0
local timers, timers_key = {}, prefix .. 'timers'
local posted = {} -- tasks: run, stream, number, attempt

local function draft_begin(run, changes, scope)
    draft.run, draft.changes, draft.joins, draft.scope = run, changes, '', scope
    draft.counter, draft.open, draft.last, draft.events = run.counter, run.open, run.last, run.events + 1
    draft.emitted_before = emitted_count
end

local function draft_drop(records_before)
    records_count = records_before
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
    run.counter, run.open, run.last, run.events = draft.counter, draft.open, draft.last, draft.events
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
    scopes.each_overlapping(scope, function(prefix_of)
        local name = 'i' .. prefix_of
        draft.changes[name] = (tonumber(field(name)) or 0) + by
    end)
end

-- A new token of the run; its entry is written if the run still runs when the call is through, unless the
-- token takes over the entry of the one that led to it (handover.lua).
local function emit(node, scope, queue, wanted, state)
    local last = draft.last + 1
    local number = text_of[last]
    local name = 't' .. number
    draft.last, draft.counter = last, draft.counter + 1
    draft.changes[name] = node .. '|' .. scope .. '|1|0|0|' .. state
    if scope ~= '' and find(scope, '~', 1, true) then
        count_in(scope, 1)
    end
    emitted_count = emitted_count + 1
    emitted[emitted_count] = {draft.run, queue, number, node, wanted, state, false, false, name, scope, '1'}
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

-- What of a run that is over is still of use: the live fields that are left, with what belongs to them, say what
-- its end cut off.
local KEPT = {[116] = true, [106] = true, [112] = true, [99] = true} -- t j p c

-- Of a run that failed no new entries are written.
local function overlay_write()
    for i = 1, #run_order do
        local run = run_order[i]
        if run.writes then
            local head = run.status .. '|' .. run.incarnation .. '|' .. text_of[run.counter] .. '|'
                .. text_of[run.open] .. '|' .. text_of[run.last] .. '|' .. text_of[run.events]
            local set, set_count = {'h', head, nil, nil, nil, nil, nil, nil}, 2
            local del, del_count = {nil, nil}, 0
            local runs_on, is_new = run.status == 'r', run.is_new
            for name, value in pairs(run.writes) do
                if not value then
                    if not is_new then
                        del_count = del_count + 1
                        del[del_count] = name
                    end
                elseif runs_on or KEPT[byte(name)] then
                    set[set_count + 1], set[set_count + 2] = name, value
                    set_count = set_count + 2
                end
            end
            call_all('HSET', run.key, set)
            if del_count == 1 then
                call('HDEL', run.key, del[1])
            else
                call_all('HDEL', run.key, del)
            end
        end
    end
    for i = 1, emitted_count do
        local token = emitted[i]
        local run = token[1]
        if run.status == 'r' and not token[7] then
            call('XADD', queue_seen[token[2]], '*', 'r', run.id, 'n', token[3], 'm',
                run.incarnation .. '|' .. token[4] .. '|' .. token[10] .. '|' .. token[11], 'w', token[5])
        end
    end
    for i = 1, #posted do
        local run = posted[i][1]
        if run.status == 'r' then
            call('XADD', posted[i][2], '*', 'r', run.id, 'n', posted[i][3], 'm', run.incarnation .. '|' .. posted[i][4])
        end
    end
    for i = 1, #timers do
        if timers[i][1].status == 'r' then
            call('ZADD', timers_key, timers[i][2], timers[i][3])
        end
    end
end
