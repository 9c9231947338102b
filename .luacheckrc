-- Scripts run inside Redis 7: Lua 5.1 with these globals. What is checked are the expanded scripts
-- (scripts/lint luacheck).
std = "lua51"
read_globals = {"redis", "cjson", "cmsgpack", "struct", "bit", "KEYS", "ARGV"}
max_line_length = 120
