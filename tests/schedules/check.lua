-- check: what must be true of a partition between any two calls of scripts.
-- ARGV 1 prefix of its keys, 2 id of the last ledger entry that is known
-- reply: what is wrong, or nothing; the ledger's entries since; run id and field h of every run; how
--        many things are left; how many entries of the queue nobody has read
local prefix = ARGV[1]
local queue = prefix .. 'q:default'
local entries = redis.call('XRANGE', prefix .. 'ledger', '(' .. ARGV[2], '+')

local function wrong(...)
    return {table.concat({...}, ' '), entries, {}, 0, 0}
end

local heads, ready, parked, status_of = {}, {}, {}, {}
local stands_for, standing = {}, 0 -- entry id -> token, of entries that were handed on
local left = 0

-- Values beside a run: key -> their length. With those of the runs that are there taken out, none is left.
local beside = {}
for _, key in ipairs(redis.call('KEYS', prefix .. 'v:*')) do
    beside[key] = redis.call('STRLEN', key)
end

-- references: value of the field -> how many have it; counts: of each, `v<n>`.
local function beside_wrong(run, runs_on, has_any, references, counts)
    local count_of = {}
    for reference, times in pairs(references) do
        local n, length = reference:match('@(%d+),(%d+)$')
        local key = prefix .. 'v:' .. run .. ':' .. n
        count_of[n] = (count_of[n] or 0) + times
        if runs_on and beside[key] ~= tonumber(length) then
            return 'run ' .. run .. ' refers to ' .. reference .. ' and there is ' .. tostring(beside[key])
        end
    end
    for n, count in pairs(counts) do
        local key = prefix .. 'v:' .. run .. ':' .. n
        if not has_any then
            return 'run ' .. run .. ' has values beside it and no field v'
        end
        if runs_on and count_of[n] ~= tonumber(count) then
            return 'run ' .. run .. ' counts ' .. count .. ' references to ' .. n .. ' and has '
                .. tostring(count_of[n])
        end
        if not beside[key] then
            return 'run ' .. run .. ' names ' .. key .. ', which is not there'
        end
        beside[key] = nil
        count_of[n] = nil
    end
    if runs_on and next(count_of) then
        return 'run ' .. run .. ' does not count its references to ' .. next(count_of)
    end
end

