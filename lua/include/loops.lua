-- loops: what going back and leaving does to the outputs of iterations.
local function last_iteration(loop, frame)
    return field('m' .. loop .. '|' .. frame)
end

-- The next iteration sees what is kept as the previous one's (`q`), and nothing else of this one.
local function go_back(loop, lists, scope)
    local kept, dropped, inner = match(lists, '^([^;]*);([^;]*);(.*)$')
    local frame = scopes.frame_of(scope)
    local outer, iteration = match(scope, '^(.-)/?%d+~(%d+)$')
    local next_frame = frame
    -- What the frames around this one have of its outputs is the last iteration's only.
    for node, depth in gmatch(dropped, '(%d+)%^(%d+)') do
        scopes.each_export(frame, tonumber(depth), last_iteration, function(around)
            draft.changes['o' .. node .. '|' .. around] = false
        end)
    end
    if outer then
        -- It overlaps: this iteration's outputs stay in its frame.
        outer = scopes.frame_of(outer)
        iteration = format('%.0f', iteration + 1)
        next_frame = outer .. (outer == '' and '' or '/') .. loop .. '~' .. iteration
        draft.changes['m' .. loop .. '|' .. outer] = iteration
    end
    for name in gmatch(inner, '[^,]+') do
        draft.changes[(byte(name) == 109 and '' or 'q') .. name .. '|' .. frame] = false
    end
    for node, guard in gmatch(kept, '(%d+)%??(%d*)') do
        local over = guard == '' or scopes.is_over(guard, scope, field)
        draft.changes['q' .. node .. '.' .. loop .. '|' .. next_frame] = over and field('o' .. node .. '|' .. frame)
    end
    if not outer then
        for node in gmatch(dropped, '(%d+)%^?%d*') do
            draft.changes['o' .. node .. '|' .. frame] = false
        end
    end
end

-- A token of overlapping iterations is gone; with the last one goes what its iteration has left. Returns a
-- refusal when the join table is missing.
local function leave_iterations(scope)
    local refusal
    count_in(scope, -1)
    scopes.each_overlapping(scope, function(iteration)
        local name = 'i' .. iteration
        if refusal or draft.changes[name] ~= 0 then
            return
        end
        draft.changes[name] = false
        local text, missing = (joins or joins_made()).table_row(draft.run.digest, 'l' .. match(iteration, '(%d+)~%d+$'))
        if not text then
            refusal = missing
            return
        end
        local frame = '|' .. scopes.frame_of(iteration)
        local outputs, previous, inner = match(text, '^([%d,]*);([%d,.]*);([%d,]*)$')
        for node in gmatch(outputs, '%d+') do
            draft.changes['o' .. node .. frame] = false
        end
        for pair in gmatch(previous, '[%d.]+') do
            draft.changes['q' .. pair .. frame] = false
        end
        for loop in gmatch(inner, '%d+') do
            draft.changes['m' .. loop .. frame] = false
        end
    end)
    return refusal
end
