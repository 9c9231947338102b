-- claim: from a queue's entry to what its execution needs.
--
-- A claim: queue index, entry id, run, number, live field, incarnation, digest, wanted, values…
-- Entries whose token is gone are dropped from the queue; entries that are none of ours are dropped
-- too, and counted in meta's `strays`.
-- luacheck: push ignore 211
local CLAIMS_MAX_BYTES = 1048576
local claims, claims_bytes = {}, 0
local drops, strays = {}, 0 -- queue name -> ids

-- An entry that is settled or gone leaves its group and its stream.
local function drop_entries(key, ids)
    for i = 1, #ids, CHUNK do
        local last = min(i + CHUNK - 1, #ids)
        call('XACK', key, 'fleet', unpack(ids, i, last))
        call('XDEL', key, unpack(ids, i, last))
    end
end

local function drop(queue, id)
    local ids = drops[queue]
    if not ids then
        ids = {}
        drops[queue] = ids
    end
    ids[#ids + 1] = id
end

-- The live field of an entry's token, if it is still to be executed.
local function live_field(h, live, incarnation, identity)
    local status, current = match(h or '', '^(%a)|(%d+)|')
    if status == 'r' and current == incarnation and live and sub(live, 1, #identity) == identity then
        return live
    end
end

-- Where a token of this scope finds what it wants in its run's hash: fields to names[n + 1] on. Returns
-- their number and, for those that are absent while a loop runs, {index, loop, scope around it}.
local function wanted_fields(wanted, scope, names, n)
    local own, guards
    local name, at = match(wanted, '([^,;]+)()')
    while name do
        n = n + 1
        local first = byte(name)
        if first == 113 or (first >= 48 and first <= 57) then
            own = own or scope == '' and '' or scopes.frame_of(scope)
            local frame = own
            if #name > 2 and find(name, '[?^]') then
                local of, depth = match(name, '^([^%^]+)%^(%d+)$')
                frame = of and scopes.frame_outer(scope, tonumber(depth)) or frame
                name = of or name
                local node, loop, parts = match(name, '^(%d+)%?(%d+)%.(%d+)$')
                if node then
                    name = node
                    guards = guards or {}
                    guards[#guards + 1] = {n, loop, scopes.scope_outer(scope, tonumber(parts))}
                end
            end
            names[n] = (first == 113 and '' or 'o') .. name .. '|' .. frame
        else
            names[n] = name
        end
        name, at = match(wanted, '([^,;]+)()', at)
    end
    return n, guards
end

-- The token that an entry stands for since it was handed on with it; nil: the one that it was made for.
-- Returns number, `node|scope|attempt`, scope, wanted.
local function handed_on(key, queue, id)
    local stands = try('HGET', key, 'e' .. id .. '|' .. queue)
    if not stands or stands.err then
        return nil -- an error comes again with what is read next
    end
    local number, wanted = match(stands, '^(%d+)|%d+|(.*)$')
    local identity, scope = match(call('HGET', key, 't' .. number) or '', '^(%w+|([^|]*)|%d+)|')
    return number, identity, scope, wanted
end

-- Returns the claim and its size, or nil when the entry is to be dropped. Writes nothing. was_held: it has
-- been somebody's before, so it may have been handed on.
local function claim_read(index, queue, id, fields, was_held)
    if not fields or #fields ~= 8 or fields[1] ~= 'r' or fields[3] ~= 'n' or fields[5] ~= 'm' or fields[7] ~= 'w' then
        strays = strays + 1
        return nil
    end
    local run, number, wanted = fields[2], fields[4], fields[8]
    local incarnation, identity, scope = match(fields[6], '^(%d+)|(%w+|([^|]*)|%d+)$')
    if not incarnation then
        strays = strays + 1
        return nil
    end
    local key = prefix .. 'run:' .. run
    if was_held then
        local by, its_identity, its_scope, its_wanted = handed_on(key, queue, id)
        if by then
            if not its_identity then
                return nil -- its run is over
            end
            number, identity, scope, wanted = by, its_identity, its_scope, its_wanted
        end
    end
    local names = {'h', 't' .. number, 'dg'}
    local n, guards = wanted_fields(wanted, scope, names, 3)
    local values = hmget_all(try, key, names)
    if values.err then
        if sub(values.err, 1, 9) ~= 'WRONGTYPE' then
            error(values) -- a slot on the move: the caller says hello and gets it again
        end
        return nil
    end
    local live = live_field(values[1], values[2], incarnation, identity .. '|')
    if not live or not values[3] then
        return nil
    end
    for i = 1, guards and #guards or 0 do
        local at, loop, around = unpack(guards[i])
        if not scopes.is_over(loop, around, function(name)
            return call('HGET', key, name)
        end) then
            values[at] = false
        end
    end
    local claim = {index, id, run, number, live, incarnation, values[3], wanted}
    local bytes = #wanted + 200
    for i = 4, n do
        local value = values[i]
        claim[i + 5] = value
        bytes = bytes + 16 + (value and #value or 0)
    end
    return claim, bytes
end

-- Takes entries that are pending for the caller. Returns how many of them were looked at: fewer than
-- there are when the reply is full or holds `limit` claims. Those just read from the queue are fresh.
local function claim_entries(index, queue, entries, limit, fresh, always)
    for i = 1, #entries do
        if not always and #claims > 0 and (claims_bytes >= CLAIMS_MAX_BYTES or #claims >= limit) then
            return i - 1
        end
        local id = entries[i][1]
        local claim, bytes = claim_read(index, queue, id, entries[i][2], not fresh)
        if claim then
            claims[#claims + 1] = claim
            claims_bytes = claims_bytes + bytes
        else
            drop(queue, id)
        end
    end
    return #entries
end

local function drop_all()
    for queue, ids in pairs(drops) do
        drop_entries(queue_key(queue), ids)
    end
    if strays > 0 then
        call('HINCRBY', KEYS[1], 'strays', strays)
    end
end
-- luacheck: pop
