-- handover: a token's successor may stay with its worker. The queue entry of the one that is settled then
-- stands for the next one, field `e<entry id>|<queue>` = `number|times|wanted` says so, and nothing is added to the
-- queue, read from it, acknowledged or deleted.
--
-- Only so many times in a row: then it goes through the queue, behind the others.
local HANDOVERS_MOST = 8
local keep, kept_count = 0, 0 -- how many the caller wants to keep, and keeps

-- What the entry whose field is `name` stands for, of the run: number, times; nil: the token that it was
-- made for.
local function stands_for(run, name)
    local value = run.writes and run.writes[name]
    if value == nil then
        value = run.fields[name]
    end
    if value then
        return match(value, '^(%d+)|(%d+)|')
    end
end

-- The draft's token is settled: does its entry go on with one of those that it emitted? Not when somebody
-- has taken it over: then the entry is pending for another than the caller.
local function hand_on(queue, index, id, name, live)
    local number, times = stands_for(draft.run, name)
    times = number and number_of[times] + 1 or 1
    local may = kept_count < keep and times <= HANDOVERS_MOST and match(live, '^%w+|[^|]*|%d+|0|')
    for i = draft.emitted_before + 1, may and emitted_count or 0 do
        local token = emitted[i]
        if token[2] == queue and token[6] == 'q' then
            token[7], token[8] = id, index
            draft.changes[name] = token[3] .. '|' .. text_of[times] .. '|' .. token[5]
            kept_count = kept_count + 1
            return true
        end
    end
    if number then
        draft.changes[name] = false
    end
    return false
end

local NO_CHANGES = {}

-- What the claim names from 9 to n and nobody has read yet, at once: a join may want ten thousand.
local function read_ahead(run, claim, n)
    local names, count = {}, 0
    for i = 9, n do
        local name = claim[i]
        if run.writes[name] == nil and run.fields[name] == nil then
            count = count + 1
            names[count] = name
        end
    end
    if count > 0 then
        local values = hmget_all(call, run.key, names)
        for i = 1, count do
            run.fields[names[i]] = values[i]
        end
    end
end

local function kept_claim(token)
    local run, wanted = token[1], token[5]
    local writes = run.writes
    local claim = {
        token[8], token[7], run.id, token[3], writes[token[9]], run.incarnation, run.digest, wanted, nil, nil, nil, nil,
    }
    local n, guards = wanted_fields(wanted, token[10], claim, 8)
    if n > 9 then
        read_ahead(run, claim, n)
    end
    local bytes = #wanted + 200
    for i = 9, n do
        local value = writes[claim[i]]
        if value == nil then
            value = field(claim[i])
        end
        claim[i] = value
        bytes = bytes + 16 + (value and #value or 0)
    end
    for i = 1, guards and #guards or 0 do
        local at, loop, around = unpack(guards[i])
        if not scopes.is_over(loop, around, field) then
            claim[at] = false
        end
    end
    return claim, bytes
end

-- Once all tokens of the call are settled: those that are kept become claims. leave(queue, id) for entries
-- whose run is over, or that would be too much for one reply.
local function hand_over(leave)
    for i = 1, emitted_count do
        local token = emitted[i]
        local run = token[1]
        if token[7] and run.status == 'r' and claims_bytes < CLAIMS_MAX_BYTES then
            draft.run, draft.changes = run, NO_CHANGES
            local claim, bytes = kept_claim(token)
            claims[#claims + 1] = claim
            claims_bytes = claims_bytes + bytes
        elseif token[7] then
            run.writes['e' .. token[7] .. '|' .. token[2]] = false
            leave(token[2], token[7])
            token[7] = nil
        end
    end
end
