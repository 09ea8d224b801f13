-- Prolongs the lease of shares that are ours; never shortens it, never makes one. A lock that is
-- ours alone becomes one of shares, of which we have what is named, and readers who wait first get
-- theirs (parts/hand_over.lua).
-- KEYS: 1 the lock, 2 its waiters, 3 who has shares, 4 the last fencing token, 5 the queue; see
--       share_acquire.lua
-- ARGV: 1 owner token, 2 ttl in ms, 3 how many shares, 4 how many there are, 0 for any number
-- Replies: 1 renewed, 0 not ours; see renew.lua.
local call = redis.call
local token, ttl, count, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = call('TIME')
local now = tonumber(time[1] .. string.format('%06d', time[2]))
local holder = call('GET', KEYS[1])
local alone = holder == token
local ours = holder == 'shared:' .. limit and call('ZSCORE', KEYS[3], token)
if not alone and not (ours and now < tonumber(ours)) then
  call('HDEL', KEYS[2], '')
  return 0
end
local left = call('PTTL', KEYS[1])
if alone then
  call('DEL', KEYS[3])
  call('SET', KEYS[1], 'shared:' .. limit, 'PX', math.max(left, ttl))
elseif left < ttl then
  call('PEXPIRE', KEYS[1], ARGV[2])
end
local till = string.format('%.0f', now + (alone and math.max(left, ttl) or ttl) * 1000)
call('ZADD', KEYS[3], 'GT', till, token)
for i = 2, count do call('ZADD', KEYS[3], 'GT', till, token .. '|' .. i) end
call('PEXPIRE', KEYS[3], '86401000')
if alone and call('LINDEX', KEYS[5], '0') then
  local lock, fences, queue_key, waiters, holders = KEYS[1], KEYS[4], KEYS[5], KEYS[2], KEYS[3]
  local used = count
  -- include parts/hand_over.lua
end
return 1
