-- operations: what a settled token does to its run, within the budget of the call.
--
-- Work is a flat list, five values an operation: kind, node, queue or slot, wanted, scope. What the
-- budget leaves over is stored with queue names in place of indices, since another worker may go on.
local budget = 0
local work, work_count = {}, 0

local function work_add(kind, node, where, wanted, scope)
    local n = work_count
    work[n + 1], work[n + 2], work[n + 3], work[n + 4], work[n + 5] = kind, node, where, wanted, scope
    work_count = n + 5
end

local function work_dead(node, slot, scope)
    work_add('d', node, slot, '', scope)
end

-- The operations of a plan, ARGV[first] on; nil when one is malformed. A failure stands alone ('fail'),
-- and so does what parks the token ('park').
local function work_read_plan(first, count, scope)
    work_count = 0
    for p = first, first + 3 * count - 3, 3 do
        local kind, a, b = ARGV[p], ARGV[p + 1], ARGV[p + 2]
        if kind == 'e' then
            local index, wanted = match(b, '^(%d+),([^\t\n]*)$')
            local queue = index and queue_names[index]
            if not queue or not match(a, '^%d+$') then
                return nil
            end
            local n = work_count
            work[n + 1], work[n + 2], work[n + 3], work[n + 4], work[n + 5] = 'e', a, queue, wanted, scope
            work_count = n + 5
        elseif kind == 't' or kind == 'd' then
            if not match(a, '^%d+$') or not match(b, '^%d+$') then
                return nil
            end
            work_add(kind, a, b, '', scope)
        elseif kind == 'b' then
            if not match(a, '^%d+$') or not match(b, '^[%d,?]*;[%d,^]*;[%d,.m]*$') then
                return nil
            end
            work_add('b', a, b, '', scope)
        elseif kind == 's' then
            if not match(a, '^[^|,;\t\n]*$') then
                return nil
            end
            scope = a
        elseif (kind == 'f' or kind == 'p' or kind == 'r') and count == 1 then
            return kind == 'f' and 'fail' or 'park'
        else
            return nil
        end
    end
    return 'plan'
end

-- What a continuation has left to do; nil when the run does not say.
local function work_read_stored(number)
    work_count = 0
    local name = 'c' .. number
    local stored = field(name)
    if not stored then
        return nil
    end
    draft.changes[name] = false
    for kind, node, rest, scope in gmatch(stored, '(%a)\t(%d+)\t([^\t\n]*)\t([^\t\n]*)\n') do
        if kind == 'e' then
            local queue, wanted = match(rest, '^([^,]+),(.*)$')
            work_add('e', node, queue, wanted, scope)
        else
            work_add(kind, node, rest, '', scope)
        end
    end
    return 'plan'
end

-- Joins and loops, made when a call first has a use for one: most have none, and every function costs the call
-- that makes it.
local joins, loops

local function joins_made()
    --@include joins.lua
    joins = {arrive = arrive, table_row = table_row}
    return joins
end

local function loops_made()
    --@include loops.lua
    loops = {last_iteration = last_iteration, go_back = go_back, leave_iterations = leave_iterations}
    return loops
end

-- Does the work; what is left becomes a continuation token, counted like any other.
local function work_do()
    local at = 1
    while at <= work_count and budget > 0 do
        budget = budget - 1
        local kind, node, where, scope = work[at], work[at + 1], work[at + 2], work[at + 4]
        if kind == 'e' then
            emit(node, scope, where, work[at + 3], 'q')
        elseif kind == 'b' then
            (loops or loops_made()).go_back(node, where, scope)
        else
            local refusal = (joins or joins_made()).arrive(node, where, scope, kind == 't', work_dead)
            if refusal then
                return refusal
            end
        end
        at = at + 5
    end
    if at <= work_count then
        local lines = {}
        for i = at, work_count, 5 do
            local rest = work[i] == 'e' and work[i + 2] .. ',' .. work[i + 3] or work[i + 2]
            lines[#lines + 1] = work[i] .. '\t' .. work[i + 1] .. '\t' .. rest .. '\t' .. work[i + 4] .. '\n'
        end
        local number = emit('c', draft.scope, queue_names['0'], '', 'q') -- keeps its iterations alive
        draft.changes['c' .. number] = concat(lines)
    end
end
