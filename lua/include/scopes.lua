-- scopes: where a token stands in loops: `L#i/M#j`, outermost first, loop nodes with their iterations.
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
        local loop = match(component, '^(%d+)#')
        if loop and loop ~= next_loop() then
            break
        end
        kept = at + #component - 1
        at = kept + 2
    end
    return sub(scope, 1, kept)
end

-- Where outputs are stored: the scope without its loops, for iterations overwrite one another.
local function frame_of(scope)
    if not match(scope, '#') then
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

-- The outer `depth` parts of the frame: what stands behind fewer each joins.
local function frame_outer(scope, depth)
    local frame = {}
    for component in gmatch(scope, '[^/]+') do
        if #frame < depth and not match(component, '^%d+#') then
            frame[#frame + 1] = component
        end
    end
    return concat(frame, '/')
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
