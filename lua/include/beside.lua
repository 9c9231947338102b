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

local function beside_counts()
    --@include beside_counts.lua
    return beside_check_run
end

-- Once all tokens of the call are settled, before anything is written.
local function beside_check()
    local check_run -- made for the first that has any: most have none
    for i = 1, #run_order do
        local run = run_order[i]
        if (run.values or run.fields.v) and run.writes and run.status == 'r' then
            check_run = check_run or beside_counts()
            check_run(run)
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
