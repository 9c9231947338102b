#!lua flags=allow-oom
-- settle: settles a batch of tokens and claims the next ones.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, consumer, session, budget (operations; or `budget,limit`: what is larger stands beside the run),
--       want (claims) or `want,keep` (and how many of them
--       may be successors of what is settled, which then never see the queue), nqueues, queue…,
--       nadopt, nadopt × (queue index, entry id), ntokens, then per token: run, incarnation, number,
--       identity, queue index, entry id, output field, output value, record kind, record, nops or
--       `nops,nsteps`, nops × (kind, a, b), then nsteps triples: a step (next node or `next node,nops`, output
--       value, record) and its operations; docs/protocol.md, "settle"
-- reply ok, time in µs, results (ok gone stale held bad load), claims | epoch | hold | session
--
-- Invariants: a token is settled at most once, in order of the batch; counter = live tokens, never
-- negative; at zero the run is through or has its hidden token; an entry is acknowledged only when its
-- live field is absent or the run is over; phase 2 writes what cannot fail, the ledger first.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include session.lua

-- Functions are made anew in every call, and what they use of the function around them is searched for among
-- all that is open there; what is further out is at hand.
local function settle()
    --@include chunks.lua
    --@include numbers.lua
    --@include queues.lua
    --@include ledger.lua
    --@include scopes_made.lua
    --@include claim.lua
    --@include overlay.lua
    --@include handover.lua
    --@include operations.lua
    --@include beside.lua
    --@include settlement.lua
    --@include held.lua

    -- Arguments
    read_budget(4)
    local want, keep_text = match(ARGV[5] or '', '^(%d+),?(%d*)$')
    want, keep = tonumber(want), tonumber(keep_text) or 0
    if not want or want > 1000000 or keep > want then
        malformed('want')
    end
    local at = read_queues(6, true)
    local adopt_first, adopt_count = at + 1, count_arg(at, 'adopted')
    for i = adopt_first, adopt_first + 2 * adopt_count - 2, 2 do
        if not queue_names[ARGV[i]] or not is_entry_id(ARGV[i + 1] or '') then
            malformed('adopted entry')
        end
    end
    at = adopt_first + 2 * adopt_count
    local token_count, token_first = count_arg(at, 'tokens'), at + 1
    local names, ids, ids_count = {}, {}, 0 -- of runs
    local tokens = {} -- their first argument, the names of their live field and of their entry's
    at = token_first
    for i = 1, 3 * token_count, 3 do
        local id, count = ARGV[at], token_counts[ARGV[at + TOKEN_ARGS - 1] or '']
        local live_name = 't' .. ARGV[at + 2]
        local entry_name = 'e' .. ARGV[at + 5] .. '|' .. (queue_names[ARGV[at + 4]] or '')
        local list = names[id]
        if list then
            list[#list + 1] = live_name
            list[#list + 1] = entry_name
        else
            names[id] = {'h', 'dg', 'fin', 'v', live_name, entry_name}
            ids_count = ids_count + 1
            ids[ids_count] = id
        end
        tokens[i], tokens[i + 1], tokens[i + 2] = at, live_name, entry_name
        at = at + TOKEN_ARGS + 3 * (count[1] + count[2])
    end
    if at ~= #ARGV + 1 or budget < 1 or queue_count < 1 then
        malformed('settle')
    end

    -- Phase 1: read and compute
    for i = 1, ids_count do
        run_load(ids[i], names[ids[i]])
    end
    local results = {}
    for i = 1, token_count do
        local first = tokens[3 * i - 2]
        local result, may_leave = settle_token(first, tokens[3 * i - 1], tokens[3 * i])
        results[i] = result
        if may_leave then
            acknowledge(queue_names[ARGV[first + 4]], ARGV[first + 5])
        end
    end
    hand_over(acknowledge)
    overlay_check()
    beside_check()

    -- Phase 2: write
    queues_create()
    ledger_append()
    -- Before anything is added: in a stream that was deleted and made again, an id may come back.
    for queue, entries in pairs(acknowledged) do
        drop_entries(queue_key(queue), entries)
    end
    beside_write()
    overlay_write()
    for i = 1, #finished do
        try('PUBLISH', 'troupe:completion_events', finished[i]) -- a hint: it may fail, the call may not
    end

    -- Claims. Adopted entries are always answered: the bell brings one of each queue at most.
    for i = adopt_first, adopt_first + 2 * adopt_count - 2, 2 do
        local index, id = ARGV[i], ARGV[i + 1]
        local queue = queue_names[index]
        local key = queue_key(queue)
        if #call('XPENDING', key, 'fleet', id, id, 1, consumer) == 1 then
            local entry = call('XRANGE', key, id, id)[1] or {id}
            claim_entries(index, queue, {entry}, want, false, true)
        end
    end
    for i = 0, queue_count - 1 do
        local missing = want - #claims
        if missing <= 0 or claims_bytes >= CLAIMS_MAX_BYTES then
            break
        end
        local index = text_of[i]
        local queue = queue_names[index]
        local key = queue_key(queue)
        local read = call('XREADGROUP', 'GROUP', 'fleet', consumer, 'COUNT', missing, 'STREAMS', key, '>')
        if read then
            local entries = read[1][2]
            local done = claim_entries(index, queue, entries, want, true)
            if done < #entries then
                -- The reply is full: what was read last goes back, as if it had never been delivered.
                local back = {}
                for k = done + 1, #entries do
                    back[#back + 1] = entries[k][1]
                end
                for k = 1, #back, CHUNK do
                    call('XACK', key, 'fleet', unpack(back, k, min(k + CHUNK - 1, #back)))
                end
                call('XGROUP', 'SETID', key, 'fleet', entries[done][1])
            end
        end
    end
    drop_all()
    return {'ok', now_us, results, claims}
end
return settle()
