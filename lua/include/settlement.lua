-- settlement: one token after the other, in the overlay.
--
-- Arguments of a token, from ARGV[i]: run, incarnation, number, identity, queue index, entry id, output
-- field, output value, record kind, record, number of operations or `operations,steps`, then three an operation,
-- three a step, and three for each of its operations.
local TOKEN_ARGS = 11
-- As text -> of operations, of steps.
local token_counts = setmetatable({}, {__index = function(counts, text)
    local operations, steps = match(text, '^(%d+),?(%d*)$')
    if not operations or #text > 15 then
        malformed('operations')
    end
    local count = {tonumber(operations), tonumber(steps) or 0}
    counts[text] = count
    return count
end})
local finished = {} -- runs that became final

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

-- Made when a token parks, which is seldom.
local function parking()
    --@include parking.lua
    return park
end

local NOBODY = {status = ''} -- whose tokens need no entry

-- The token that a step goes on with: emitted behind `from`, by this step or (with a scope) by one before. It is
-- settled at once.
local function take_emitted(from, queue, node, scope)
    for i = from + 1, emitted_count do
        local token = emitted[i]
        if token[4] == node and token[2] == queue and token[6] == 'q' and (not scope or scope == token[10])
            and (token[10] == '' or not find(token[10], '~', 1, true)) then
            token[1], token[6] = NOBODY, ''
            draft.changes[token[9]] = nil
            draft.counter = draft.counter - 1
            return token
        end
    end
end

-- What was executed before the node that the arguments are about: a stretch of nodes, each led to by one before
-- it. Their tokens come and go here; ARGV[at] on: the next node; `next node,nops` when its predecessor did more than
-- lead to it; `next node,nops,scope` when one before that led to it; output value (empty: stores nothing), record; the
-- operations, three each. Returns the last one's node, number and scope; or nil and a refusal; or nil when the budget
-- ended it: then what was done is done.
local function walk(at, triples, node, number, scope, queue)
    local run, frame = draft.run, scope == '' and '' or scopes.frame_of(scope)
    local behind, oldest = at + 3 * triples, emitted_count
    while at < behind do
        local next_node, count, apart, next_scope = match(ARGV[at], '^(%d+),?(%d*)(,?)([^|,;\t\n]*)$')
        local value, events, first = ARGV[at + 1], draft.events, draft.last + 1
        if not next_node or (count == '' and apart ~= '') then
            return nil, 'bad'
        end
        if value ~= '' then
            local own = 'o' .. node .. '|' .. frame
            local before = scope ~= '' and field(own)
            if not before or not scopes.is_younger(before, value) then
                draft.changes[own] = #value > inline_limit and set_output_beside(number, value) or value
            end
        end
        draft.events = events + 1
        if count == '' then
            local next_number = text_of[first]
            record('x', ARGV[at + 2], text_of[events] .. '|' .. number .. '|0|' .. next_number .. '|' .. next_number
                .. '|' .. run.status .. '|')
            draft.last, node, number = first, next_node, next_number
            at = at + 3
        else
            local operations, from, others = number_of[count], emitted_count, draft.counter
            if at + 3 + 3 * operations > behind or (scope ~= '' and find(scope, '~', 1, true))
                or work_read_plan(at + 3, operations, scope) ~= 'plan' then
                return nil, 'bad'
            end
            draft.scope = scope
            local refusal = work_do()
            if refusal then
                return nil, refusal
            end
            record('x', ARGV[at + 2], text_of[events] .. '|' .. number .. '|' .. text_of[draft.counter - others - 1]
                .. '|' .. text_of[first] .. '|' .. text_of[draft.last] .. '|' .. run.status .. '|' .. draft.joins)
            draft.joins = ''
            if budget <= 0 then
                return nil
            end
            local token
            if apart == '' then
                token = take_emitted(from, queue, next_node)
            else
                token = take_emitted(oldest, queue, next_node, next_scope)
                while oldest < emitted_count and emitted[oldest + 1][1] == NOBODY do
                    oldest = oldest + 1
                end
            end
            if not token then
                return nil, 'bad' -- the plans do not lead there
            end
            node, number, scope = next_node, token[3], token[10]
            frame = scope == '' and '' or scopes.frame_of(scope)
            at = at + 3 + 3 * operations
        end
    end
    draft.scope = scope
    return node, number, scope
