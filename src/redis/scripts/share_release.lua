-- Gives shares back, or all of the lock if it is ours alone still, and hands what is free over to
-- those who wait first; or keeps it for the rest of its min_hold. Ends the queue entry of the token
-- in any case.
-- KEYS: as in share_renew.lua
-- ARGV: 1 owner token, 2 how long it stays taken, in ms; 0 frees it, 3 '1' to get the time,
--       4 how many shares
-- Replies: as release.lua.
local call, keys, args = redis.call, KEYS, ARGV
local token, keep = args[1], tonumber(args[2])
-- include parts/clock.lua
local text, now = server_time()
local queue = call('LINDEX', keys[3], '0')
local holder = call('GET', keys[1])
local limit = holder and string.match(holder, '^shared:(%d+)$')
local alone = holder == token
local till = limit and call('ZSCORE', keys[5], token)
local mine = alone or till and now < tonumber(till)
if queue or not mine or keep > 0 then
  if call('HDEL', keys[4], token) == 1 then call('LREM', keys[3], '1', token) end
end
local used
if mine and alone then
  call('DEL', keys[1])
  if keep > 0 then call('SET', keys[1], 'kept:' .. token, 'PX', args[2]) end
elseif mine then
  local kept_till = string.format('%d', now + keep * 1000)
  for i = 1, tonumber(args[4]) do
    local member = i == 1 and token or token .. '|' .. i
    call('ZREM', keys[5], member)
    if keep > 0 then call('ZADD', keys[5], kept_till, 'kept:' .. member) end
  end
  call('ZREMRANGEBYSCORE', keys[5], '-inf', text)
  local longest = call('ZRANGE', keys[5], '0', '0', 'REV', 'WITHSCORES')[2]
  if longest then
    call('PEXPIRE', keys[1], string.format('%d', math.ceil((longest - now) / 1000)))
    used = call('ZCOUNT', keys[5], '-inf', '+inf')
  else
    call('DEL', keys[1])
    limit = nil
  end
end
if mine and queue and not (alone and keep > 0) then
  -- include parts/hand_over.lua
  hand_over(keys[1], keys[2], keys[3], keys[4], keys[5], now, limit, used)
end
local answer = mine and 1 or 0
if args[3] ~= '1' then return answer end
return {answer, now}
