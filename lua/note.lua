#!lua flags=allow-oom
-- note: what executions under way have to say, as events of their runs.
--
-- KEYS  1 meta key of the partition
-- ARGV  epoch, worker, n, n × (run, number, live field, detail: a JSON object of up to 4 KiB)
-- reply ok, time in µs, n words (ok; stale: the token is not what the live field says; gone: its run is over)
--       | epoch | hold
--
-- Invariants: nothing changes but the run's number of events and the ledger; all is read before anything is
-- written.
--@include base.lua
--@include partition.lua
if hold then
    return {'hold'}
end
--@include chunks.lua
--@include queues.lua
--@include ledger.lua
--@include task.lua
local DETAIL_BYTES, NOTES_MOST = 4096, 1000
local worker, count = ARGV[2], count_arg(3, 'notes')
if count > NOTES_MOST or #ARGV ~= 3 + 4 * count or not match(worker, '^[!-~]+$') then
    malformed('note')
end
local words = {}
for i = 1, count do
    local at = 4 * i
    local detail = ARGV[at + 3]
    if not match(ARGV[at], '^[^%s,|]+$') or not match(ARGV[at + 1], '^%d+$') or #detail > DETAIL_BYTES
        or not find(detail, '^{.*}$') then
        malformed('note')
    end
    local task = task_read(ARGV[at], ARGV[at + 1])
    if not task.running then
        words[i] = 'gone'
    elseif not task.state or task.identity .. '|' .. task.rest .. '|' .. task.state ~= ARGV[at + 2] then
        words[i] = 'stale'
    else
        task_record(task, 'progress', worker, detail)
        words[i] = 'ok'
    end
end
ledger_append()
tasks_write()
return {'ok', now_us, words}