end

-- Settles a token that is live and ours. Returns the word of its result, and whether its entry leaves.
local function settle_live(run, i, node, scope, live, has_generation, live_name, entry_name)
    local number, output, kind = ARGV[i + 2], ARGV[i + 6], ARGV[i + 8]
    local count = token_counts[ARGV[i + 10]]
    local operations, steps, budget_before, records_before = count[1], count[2], budget, records_count
    local before = run.counter
    -- nil: room for what most tokens change: their entry's field, their output.
    local changes = {[live_name] = false, [entry_name] = nil, output = nil}
    draft_begin(run, changes, scope)
    draft.counter = before - 1
    draft.fence = nil
    local state, attempt_at = sub(live, -1), #node + #scope + 3
    if state == 'f' or state == 'r' or sub(live, attempt_at, attempt_at + 1) ~= '1|' then
        -- It was parked, or a task, or its attempt before was.
        draft.fence = match(field('b' .. number) or '', '^%d+')
        changes['p' .. number] = false
        if draft.fence then
            changes['b' .. number], changes['w' .. number], changes['y' .. number] = false, false, false
        end
    end
    local last_live = live
    if steps > 0 then
        if not match(node, '^%d') then
            return 'bad'
        end
        local reached, at, where = walk(i + TOKEN_ARGS + 3 * operations, steps, node, number, scope,
            queue_names[ARGV[i + 4]])
        if not reached and at then
            draft_drop(records_before)
            budget = budget_before
            return at
        elseif not reached then
            if stands_for(run, entry_name) then
                changes[entry_name] = false
            end
            draft.events = draft.events - 1 -- there is no last node
            draft_keep()
            return 'ok', true
        end
        -- Nobody else knows of this token.
        node, number, scope, before = reached, at, where, draft.counter + 1
        live_name, has_generation, last_live = 't' .. number, true, node .. '|' .. scope .. '|1|0|0|q'
    end
    local frame = scope == '' and '' or scopes.frame_of(scope)
    local own = 'o' .. node .. '|' .. frame
    local first = draft.last + 1
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
        draft_drop(records_before)
        return 'bad'
    end
    if output ~= '' then
        local before_it, value = scope ~= '' and field(own), ARGV[i + 7]
        if #value > inline_limit then
            value = set_output_beside(number, value)
        end
        if not before_it or not scopes.is_younger(before_it, value) then
            changes[own] = value
        end
        if export ~= '' then
            scopes.each_export(frame, tonumber(sub(export, 2)), (loops or loops_made()).last_iteration, function(around)
                changes['o' .. node .. '|' .. around] = value
            end)
        end
    end
    if plan == 'fail' then
        finish(run, 'f')
    elseif plan == 'park' then
        draft.counter = before
        if not parking()(run, i + TOKEN_ARGS, number, live_name, last_live) then
            draft_drop(records_before)
            return 'bad'
        end
    else
        local refusal = work_do()
        if not refusal and scope ~= '' and find(scope, '~', 1, true) then
            refusal = (loops or loops_made()).leave_iterations(scope)
        end
        if refusal then
            draft_drop(records_before)
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
    local event = text_of[draft.events]
    draft_keep()
    record(kind, ARGV[i + 9], event .. '|' .. number .. '|' .. text_of[draft.counter - before] .. '|'
        .. text_of[first] .. '|' .. text_of[draft.last] .. '|' .. run.status .. '|' .. draft.joins)
    return 'ok', leaves
end
