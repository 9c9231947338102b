-- chunks: commands with long argument lists, in pieces that Lua can unpack.
-- luacheck: push ignore 211
local function call_all(command, key, list)
    local n = #list
    if n > 0 and n <= CHUNK then
        call(command, key, unpack(list))
        return
    end
    for i = 1, n, CHUNK do
        call(command, key, unpack(list, i, min(i + CHUNK - 1, n)))
    end
end

-- HMGET by `how` (call or try); with try the first error comes back as it is.
local function hmget_all(how, key, names)
    local n = #names
    if n <= CHUNK then
        return how('HMGET', key, unpack(names))
    end
    local values = {}
    for i = 1, n, CHUNK do
        local last = min(i + CHUNK - 1, n)
        local part = how('HMGET', key, unpack(names, i, last))
        if part.err then
            return part
        end
        for k = 1, last - i + 1 do
            values[i + k - 1] = part[k]
        end
    end
    return values
end
-- luacheck: pop
