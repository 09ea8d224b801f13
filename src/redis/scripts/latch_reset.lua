-- Ends a latch without waiters. The tokens that counted are remembered, see latch.lua.
-- KEYS: 1 the latch, 2 the counter, 3 the queue, 4 its waiters, 5 who has counted down
-- ARGV: 1 `latch:<count>`
-- Replies: 1 ended, 0 there is none (after a write that changes nothing, see renew.lua), {-2, now}
--          somebody waits for it; `now` being the server's time in us.
local call, keys = redis.call, KEYS
if call('GET', keys[1]) ~= ARGV[1] then
  call('HDEL', keys[4], '')
  return 0
end
-- include parts/clock.lua
-- include parts/entries.lua
local _, now = server_time()
if first_entry(keys[3], keys[4], now) then return {-2, now} end
call('DEL', keys[1])
call('PEXPIRE', keys[5], '7200000')
return 1
