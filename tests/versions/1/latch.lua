-- Counts a latch down, or takes a place among those who wait for it to open.
-- KEYS: 1 the latch: `latch:<count>`, 2 to 4 as in acquire.lua, 5 who has counted down: token ->
--       when, in us; and of no token: when this life of the latch began
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us, 4 '1' counts down, '0' waits,
--       5 the count [, 6 life of the place in ms, 7 channel]
-- Replies: as acquire.lua; held means that it is not open yet. And
--   {-2, now}                  the key is no latch of that count
-- It lives for the ttl after the last command. A token counts once, however often it comes, also
-- when the latch has ended meanwhile and this is another life of it: so those who counted before are
-- remembered for two hours, which is longer than a command may be late. What needs memory is written
-- first.
local call = redis.call
local token = ARGV[1]
-- include parts/begin.lua
last = last or 0
local latch = 'latch:' .. ARGV[5]
if holder and holder ~= latch then return {-2, now} end
if not holder then
  call('SET', KEYS[1], latch, 'PX', ARGV[2])
  call('ZREMRANGEBYSCORE', KEYS[5], '-inf', string.format('%.0f', now - 7200000000))
  local newest = call('ZRANGE', KEYS[5], '0', '0', 'REV', 'WITHSCORES')[2]
  local begin = math.max(now, (tonumber(newest) or 0) + 1)
  call('ZADD', KEYS[5], string.format('%.0f', begin), '')
end
local began = tonumber(call('ZSCORE', KEYS[5], '') or 0)
if ARGV[4] == '1' then
  call('ZADD', KEYS[5], 'NX', string.format('%.0f', math.max(now, began + 1)), token)
end
if call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
call('PEXPIRE', KEYS[5], '93600000')
local queue = call('LINDEX', KEYS[3], '0')
local counted = call('ZCOUNT', KEYS[5], string.format('(%.0f', began), '+inf')
if counted < tonumber(ARGV[5]) then
  if ARGV[4] == '1' then return {1, now, math.max(last, 1)} end
  local life, place = ARGV[6], ARGV[7] and ARGV[7] .. '|0|L' .. ARGV[5]
  -- include parts/places.lua
  if life then keep_place() end
  local rank = not life and 0 or first() == token and 2 or 1
  return {0, now, latch, call('PTTL', KEYS[1]), last, rank}
end
if queue then
  if call('HDEL', KEYS[4], token) == 1 then call('LREM', KEYS[3], '1', token) end
  local lock, fences, queue_key, waiters, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
  local limit, used = 'L' .. ARGV[5], 0
  -- include parts/hand_over.lua
end
return {1, now, math.max(last, 1)}
