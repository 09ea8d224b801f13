-- Ends a latch for which nobody waits. Those who counted are remembered, see latch.lua.
-- KEYS: 1 the latch, 2 its last fencing token, 3 the queue, 4 its waiters, 5 who has counted down
-- ARGV: 1 `latch:<count>`
-- Replies: 1 ended, 0 there is none (behind a write that changes nothing, see renew.lua), {-2, now}
--          somebody waits for it; `now` being the server's time in us.
local call = redis.call
if call('GET', KEYS[1]) ~= ARGV[1] then
  call('HDEL', KEYS[4], '')
  return 0
end
local time = call('TIME')
local now = tonumber(time[1] .. string.format('%06d', time[2]))
-- include parts/places.lua
if first() then return {-2, now} end
call('DEL', KEYS[1])
call('PEXPIRE', KEYS[5], '7200000')
return 1
