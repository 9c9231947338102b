-- session: the call's consumer (ARGV[2]) and its session (ARGV[3]) must be the latest that `hello` gave.
local workers_key = prefix .. 'workers'
local consumer, session = ARGV[2], ARGV[3]
local registered = consumer and call('HGET', workers_key, consumer)
if not registered or match(registered, '^%d+') ~= session then
    return {'session'}
end
