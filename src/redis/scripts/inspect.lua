-- Inspects a lock.
-- KEYS: 1 the lock, 2 the counter, 3 the queue, 4 who has shares; see share_acquire.lua
-- Replies: {0, waiting} free, {1, holder, pttl, counter, waiting, shares} held; counter is 0 if there
-- is none, and at least the holder's fence, shares the number of those taken, or of those who have
-- counted a latch down, waiting that of the queue entries, with those that died and that nobody has
-- come across yet.
local call = redis.call
local holder = call('GET', KEYS[1])
local waiting = call('LLEN', KEYS[3])
if not holder then return {0, waiting} end
if #holder > 1024 then return redis.error_reply('CORRUPT the key holds more than a lock does') end
local fence = tonumber(call('GET', KEYS[2]) or 0)
if not (fence and fence >= 0 and fence < 9007199254740992) then
  return redis.error_reply('CORRUPT the counter of fencing tokens is not one')
end
local shares = 0
if string.match(holder, '^shared:%d+$') then
  local time = call('TIME')
  shares = call('ZCOUNT', KEYS[4], time[1] .. string.format('%06d', time[2]), '+inf')
elseif string.match(holder, '^latch:%d+$') then
  shares = call('ZCOUNT', KEYS[4], '(' .. (call('ZSCORE', KEYS[4], '') or '0'), '+inf')
end
return {1, holder, call('PTTL', KEYS[1]), fence, waiting, shares}
