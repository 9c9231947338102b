-- beside: values over the limit live beside their run: key `v:RUN:n`, n being the number of the token that
-- brought it (0: the run's input), never used twice.
--
-- Where the run's hash would hold the value it has a reference, `@n,length` in place of its JSON; the key holds
-- what the field would. A value may be in several fields (a loop's previous iteration, the frames around one):
-- field `v<n>` counts them, and with the last one the key goes. Field `v` says that there are any, so that runs
-- without pay nothing.
--
-- Invariants: of a run that runs, every reference has its key and every key a `v<n>`; a run that is over gets
-- no new one, and `forget` removes those that `v<n>` names.
local inline_limit = 4096
local REFERENCE_MOST = 1024 -- longer than any
local beside_set, beside_dropped = {}, {} -- key, value, …; keys

-- `operations`, or `operations,limit`.
local function read_budget(at)
    local operations, limit = match(ARGV[at] or '', '^(%d+),(%d+)$')
    if not operations then
        budget = count_arg(at, 'budget')
    elseif #operations > 15 or #limit > 15 then
        malformed('budget')
    else
        budget, inline_limit = tonumber(operations), tonumber(limit)
    end
end

-- What the field holds in its place. Kept for this call: whether it is written, the fields tell.
local function set_beside(run, number, value, head)
    run.values = run.values or {}
    run.values[number] = value
    return head .. '@' .. number .. ',' .. #value
end

local function set_output_beside(number, value)
    local head = match(value, '^%a[#%d]*|%d+|%d+|%d+|')
    return head and set_beside(draft.run, number, value, head) or value
end

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

-- Once all tokens of the call are settled, before anything is written.
local function beside_check()
    for i = 1, #run_order do
        local run = run_order[i]
        if (run.values or run.fields.v) and run.writes and run.status == 'r' then
            beside_check_run(run)
        end
    end
end

local function beside_write()
    for i = 1, #beside_set, 2 do
        call('SET', beside_set[i], beside_set[i + 1])
    end
    for i = 1, #beside_dropped, CHUNK do
        call('UNLINK', unpack(beside_dropped, i, min(i + CHUNK - 1, #beside_dropped)))
    end
end
