-- numbers: numbers and their texts, each made once in a call. Printing a number costs the interpreter as
-- much as ten look-ups, and a batch has the same few again and again; a count's text is that of its tenth and
-- a digit.
-- luacheck: push ignore 211
local text_of = setmetatable({}, {__index = function(texts, number)
    local text
    if number > 9 and number < 1e14 then -- what is longer is printed in another way
        local last = number % 10
        text = texts[(number - last) / 10] .. texts[last]
    else
        text = number .. ''
    end
    texts[number] = text
    return text
end})
local number_of = setmetatable({}, {__index = function(numbers, text)
    local number = tonumber(text)
    numbers[text] = number
    return number
end})
-- luacheck: pop
