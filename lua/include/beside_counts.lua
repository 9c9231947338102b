-- beside_counts: how many fields of a run refer to each value beside it, once its tokens are settled.

-- No JSON ends like that.
local function beside_of(value)
    return value and #value < REFERENCE_MOST and (match(value, '|@(%d+),%d+$') or match(value, '^@(%d+),%d+$')) or nil
end

local function holds_values(name)
    local first = byte(name)
    return first == 111 or first == 113 or name == 'in' -- o q
end

-- By how much the fields that are written change how many refer to each: numbers, by number.
local function beside_changes(run)
    local fields, unknown = run.fields, {}
    for name in pairs(run.writes) do
        if holds_values(name) and fields[name] == nil then
            unknown[#unknown + 1] = name
        end
    end
    local values = #unknown > 0 and hmget_all(call, run.key, unknown)
    for i = 1, #unknown do
        fields[unknown[i]] = values[i]
    end
    local numbers, changes = {}, {}
    local function add(number, by)
        if number and not changes[number] then
            numbers[#numbers + 1] = number
        end
        if number then
            changes[number] = (changes[number] or 0) + by
        end
    end
    for name, value in pairs(run.writes) do
        if holds_values(name) then
            add(beside_of(fields[name]), -1)
            add(beside_of(value), 1)
        end
    end
    return numbers, changes
end

local function beside_check_run(run)
    local numbers, changes = beside_changes(run)
    local names, counts = {}, nil
    for i = 1, #numbers do
        names[i] = 'v' .. numbers[i]
    end
    if #names > 0 and not run.is_new then
        counts = hmget_all(call, run.key, names)
    end
    for i = 1, #numbers do
        local number, before = numbers[i], counts and counts[i]
        local count = (before and tonumber(before) or 0) + changes[number]
        local key, value = prefix .. 'v:' .. run.id .. ':' .. number, run.values and run.values[number]
        if changes[number] ~= 0 then -- else it only moved
            call('EXISTS', key) -- that it may be written here, before anything is
            run.writes[names[i]] = count > 0 and count .. ''
            if count <= 0 then
                beside_dropped[#beside_dropped + 1] = key
            elseif not before and value then
                beside_set[#beside_set + 1] = key
                beside_set[#beside_set + 1] = value
                run.writes.v = '1'
            end
        end
    end
end
