-- For the scripts that acquire: does nothing behind the time for which they were meant, and looks.
-- Needs: call, KEYS 1 the lock and 2 its last fencing token, ARGV 3 not after: server time in us.
-- Makes: now, `text`, which is `now` in digits, holder, last: the fence, or false. What is longer than
-- any token is no holder, and more than an answer may be.
local time = call('TIME')
local text = #time[2] == 6 and time[1] .. time[2] or time[1] .. string.format('%06d', time[2])
local now = tonumber(text)
if now > tonumber(ARGV[3]) then return {-1, now} end
local holder = call('GET', KEYS[1])
local last = call('GET', KEYS[2])
if last then
  last = tonumber(last)
  if not (last and last >= 0 and last < 9007199254740991) then
    return redis.error_reply('CORRUPT the fencing token of the key is not one')
  end
end
if holder and #holder > 1024 then
  return redis.error_reply('CORRUPT the key holds more than a lock does')
end
