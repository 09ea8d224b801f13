-- Gives shares back, or all of the lock if it is ours alone still, and hands what is free over to
-- those who wait first (parts/hand_over.lua); or keeps it for the rest of its min_hold. Ends the
-- place of the token in the queue in any case.
-- KEYS: 1 the lock, 2 its waiters, 3 the queue, 4 the last fencing token, 5 who has shares; see
--       share_acquire.lua
-- ARGV: 1 owner token, 2 how long it stays taken, in ms; 0 frees it, 3 '1' to be told the time,
--       4 how many shares
-- Replies: as release.lua.
local call = redis.call
local token, keep = ARGV[1], tonumber(ARGV[2])
local time = call('TIME')
local now = tonumber(time[1] .. string.format('%06d', time[2]))
local queue = call('LINDEX', KEYS[3], '0')
local holder = call('GET', KEYS[1])
local limit = holder and string.match(holder, '^shared:(%d+)$')
local alone = holder == token
local till = limit and call('ZSCORE', KEYS[5], token)
local mine = alone or till and now < tonumber(till)
if queue or not mine or keep > 0 then
  if call('HDEL', KEYS[2], token) == 1 then call('LREM', KEYS[3], '1', token) end
end
local used
if mine and alone then
  call('DEL', KEYS[1])
  if keep > 0 then call('SET', KEYS[1], 'kept:' .. token, 'PX', ARGV[2]) end
elseif mine then
  local kept_till = string.format('%.0f', now + keep * 1000)
  for i = 1, tonumber(ARGV[4]) do
    local member = i == 1 and token or token .. '|' .. i
    call('ZREM', KEYS[5], member)
    if keep > 0 then call('ZADD', KEYS[5], kept_till, 'kept:' .. member) end
  end
  call('ZREMRANGEBYSCORE', KEYS[5], '-inf', string.format('%.0f', now))
  local longest = call('ZRANGE', KEYS[5], '0', '0', 'REV', 'WITHSCORES')[2]
  if longest then
    call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((longest - now) / 1000)))
    used = call('ZCOUNT', KEYS[5], '-inf', '+inf')
  else
    call('DEL', KEYS[1])
    limit = nil
  end
end
if mine and queue and not (alone and keep > 0) then
  local lock, fences, queue_key, waiters, holders = KEYS[1], KEYS[4], KEYS[3], KEYS[2], KEYS[5]
  -- include parts/hand_over.lua
end
local answer = mine and 1 or 0
if ARGV[3] ~= '1' then return answer end
return {answer, now}
