-- Ends a latch for which nobody waits.
-- KEYS: 1 the latch, 2 its waiters, 3 the queue, 4 the last fencing token, 5 who has counted down
-- ARGV: 1 `latch:<count>`
-- Replies: 1 ended, 0 there is none (behind a write that changes nothing, see renew.lua), {-2, now}
--          somebody waits for it; `now` being the server's time in us.
local call = redis.call
if call('GET', KEYS[1]) ~= ARGV[1] then
  call('HDEL', KEYS[2], '')
  return 0
end
local time = call('TIME')
local now = tonumber(time[1] .. string.format('%06d', time[2]))
for _, who in ipairs(call('LRANGE', KEYS[3], '0', '1023')) do
  local till, life = string.match(call('HGET', KEYS[2], who) or '', '^(%d+)|(%d+)|')
  if till and now < tonumber(till) and tonumber(till) <= now + life * 1000 then
    return {-2, now}
  end
end
call('DEL', KEYS[1])
call('DEL', KEYS[5])
return 1
