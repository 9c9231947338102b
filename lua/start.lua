#!lua
-- start: runs begin: their hashes, their entry tokens, their ledger records. Idempotent by run id.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, budget (operations; or `budget,limit`: what is larger stands beside the run), nqueues, queue…,
--       nruns (4,000 at most), then per run: run, incarnation, digest, fin (wanted
--       of the hidden last token, or empty), rn (JSON), input (JSON), not_after (unix ms of Redis), deadline
--       (unix ms; 0: none), caller's part of the record, inbox entry id or empty, n, then n × (node, queue,
--       wanted), nexecuted, and of that many entry tokens what came of them, as `settle` gets it (queues by
--       their index in the list above)
-- reply ok, time in µs, results (started executed exists ended late);  epoch | hold
--
-- Invariants: no script but this one makes a run hash; without allow-oom, so that Redis refuses it
-- before it begins when memory is full; a request that came before is named in the ledger (`d`), since
-- its inbox entry is acknowledged only after the commit of the first start. An entry token that was executed
-- is settled in the call that makes it, and never seen; one that cannot be is like any other.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end

local function start()
    --@include chunks.lua
    --@include numbers.lua
    --@include queues.lua
    --@include ledger.lua
    --@include scopes_made.lua
    --@include overlay.lua
    -- Nothing is handed on here, so no entry stands for another token.
    local function hand_on()
        return false
    end
    local function stands_for()
        return nil
    end
    --@include operations.lua
    --@include beside.lua
    --@include settlement.lua
    local RUN_ARGS, ENTRY_ARGS = 11, 3
    local ABSENT = setmetatable({}, {__index = function()
        return false
    end})

    -- What is there of a run, or nil when it begins. Asked once: the second of two in one call finds the first.
    -- any_exists: whether any run of the call has a hash.
    local function look_up(id, not_after, any_exists)
        if runs[id] then
            return 'exists'
        end
        if any_exists and call('HGET', prefix .. 'run:' .. id, 'h') then
            return 'exists'
        end
        if call('ZSCORE', prefix .. 'ended', id) then
            return 'ended'
        end
        return now_ms > not_after and 'late' or nil
    end

    local sound = {} -- entry node -> queue: many runs of a call are of the same workflow

    -- The index behind a run's arguments at `at`; the one behind its entries; an error when they make no sense.
    local function measure(at)
        local count = count_arg(at + RUN_ARGS - 1, 'entries')
        local behind = at + RUN_ARGS + ENTRY_ARGS * count
        local executed, next_at = count_arg(behind, 'executed'), behind + 1
        for _ = 1, executed do
            local counts = token_counts[ARGV[next_at + TOKEN_ARGS - 1] or '']
            next_at = next_at + TOKEN_ARGS + 3 * (counts[1] + counts[2])
        end
        local run, incarnation, digest = ARGV[at], ARGV[at + 1], ARGV[at + 2]
        -- A set costs by the letter, so what is usual is tried first.
        if count < 1 or executed > count or next_at > #ARGV + 1
            or not (match(run, '^%x+%-%x+%-%x+%-%x+%-%x+$') or match(run, '^[%x-]+$'))
            or not (incarnation == '1' or match(incarnation, '^[1-9]%d*$')) or digest == '' then
            malformed('start')
        end
        count_arg(at + 6, 'not_after')
        count_arg(at + 7, 'deadline')
        for i = at + RUN_ARGS, behind - ENTRY_ARGS, ENTRY_ARGS do
            local node, queue = ARGV[i], ARGV[i + 1]
            if sound[node] ~= queue then
                if not match(node, '^%d+|?[^|,;\t\n]*$') or not match(queue, '^[^%s,|]+$') then
                    malformed('entry node')
                end
                sound[node] = queue
            end
        end
        return next_at, behind
    end

    -- The run with its entry tokens, in the overlay, and these as they would be emitted.
    local function make(at, count)
        local id, incarnation, digest = ARGV[at], ARGV[at + 1], ARGV[at + 2]
        local writes = {
            dg = digest, ['in'] = ARGV[at + 5], rn = ARGV[at + 4], fin = ARGV[at + 3], t1 = nil, h = nil,
        }
        local run = {
            id = id, key = prefix .. 'run:' .. id, fields = ABSENT, writes = writes, status = 'r',
            incarnation = incarnation, counter = count, open = 0, last = count, events = 1, digest = digest,
            is_new = true,
        }
        if #writes['in'] > inline_limit then
            writes['in'] = set_beside(run, '0', writes['in'], '')
        end
        runs[id] = run
        run_order[#run_order + 1] = run
        local entries, entry = {}, at + RUN_ARGS
        for i = 1, count do
            local node, scope = match(ARGV[entry], '^(%d+)|?(.*)$') -- a loop's head begins in its scope
            local number = text_of[i]
            local name = 't' .. number
            writes[name] = node .. '|' .. scope .. '|1|0|0|q'
            if scope ~= '' then
                scopes.each_overlapping(scope, function(iteration)
                    writes['i' .. iteration] = '1' -- one loop per head: nobody else begins in it
                end)
            end
            entries[i] = {run, ARGV[entry + 1], number, node, ARGV[entry + 2], 'q', false, false, name, scope, '1'}
            entry = entry + ENTRY_ARGS
        end
        record('s', ARGV[at + 8], '1|' .. text_of[count])
        local deadline = number_of[ARGV[at + 7]]
        if deadline > 0 then
            call('ZCARD', timers_key) -- its type, before any write
            timers[#timers + 1] = {run, deadline, id .. '/d'}
        end
        return run, entries
    end

    -- Settles the entry tokens that were executed; those that could be are taken out of `entries`. Returns how many.
    local function settle_executed(run, entries, at, executed)
        local settled = 0
        for _ = 1, executed do
            local token = entries[number_of[ARGV[at + 2]] or 0]
            -- No entry leads to it.
            if token and run.status == 'r'
                and settle_live(run, at, token[4], token[10], run.writes[token[9]], true, token[9], '') == 'ok' then
                entries[tonumber(token[3])] = false
                settled = settled + 1
            end
            local counts = token_counts[ARGV[at + TOKEN_ARGS - 1]]
            at = at + TOKEN_ARGS + 3 * (counts[1] + counts[2])
        end
        return settled
    end

    local function begin(at, behind, any_exists)
        local id, count, inbox = ARGV[at], number_of[ARGV[at + RUN_ARGS - 1]], ARGV[at + 9]
        local found = look_up(id, number_of[ARGV[at + 6]], any_exists)
        if found then
            if found ~= 'late' and inbox ~= '' then
                record('d', #id .. ':' .. id .. #inbox .. ':' .. inbox, '')
            end
            return found
        end
        local run, entries = make(at, count)
        local settled = settle_executed(run, entries, behind + 1, number_of[ARGV[behind]])
        for i = 1, count do
            if entries[i] then
                emitted_count = emitted_count + 1
                emitted[emitted_count] = entries[i]
            end
        end
        return settled == count and 'executed' or 'started'
    end

    -- Arguments
    read_budget(2)
    local at = read_queues(3)
    local count, places = count_arg(at, 'runs'), {}
    local keys = {}
    at = at + 1
    for i = 1, count do
        local id = ARGV[at]
        places[2 * i - 1] = at
        at, places[2 * i] = measure(at)
        keys[i] = prefix .. 'run:' .. id
    end
    if at ~= #ARGV + 1 or budget < 1 or count > CHUNK then
        malformed('start')
    end

    -- Phase 1: read and compute
    -- All hashes are looked for at once: nearly always none is there.
    local results, any_exists = {}, count > 0 and call('EXISTS', unpack(keys)) > 0
    for i = 1, count do
        results[i] = begin(places[2 * i - 1], places[2 * i], any_exists)
    end
    overlay_check()
    beside_check()

    -- Phase 2: write
    queues_create()
    ledger_append()
    beside_write()
    overlay_write()
    for i = 1, #finished do
        try('PUBLISH', 'troupe:completion_events', finished[i]) -- a hint: it may fail, the call may not
    end
    return {'ok', now_us, results}
end
return start()