for _, key in ipairs(redis.call('KEYS', prefix .. 'run:*')) do
    local run = key:sub(#prefix + 5)
    local fields = redis.call('HGETALL', key)
    local head, tokens, joins, continuations = nil, 0, 0, {}
    local mine, handed = {}, {}
    local has_any, references, counts = false, {}, {}
    for i = 1, #fields, 2 do
        local field, value = fields[i], fields[i + 1]
        local kind = field:sub(1, 1)
        if field == 'h' then
            head = value
        elseif kind == 't' then
            tokens = tokens + 1
            mine[field:sub(2)] = value
        elseif field == 'v' then
            has_any = true
        elseif kind == 'v' then
            counts[field:sub(2)] = value
        elseif kind == 'o' or kind == 'q' or field == 'in' then
            if value:match('@%d+,%d+$') then
                references[value] = (references[value] or 0) + 1
            end
        elseif kind == 'j' then
            joins = joins + 1
        elseif kind == 'c' then
            continuations[field:sub(2)] = true
        elseif kind == 'e' then
            handed[field:match('^e([^|]*)|')] = run .. '/' .. value:match('^(%d+)|%d+|')
        end
    end
    local status, _, counter, open, last = head:match('^(%a)|(%d+)|(%-?%d+)|(%d+)|(%d+)|%d+$')
    if not status then
        return wrong('run', run, 'has the head', head)
    end
    local mistake = beside_wrong(run, status == 'r', has_any, references, counts)
    if mistake then
        return wrong(mistake)
    end
    status_of[run] = status
    heads[#heads + 1] = run
    heads[#heads + 1] = head
    left = left + 1
    if status == 'r' then
        for entry, token in pairs(handed) do
            stands_for[entry] = token
            standing = standing + 1
        end
        if tonumber(counter) ~= tokens then
            return wrong('run', run, 'counts', counter, 'and has live tokens:', tokens)
        end
        if tokens == 0 then
            return wrong('run', run, 'runs without a token')
        end
        if tonumber(open) ~= joins then
            return wrong('run', run, 'has open joins:', joins, 'and says', open)
        end
        for number, live in pairs(mine) do
            local node, state = live:match('^([^|]*)|.*|(%a)$')
            if tonumber(number) > tonumber(last) then
                return wrong('run', run, 'has token', number, 'and last', last)
            end
            if (node == 'c') ~= (continuations[number] == true) then
                return wrong('run', run, 'token', number, live, 'and its continuation')
            end
            if state == 'p' then
                parked[run .. '/' .. number] = live
            else
                ready[run .. '/' .. number] = live
            end
        end
    elseif tonumber(counter) ~= 0 then
        return wrong('run', run, 'has ended with the counter', counter)
    elseif status == 'c' and tokens + joins > 0 then
        return wrong('run', run, 'has completed with tokens', tokens, 'and open joins', joins)
    end
end

if next(beside) then
    return wrong(next(beside), 'is beside no run')
end

local seen, unread = {}, 0
if redis.call('EXISTS', queue) == 1 then
    local group = redis.call('XINFO', 'GROUPS', queue)[1] or {}
    local delivered = '0-0'
    for i = 1, #group, 2 do
        if group[i] == 'last-delivered-id' then
            delivered = group[i + 1]
        end
    end
    unread = #redis.call('XRANGE', queue, '(' .. delivered, '+')
    for _, entry in ipairs(redis.call('XRANGE', queue, '-', '+')) do
        local token = entry[2][2] .. '/' .. entry[2][4]
        if stands_for[entry[1]] then
            token = stands_for[entry[1]]
            standing = standing - 1
            if #redis.call('XPENDING', queue, 'fleet', entry[1], entry[1], 1) == 0 then
                return wrong('entry', entry[1], 'was handed on to', token, 'and nobody has it')
            end
        end
        left = left + 1
        if seen[token] then
            return wrong('token', token, 'is queued twice:', seen[token], entry[1])
        end
        seen[token] = entry[1]
        if not ready[token] and status_of[entry[2][2]] == 'r' then
            return wrong('entry', entry[1], 'stands for', token, 'which is not live')
        end
    end
end
if standing ~= 0 then
    return wrong('entries that stand for others and are not there:', standing)
end
for token, live in pairs(ready) do
    if not seen[token] then
        return wrong('token', token, live, 'is not queued')
    end
end
local timers = {}
for _, timer in ipairs(redis.call('ZRANGE', prefix .. 'timers', 0, -1)) do
    timers[timer] = true
    left = left + 1
    local run, number = timer:match('^(.*)/(.*)$')
    if number ~= 'd' and status_of[run] == 'r' and not parked[timer] then
        return wrong('timer', timer, 'is of no parked token')
    end
end
for token, live in pairs(parked) do
    if not timers[token] then
        return wrong('token', token, live, 'is parked without a timer')
    end
end

local meta = redis.call('HMGET', prefix .. 'meta', 'epoch', 'seq', 'strays')
if meta[3] and meta[3] ~= '0' then
    return wrong('entries were dropped as nobody\'s:', meta[3])
end
if meta[1] and redis.call('EXISTS', prefix .. 'ledger') == 1 then
    local newest = redis.call('XREVRANGE', prefix .. 'ledger', '+', '-', 'COUNT', 1)[1]
    if newest and newest[1] ~= meta[1] .. '-' .. (meta[2] or '0') then
        return wrong('the ledger ends with', newest[1], 'and seq is', meta[2] or 'none')
    end
    left = left + redis.call('XLEN', prefix .. 'ledger') - (newest and 1 or 0)
end
return {'', entries, heads, left, unread}
