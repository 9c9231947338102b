-- scopes: where a token stands in loops: `L#i/M~j`, outermost first, loop nodes with their iterations.
--
-- `~` marks loops that overlap: an iteration may run on when the next has begun, because a join took only
-- some of those that lead to it. Such an iteration keeps its outputs to itself, in a frame of its own, until
-- its last token is gone.
-- luacheck: push ignore 211

-- A leading part of the scope: what names a loop that is not in the chain (`L/M`) is cut off, with all
-- behind it. A body that was never entered is decided in the scope around it.
local function scope_fit(scope, chain)
    if scope == '' then
        return ''
    end
    local kept, at = 0, 1
    local next_loop = gmatch(chain, '[^/]+')
    for component in gmatch(scope, '[^/]+') do
        local loop = match(component, '^(%d+)[#~]')
        if loop and loop ~= next_loop() then
            break
        end
        kept = at + #component - 1
        at = kept + 2
    end
    return sub(scope, 1, kept)
end

-- Where outputs are stored: the scope without its `L#i`, for iterations overwrite one another.
local function frame_of(scope)
    if scope == '' or not find(scope, '#', 1, true) then
        return scope
    end
    local frame = {}
    for component in gmatch(scope, '[^/]+') do
        if not match(component, '^%d+#') then
            frame[#frame + 1] = component
        end
    end
    return concat(frame, '/')
end

-- The outer `depth` parts of the frame.
local function frame_outer(scope, depth)
    local frame = {}
    for component in gmatch(scope, '[^/]+') do
        if #frame < depth and not match(component, '^%d+#') then
            frame[#frame + 1] = component
        end
    end
    return concat(frame, '/')
end

-- Calls of(prefix) for each leading part of the scope that is an iteration of an overlapping loop.
local function each_overlapping(scope, of)
    local from = 1
    while true do
        local stop = find(scope, '/', from, true)
        if find(sub(scope, from, stop and stop - 1), '~', 1, true) then
            of(sub(scope, 1, stop and stop - 1))
        end
        if not stop then
            return
        end
        from = stop + 1
    end
end

-- Frames around `frame` down to `depth` parts, as long as the iteration that is cut off is the last one
-- begun of its loop: of(outer frame).
local function each_export(frame, depth, last_iteration, of)
    local _, parts = string.gsub(frame, '[^/]+', '')
    while parts > depth do
        local outer, loop, iteration = match(frame, '^(.-)/?(%d+)~(%d+)$')
        if not outer or (last_iteration(loop, outer) or '1') ~= iteration then
            return
        end
        of(outer)
        frame, parts = outer, parts - 1
    end
end

-- Whether an overlapping loop that stands in the scope has ended there, or not begun: no token of its last
-- iteration lives. of(field name)
local function is_over(loop, scope, of)
    local iteration = of('m' .. loop .. '|' .. frame_of(scope)) or '1'
    return not of('i' .. scope .. (scope == '' and '' or '/') .. loop .. '~' .. iteration)
end

-- The first `count` parts of a scope.
local function scope_outer(scope, count)
    local kept = 0
    for stop in gmatch(scope, '[^/]+()') do
        if count == 0 then
            break
        end
        count = count - 1
        kept = stop - 1
    end
    return sub(scope, 1, kept)
end

-- Whether `old`, a stored output, is of a younger iteration than `new`: their stamps, `c#2#7|…`.
local function is_younger(old, new)
    local next_new = gmatch(match(new, '^%a([#%d]*)|') or '', '%d+')
    for mine in gmatch(match(old, '^%a([#%d]*)|') or '', '%d+') do
        local its = next_new()
        if not its then
            return true
        end
        if mine ~= its then
            return tonumber(mine) > tonumber(its)
        end
    end
    return false
end
-- luacheck: pop
