-- The server's time in us: in digits, and as a number.
local function server_time()
  local time = redis.call('TIME')
  local text = #time[2] == 6 and time[1] .. time[2] or time[1] .. string.format('%06d', time[2])
  return text, tonumber(text)
end
