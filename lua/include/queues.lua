-- queues: the streams of a call, each looked at once and before the first write.
--
-- A missing stream or group is only noted while reading; queues_create makes them, at `0`, as the first
-- thing that a call writes. That write is harmless by itself.
-- luacheck: push ignore 211 241
local queue_names = {} -- by index as text, from '0': the list of the call
local queue_count = 0
local queue_seen = {} -- name -> key
local queue_writable = {}
local queues_missing = {}

local function queue_key(name)
    local key = queue_seen[name]
    if key then
        return key
    end
    key = prefix .. 'q:' .. name
    local answer = try('XPENDING', key, 'fleet', '-', '+', 0)
    if answer.err then
        if sub(answer.err, 1, 7) ~= 'NOGROUP' then
            error(answer)
        end
        queues_missing[#queues_missing + 1] = key
    end
    queue_seen[name] = key
    return key
end

-- The last id that a stream gave, once: nil when there is none.
local function stream_last_id(key)
    local info = try('XINFO', 'STREAM', key)
    if info.err then
        if sub(info.err, 1, 15) ~= 'ERR no such key' then
            error(info)
        end
        return nil
    end
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
            return info[i + 1]
        end
    end
end

-- Before an XADD with an automatic id: a stream whose last id is the highest there is takes no more.
local function check_writable(name, key)
    if not queue_writable[name] then
        if sub(stream_last_id(key) or '', 1, 21) == '18446744073709551615-' then
            error({err = 'EXHAUSTED ' .. key .. ' takes no more entries'})
        end
        queue_writable[name] = true
    end
    return key
end

local function queue_key_to_add(name)
    return check_writable(name, queue_key(name))
end

-- A queue of tasks has no group: what is given out leaves it.
local function task_stream_to_add(name)
    return check_writable(name, prefix .. 'q:' .. name)
end

local function queues_create()
    for i = 1, #queues_missing do
        call('XGROUP', 'CREATE', queues_missing[i], 'fleet', '0', 'MKSTREAM')
    end
    queues_missing = {}
end

-- nqueues, queue… from ARGV[at]; returns the index behind them. looks: at each of them, before any write.
local function read_queues(at, looks)
    queue_count = count_arg(at, 'queues')
    for i = 0, queue_count - 1 do
        local name = ARGV[at + 1 + i]
        if not name or not match(name, '^[^%s,|]+$') then
            malformed('queue')
        end
        queue_names[i .. ''] = name
        if looks then
            queue_key(name)
        end
    end
    return at + 1 + queue_count
end
-- luacheck: pop
