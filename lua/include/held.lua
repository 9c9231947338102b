-- held: a token that a worker holds: its run as Redis has it, whether it is still its worker's, and its entry.
local acknowledged = {} -- queue name -> ids

-- names: `h`, `dg`, `fin`, `v` and, of each of the call's tokens of this run, the live field and what its entry
-- stands for.
local function run_load(id, names)
    local key = prefix .. 'run:' .. id
    local values = hmget_all(call, key, names)
    local status, incarnation, counter, open, last, events =
        match(values[1] or '', '^(%a)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)$')
    if not status then
        runs[id] = {}
        return
    end
    local fields = {fin = values[3], v = values[4], [names[5]] = values[5], [names[6]] = values[6]}
    for i = 7, #names do
        fields[names[i]] = values[i]
    end
    local run = {
        id = id, key = key, fields = fields, writes = nil, status = status, incarnation = incarnation,
        counter = number_of[counter], open = number_of[open], last = number_of[last], events = number_of[events],
        digest = values[2],
    }
    runs[id] = run
    run_order[#run_order + 1] = run
end

local function acknowledge(queue, id)
    local ids = acknowledged[queue]
    if not ids then
        ids = {}
        acknowledged[queue] = ids
    end
    ids[#ids + 1] = id
end

-- Whether a stream takes it as an id: two numbers of at most 19 digits.
local function is_entry_id(text)
    if #text <= 20 then
        return match(text, '^%d+%-%d+$')
    end
    local ms, seq_in_it = match(text, '^(%d+)%-(%d+)$')
    return ms and #ms <= 19 and #seq_in_it <= 19
end

-- One token, with the names of its live field and of its entry's; returns its result and whether its entry may
-- leave the queue.
local function settle_token(i, name, entry_name)
    local identity = ARGV[i + 3]
    local node, scope, rest = match(identity, '^(%w+)|([^|,;\t\n]*)|%d+|(.*)$')
    local whole = rest and rest ~= '' and match(rest, '^%d+|%d+|[qf]$')
    if not node or not (rest == '' or whole or match(rest, '^%d+|$')) or not queue_names[ARGV[i + 4]]
        or not is_entry_id(ARGV[i + 5]) then
        return 'bad', false
    end
    local run = runs[ARGV[i]]
    if run.status ~= 'r' then
        return 'gone', true
    end
    if run.incarnation ~= ARGV[i + 1] then
        return 'stale', true
    end
    local live = run.writes and run.writes[name]
    if live == nil then
        live = run.fields[name]
    end
    if not live then
        -- Settled before. Its entry may have been handed on since, and stand for another.
        local number = stands_for(run, entry_name)
        return 'stale', not number or number == ARGV[i + 2]
    end
    if sub(live, 1, #identity) ~= identity then
        -- Who names the whole field names a state that has passed: its own doing, or a taker's, whose entry stays.
        return whole and 'stale' or 'held', false
    end
    local result, leaves = settle_live(run, i, node, scope, live, rest ~= '', name, entry_name)
    return result, result == 'ok' and leaves
end
