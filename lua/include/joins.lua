-- joins: arrivals at nodes with two predecessors or more.
--
-- A record `j<node>|<scope>` = `decided|taken|marks` lives from the first arrival to the last. An `all`
-- join (a) fires when every edge is decided and one was taken; any and count (k) at the taken arrival
-- that makes `need`, never again after it; at the last decision with some but too few it is emitted as
-- `u` for its worker to fail it; with none it is skipped, and so is what hangs on it.
-- An each join (e) fires at every taken arrival, in a scope of its own, `J@P`.
local join_tables = {} -- digest -> node -> row

-- A row's text, or nil and the refusal.
local function table_row(digest, name)
    local key = prefix .. 'g:' .. digest
    local text = call('HGET', key, name)
    if not text then
        -- A table that is there and lacks the row would lack it for ever.
        return nil, call('EXISTS', key) == 1 and 'bad' or 'load'
    end
    return text
end

local function join_row(digest, node)
    local rows = join_tables[digest]
    if not rows then
        rows = {}
        join_tables[digest] = rows
    end
    local row = rows[node]
    if row then
        return row
    end
    local text, refusal = table_row(digest, node)
    if not text then
        return nil, refusal
    end
    local mode, arity, need, queue, predecessors, extras, dead, in_loops =
        match(text, '^([ake])|(%d+)|(%d+)|([^|]+)|([%d,]+)|([^|]*)|([%d.,]*)(.*)$')
    if not mode then
        return nil, 'bad'
    end
    local chain, enter = match(in_loops, '^|([%d/]*)|(%d*[#~]?)$')
    row = {
        mode = mode, arity = tonumber(arity), need = tonumber(need), queue = queue, extras = extras,
        chain = chain or '', enter = enter or '', predecessors = {}, dead = {},
    }
    local inputs = {}
    for predecessor in gmatch(predecessors, '%d+') do
        row.predecessors[#row.predecessors + 1] = predecessor
        inputs[predecessor] = true
    end
    for extra in gmatch(extras, '[^,]+') do
        row.overlap = row.overlap or inputs[match(extra, '^%d+')]
    end
    for dead_node, slot in gmatch(dead, '(%d+)%.(%d+)') do
        row.dead[#row.dead + 1] = dead_node
        row.dead[#row.dead + 1] = slot
    end
    rows[node] = row
    return row
end

-- A predecessor may be named besides: it is among the extras only when its edge was dead.
local function extras_of(row, inputs)
    if not row.overlap then
        return row.extras
    end
    local taken, extras = {}, {}
    for i = 1, #inputs do
        taken[match(inputs[i], '^%d+')] = true
    end
    for extra in gmatch(row.extras, '[^,]+') do
        if not taken[match(extra, '^%d+')] then
            extras[#extras + 1] = extra
        end
    end
    return concat(extras, ',')
end

local function join_fire(row, node, scope, marks, state)
    local wanted = ';' .. row.extras -- its conditions are looked at when its failure is passed over
    if state == 'q' then
        local inputs, n, outside = {}, 0, ''
        if sub(row.enter, -1) == '~' then
            -- The head runs in a frame of its own, and they are outside.
            local _, parts = string.gsub(scopes.frame_of(scope), '[^/]+', '')
            outside = '^' .. parts
        end
        for i = 1, row.arity do
            if byte(marks, i) == 116 then
                n = n + 1
                inputs[n] = row.predecessors[i] .. outside
            end
        end
        wanted = concat(inputs, ',') .. ';' .. extras_of(row, inputs)
    end
    if row.enter ~= '' then
        scope = scope .. (scope == '' and '' or '/') .. row.enter .. '1'
    end
    local number = emit(node, scope, row.queue, wanted, state)
    note_join('F' .. node .. ',' .. scope .. ',' .. number .. ',' .. marks)
end

-- What the record that was made last says: the arrivals of a stretch come one behind the other, and reading it
-- costs more than all else of one.
local made_text, made_decided, made_taken, made_marks

-- Returns 'bad' or 'load' when it cannot be; then_dead(node, slot, scope) for each arrival that follows.
local function arrive(node, slot_text, scope, is_taken, then_dead)
    local row, refusal = join_row(draft.run.digest, node)
    if not row then
        return refusal
    end
    scope = scope == '' and '' or scopes.scope_fit(scope, row.chain)
    local slot = tonumber(slot_text)
    local name = 'j' .. node .. '|' .. scope
    local before = field(name)
    local decided, taken, marks = made_decided, made_taken, made_marks
    if not before or before ~= made_text then
        decided, taken, marks = match(before or '', '^(%d+)|(%d+)|(.*)$')
        decided, taken = number_of[decided or ''], number_of[taken or '']
    end
    if not decided then
        decided, taken, marks = 0, 0, rep('.', row.arity)
        draft.open = draft.open + 1
    end
    if byte(marks, slot + 1) ~= 46 then
        return 'bad' -- decided twice, or no such edge
    end
    decided, taken = decided + 1, is_taken and taken + 1 or taken
    marks = sub(marks, 1, slot) .. (is_taken and 't' or 'd') .. sub(marks, slot + 2)
    local complete = decided == row.arity
    if complete then
        draft.changes[name] = false
        draft.open = draft.open - 1
    else
        made_text, made_decided, made_taken, made_marks =
            text_of[decided] .. '|' .. text_of[taken] .. '|' .. marks, decided, taken, marks
        draft.changes[name] = made_text
    end
    if row.mode == 'e' then
        if is_taken then
            local from = row.predecessors[slot + 1]
            local inner = scope .. (scope == '' and '' or '/') .. node .. '@' .. from
            local number = emit(node, inner, row.queue, from .. '^' .. row.enter .. ';' .. row.extras, 'q')
            note_join('F' .. node .. ',' .. inner .. ',' .. number .. ',' .. marks)
        end
    elseif row.mode == 'a' then
        if complete and taken > 0 then
            join_fire(row, node, scope, marks, 'q')
        end
    elseif is_taken and taken == row.need then
        join_fire(row, node, scope, marks, 'q')
    elseif complete and taken > 0 and taken < row.need then
        join_fire(row, node, scope, marks, 'u')
    end
    if complete and taken == 0 then
        note_join('S' .. node .. ',' .. scope)
        for i = 1, #row.dead, 2 do
            then_dead(row.dead[i], row.dead[i + 1], scope)
        end
    end
end
