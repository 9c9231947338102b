-- handover: a token's successor may stay with its worker. The queue entry of the one that is settled then
-- stands for the next one, field `e<entry id>` = `number|times|wanted` says so, and nothing is added to the
-- queue, read from it, acknowledged or deleted.
--
-- Only so many times in a row: then it goes through the queue, behind the others.
local HANDOVERS_MOST = 8
local keep, kept_count = 0, 0 -- how many the caller wants to keep, and keeps

-- What the entry stands for, of the run: number, times; nil: the token that it was made for.
local function stands_for(run, id)
    local name = 'e' .. id
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
local function hand_on(queue, index, id, live)
    local name = 'e' .. id
    local number, times = stands_for(draft.run, id)
    times = tonumber(times or 0) + 1
    local may = kept_count < keep and times <= HANDOVERS_MOST and match(live, '|0|%d+|%a$')
    for i = draft.emitted_before + 1, may and emitted_count or 0 do
        local token = emitted[i]
        if token[2] == queue and token[6] == 'q' then
            token[7], token[8] = id, index
            draft.changes[name] = token[3] .. '|' .. times .. '|' .. token[5]
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

local function kept_claim(token)
    local run, number = token[1], token[3]
    local scope = match(token[4], '^%d+|%w+|([^|]*)|')
    local live = field('t' .. number)
    local claim = {token[8], token[7], run.id, number .. '', live, run.incarnation, run.digest, token[5]}
    local n, guards = wanted_fields(token[5], scope, claim, 8)
    local bytes = #token[5] + 200
    for i = 9, n do
        local value = field(claim[i])
        claim[i] = value
        bytes = bytes + 16 + (value and #value or 0)
    end
    for i = 1, guards and #guards or 0 do
        local at, loop, around = unpack(guards[i])
        if not is_over(loop, around, field) then
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
            run.writes['e' .. token[7]] = false
            leave(token[2], token[7])
            token[7] = nil
        end
    end
end
