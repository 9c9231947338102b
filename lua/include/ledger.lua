-- ledger: the one entry that a call appends, ids EPOCH-SEQ without a gap.
--
-- ledger_append is the first write of a call that has records: should the id not fit the stream
-- (somebody else wrote there), it fails and nothing has changed.
local ledger_key = prefix .. 'ledger'
local records = {}
call('XLEN', ledger_key) -- its type, and that it is here, before any write

local function record(kind, callers_part, scripts_part)
    local n = #records
    records[n + 1] = kind .. #callers_part .. ':'
    records[n + 2] = callers_part
    records[n + 3] = #scripts_part .. ':'
    records[n + 4] = scripts_part
end

local function ledger_append()
    if #records > 0 then
        local next_seq = format('%.0f', seq + 1)
        call('XADD', ledger_key, epoch .. '-' .. next_seq, 't', now_us, 'b', concat(records))
        call('HSET', KEYS[1], 'seq', next_seq)
    end
end
