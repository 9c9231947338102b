-- settlement: one token after the other, in the overlay.
--
-- Arguments of a token, from ARGV[i]: run, incarnation, number, identity, queue index, entry id, output
-- field, output value, record kind, record, number of operations, then three an operation.
local TOKEN_ARGS = 11
local acknowledged = {} -- queue name -> ids
local finished = {} -- runs that became final

local function acknowledge(queue, id)
    local ids = acknowledged[queue]
    if not ids then
        ids = {}
        acknowledged[queue] = ids
    end
    ids[#ids + 1] = id
end

-- Whether a stream takes it as an id: two numbers of at most 19 digits.
local function is_entry_id(text)
    if #text <= 20 then
        return match(text, '^%d+%-%d+$')
    end
    local ms, seq_in_it = match(text, '^(%d+)%-(%d+)$')
    return ms and #ms <= 19 and #seq_in_it <= 19
end

local function finish(run, status)
    run.status = status
    finished[#finished + 1] = run.id
end

-- The draft's run has no live token left: it is through, unless its output is still to be formed.
local function run_through()
    local run = draft.run
    if draft.open > 0 then
        note_join('!open')
        finish(run, 'f')
        return
    end
    local wanted = field('fin')
    if wanted and wanted ~= '' then
        draft.changes.fin = ''
        emit('o', '', queue_names['0'], wanted, 'q')
    else
        finish(run, 'c')
    end
end

-- The token stays live and leaves its queue: until its timer fires, or for its next attempt at once.
-- ARGV[at] on: due (ms; 0: at once), `attempt,queue index,data,wanted`. False when that is malformed.
local function park(run, at, number, name, live)
    local due, rest = ARGV[at + 1], ARGV[at + 2]
    local attempt, index, data, wanted = match(rest, '^(%d+),(%d+),(%w*),([^\t\n]*)$')
    local node, scope, attempt_before, generation = match(live, '^(%w+)|([^|]*)|(%d+)|(%d+)|')
    local queue = index and queue_names[index]
    if not queue or not match(due, '^%d+$') or #due > 15 then
        return false
    end
    local waits = tonumber(due) > now_ms
    draft.changes[name] = node .. '|' .. scope .. '|' .. attempt .. '|'
        .. (attempt == attempt_before and generation or '0') .. '|0|' .. (waits and 'p' or data == '' and 'q' or 'f')
    if waits or data ~= '' then
        draft.changes['p' .. number] = data .. ',' .. queue .. ',' .. wanted
    end
    if waits then
        call('ZCARD', timers_key) -- its type, before any write
        timers[#timers + 1] = {run, due, run.id .. '/' .. number}
    else
        queue_key_to_add(queue)
        emitted_count = emitted_count + 1
        emitted[emitted_count] = {run, queue, number, node, data == '' and wanted or parked_wanted(wanted, number),
            false, false, false, name, scope, attempt}
    end
    return true
end

-- Settles a token that is live and ours. Returns the word of its result, and whether its entry leaves.
local function settle_live(run, i, node, scope, live, has_generation, live_name, entry_name)
    local number, output, kind = ARGV[i + 2], ARGV[i + 6], ARGV[i + 8]
    local operations, budget_before = number_of[ARGV[i + 10]], budget
    local frame = frame_of(scope)
    local own = 'o' .. node .. '|' .. frame
    local before, first = run.counter, run.last + 1
    -- nil: room for what most tokens change.
    local changes = {[live_name] = false, [own] = nil, [entry_name] = nil}
    draft_begin(run, changes, scope)
    draft.counter = before - 1
    if sub(live, -1) == 'f' then
        changes['p' .. number] = false
    end
    local plan
    if node == 'c' then
        plan = kind == 'n' and operations == 0 and work_read_stored(number)
    elseif kind == (node == 'o' and 'o' or 'x') or (kind == 'w' and node ~= 'o') then
        plan = work_read_plan(i + TOKEN_ARGS, operations, scope)
    end
    local export = output == own and '' or sub(output, 1, #own) == own and sub(output, #own + 1)
    local own_output = output == '' or (kind == 'x' and plan ~= 'park' and export
        and (export == '' or match(export, '^|%d+$')))
    if not plan or not own_output or (kind == 'w' and plan ~= 'park')
        or ((plan == 'fail' or plan == 'park') and not has_generation) then
        return 'bad'
    end
    if output ~= '' then
        local before_it = scope ~= '' and field(own)
        if not before_it or not is_younger(before_it, ARGV[i + 7]) then
            changes[own] = ARGV[i + 7]
        end
        if export ~= '' then
            each_export(frame, tonumber(sub(export, 2)), last_iteration, function(around)
                changes['o' .. node .. '|' .. around] = ARGV[i + 7]
            end)
        end
    end
    if plan == 'fail' then
        finish(run, 'f')
    elseif plan == 'park' then
        draft.counter = before
        if not park(run, i + TOKEN_ARGS, number, live_name, live) then
            return 'bad'
        end
    else
        local refusal = work_do()
        if not refusal and scope ~= '' and find(scope, '~', 1, true) then
            refusal = leave_iterations(scope)
        end
        if refusal then
            draft_drop()
            budget = budget_before
            return refusal
        end
        if draft.counter == 0 then
            run_through()
        end
    end
    local leaves = true
    if run.status ~= 'r' then
        draft.counter = 0
    elseif plan == 'plan' then
        leaves = not hand_on(queue_names[ARGV[i + 4]], ARGV[i + 4], ARGV[i + 5], entry_name, live)
    elseif stands_for(run, entry_name) then
        changes[entry_name] = false
    end
    draft_keep()
    record(kind, ARGV[i + 9], text_of[run.events] .. '|' .. number .. '|' .. text_of[draft.counter - before] .. '|'
        .. text_of[first] .. '|' .. text_of[draft.last] .. '|' .. run.status .. '|' .. draft.joins)
    return 'ok', leaves
end

-- One token, with the names of its live field and of its entry's; returns its result and whether its entry may
-- leave the queue.
local function settle_token(i, name, entry_name)
    local identity = ARGV[i + 3]
    local node, scope, rest = match(identity, '^(%w+)|([^|,;\t\n]*)|%d+|(.*)$')
    local whole = rest and rest ~= '' and match(rest, '^%d+|%d+|[qf]$')
    if not node or not (rest == '' or whole or match(rest, '^%d+|$')) or not queue_names[ARGV[i + 4]]
        or not is_entry_id(ARGV[i + 5]) then
        return 'bad', false
    end
    local run = runs[ARGV[i]]
    if run.status ~= 'r' then
        return 'gone', true
    end
    if run.incarnation ~= ARGV[i + 1] then
        return 'stale', true
    end
    local live = run.writes and run.writes[name]
    if live == nil then
        live = run.fields[name]
    end
    if not live then
        -- Settled before. Its entry may have been handed on since, and stand for another.
        local number = stands_for(run, entry_name)
        return 'stale', not number or number == ARGV[i + 2]
    end
    if sub(live, 1, #identity) ~= identity then
        -- Who names the whole field names a state that has passed: its own doing, or a taker's, whose entry stays.
        return whole and 'stale' or 'held', false
    end
    local result, leaves = settle_live(run, i, node, scope, live, rest ~= '', name, entry_name)
    return result, result == 'ok' and leaves
end
