-- Prolongs the lease of shares that are ours; never shortens it, never makes one. A lock that is
-- ours alone becomes one of shares, of which we have what is named, and readers who wait first get
-- theirs.
-- KEYS: 1 the lock, 2 the counter, 3 the queue, 4 its waiters, 5 who has shares; see
--       share_acquire.lua
-- ARGV: 1 owner token, 2 ttl in ms, 3 how many shares, 4 how many there are, 0 for any number
-- Replies: 1 renewed, 0 not ours (after a write that changes nothing, see renew.lua).
local call, keys, args = redis.call, KEYS, ARGV
local token, ttl, count, limit = args[1], tonumber(args[2]), tonumber(args[3]), args[4]
-- include parts/clock.lua
local _, now = server_time()
local holder = call('GET', keys[1])
local alone = holder == token
local ours = holder == 'shared:' .. limit and call('ZSCORE', keys[5], token)
if not alone and not (ours and now < tonumber(ours)) then
  call('HDEL', keys[4], '')
  return 0
end
local left = call('PTTL', keys[1])
if alone then
  call('DEL', keys[5])
  call('SET', keys[1], 'shared:' .. limit, 'PX', math.max(left, ttl))
elseif left < ttl then
  call('PEXPIRE', keys[1], args[2])
end
local till = string.format('%d', now + (alone and math.max(left, ttl) or ttl) * 1000)
call('ZADD', keys[5], 'GT', till, token)
for i = 2, count do call('ZADD', keys[5], 'GT', till, token .. '|' .. i) end
call('PEXPIRE', keys[5], '86401000')
if alone and call('LINDEX', keys[3], '0') then
  -- include parts/hand_over.lua
  hand_over(keys[1], keys[2], keys[3], keys[4], keys[5], now, limit, count)
end
return 1
