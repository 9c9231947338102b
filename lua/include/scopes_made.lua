-- scopes_made: the functions of scopes.lua, made when a call first uses one: most tokens stand in no loop, and a
-- function that is made costs every call.
-- luacheck: push ignore 211
local scopes = setmetatable({}, {__index = function(made, word)
    --@include scopes.lua
    made.scope_fit, made.frame_of, made.frame_outer, made.scope_outer = scope_fit, frame_of, frame_outer, scope_outer
    made.each_overlapping, made.each_export, made.is_over = each_overlapping, each_export, is_over
    made.is_younger = is_younger
    return rawget(made, word)
end})
-- luacheck: pop
