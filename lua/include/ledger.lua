-- ledger: the one entry that a call appends, ids EPOCH-SEQ without a gap.
--
-- ledger_append is the first write of a call that has records: should the id not fit the stream
-- (somebody else wrote there), it fails and nothing has changed.
local ledger_key = prefix .. 'ledger'
local records, records_count = {}, 0
call('XLEN', ledger_key) -- its type, and that it is here, before any write

local length_texts = {} -- records are of much the same length, and numbers cost much to print
local function length_text(length)
    local text = length .. ':'
    length_texts[length] = text
    return text
end

local function record(kind, callers_part, scripts_part)
    local n = records_count
    local length = #callers_part
    records[n + 1], records[n + 2] = kind .. (length_texts[length] or length_text(length)), callers_part
    length = #scripts_part
    records[n + 3], records[n + 4] = length_texts[length] or length_text(length), scripts_part
    records_count = n + 4
end

local function ledger_append()
    if records_count > 0 then
        local next_seq = format('%.0f', seq + 1)
        call('XADD', ledger_key, epoch .. '-' .. next_seq, 't', now_us, 'b', concat(records, '', 1, records_count))
        call('HSET', KEYS[1], 'seq', next_seq)
    end
end
