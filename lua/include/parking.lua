-- parking: a token that waits, or is executed elsewhere.

-- A fired token gets what it was parked with, `p<number>`, besides what it wanted.
local function parked_wanted(wanted, number)
    return wanted .. (sub(wanted, -1) == ';' and '' or ',') .. 'p' .. number
end

-- The token becomes a task: it stays live, leaves its queue, and its task queue gets an entry.
-- ARGV[at + 1]: `attempt,queue index,data,timeout in ms (0: none),task queue,wanted`, with `!` behind the timeout
-- when the first lapse of a claim is to be the last; ARGV[at + 2]: the task.
local function park_task(run, at, number, name, live)
    local attempt, index, data, timeout, at_once, tasks, wanted =
        match(ARGV[at + 1], '^(%d+),(%d+),(%w+),(%d+)(!?),([^%s,|]+),([^\t\n]*)$')
    local node, scope, attempt_before, generation = match(live, '^(%w+)|([^|]*)|(%d+)|(%d+)|')
    local queue = index and queue_names[index]
    local kind = ARGV[at - 3]
    if not queue or kind ~= 'w' or attempt ~= attempt_before or #timeout > 15 or ARGV[at + 2] == '' then
        return false
    end
    -- Fences go on counting: an attempt before this one may still be somebody's.
    local fence = draft.fence or match(field('b' .. number) or '', '^%d+') or '0'
    local changes = draft.changes
    changes[name] = node .. '|' .. scope .. '|' .. attempt .. '|' .. generation .. '|0|r'
    changes['p' .. number] = data .. ',' .. queue .. ',' .. wanted
    changes['w' .. number] = ARGV[at + 2]
    -- The third lapse is the last (task.lua), whoever's `fire` counts.
    local lapses = at_once == '' and '0' or '2'
    changes['b' .. number] = fence .. '||0|0|' .. lapses .. '|0|' .. timeout .. '|' .. tasks
    posted[#posted + 1] = {run, task_stream_to_add(tasks), number, attempt}
    return true
end

-- The token stays live and leaves its queue: until its timer fires, or for its next attempt at once.
-- ARGV[at] on: due (ms; 0: at once), `attempt,queue index,data,wanted`. False when that is malformed.
local function park(run, at, number, name, live)
    if ARGV[at] == 'r' then
        return park_task(run, at, number, name, live)
    end
    local due, rest = ARGV[at + 1], ARGV[at + 2]
    local attempt, index, data, wanted = match(rest, '^(%d+),(%d+),(%w*),([^\t\n]*)$')
    local node, scope, attempt_before, generation = match(live, '^(%w+)|([^|]*)|(%d+)|(%d+)|')
    local queue = index and queue_names[index]
    if not queue or not match(due, '^%d+$') or #due > 15 then
        return false
    end
    local waits = tonumber(due) > now_ms
    draft.changes[name] = node .. '|' .. scope .. '|' .. attempt .. '|'
        .. (attempt == attempt_before and generation or '0') .. '|0|' .. (waits and 'p' or data == '' and 'q' or 'f')
    if waits or data ~= '' then
        draft.changes['p' .. number] = data .. ',' .. queue .. ',' .. wanted
    end
    if draft.fence then
        draft.changes['b' .. number] = draft.fence .. '||0|0|0|0|0|'
    end
    if waits then
        call('ZCARD', timers_key) -- its type, before any write
        timers[#timers + 1] = {run, due, run.id .. '/' .. number}
    else
        queue_key_to_add(queue)
        emitted_count = emitted_count + 1
        emitted[emitted_count] = {run, queue, number, node, data == '' and wanted or parked_wanted(wanted, number),
            false, false, false, name, scope, attempt}
    end
    return true
end
