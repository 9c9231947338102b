-- numbers: numbers and their texts, each made once in a call. Printing a number costs the interpreter as
-- much as ten look-ups, and a batch has the same few again and again.
-- luacheck: push ignore 211
local text_of = setmetatable({}, {__index = function(texts, number)
    local text = number .. ''
    texts[number] = text
    return text
end})
local number_of = setmetatable({}, {__index = function(numbers, text)
    local number = tonumber(text)
    numbers[text] = number
    return number
end})
-- luacheck: pop
