-- Counts a latch down, or takes a queue entry among those who wait for it to open.
-- KEYS: 1 the latch: `latch:<count>`, 2 to 4 as in acquire.lua, 5 who has counted down: token ->
--       when, in us; and of no token: when this life of the latch began
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us, 4 '1' counts down, '0' waits,
--       5 the count [, 6 life of the queue entry in ms, 7 channel]
-- Replies: as acquire.lua; held means that it is not open yet. And
--   {-2, now}                  the key is no latch of that count
-- It lives for the ttl after the last command. A token counts once, however often it comes, also
-- when the latch has ended meanwhile and this is another life of it: so those who counted before are
-- remembered for two hours, which is longer than a command may be late. What needs memory is written
-- first.
local call, keys, args = redis.call, KEYS, ARGV
local token = args[1]
-- include parts/clock.lua
-- include parts/holder.lua
-- include parts/counter.lua
-- include parts/entries.lua
local _, now = server_time()
if now > tonumber(args[3]) then return {-1, now} end
local last, fault = counter_of(keys[2])
if fault then return fault end
local holder
holder, fault = holder_of(keys[1])
if fault then return fault end
local latch = 'latch:' .. args[5]
if holder and holder ~= latch then return {-2, now} end
if not holder then
  call('SET', keys[1], latch, 'PX', args[2])
  call('ZREMRANGEBYSCORE', keys[5], '-inf', string.format('%d', now - 7200000000))
  local newest = call('ZRANGE', keys[5], '0', '0', 'REV', 'WITHSCORES')[2]
  local begin = math.max(now, (tonumber(newest) or 0) + 1)
  call('ZADD', keys[5], string.format('%d', begin), '')
end
local began = tonumber(call('ZSCORE', keys[5], '') or 0)
if args[4] == '1' then
  call('ZADD', keys[5], 'NX', string.format('%d', math.max(now, began + 1)), token)
end
if call('PTTL', keys[1]) < tonumber(args[2]) then call('PEXPIRE', keys[1], args[2]) end
call('PEXPIRE', keys[5], '93600000')
local queue = call('LINDEX', keys[3], '0')
local counted = call('ZCOUNT', keys[5], string.format('(%d', began), '+inf')
if counted < tonumber(args[5]) then
  if args[4] == '1' then return {1, now, math.max(last, 1)} end
  local life = tonumber(args[6])
  local rank = 0
  if life then
    local rest = args[2] .. '|' .. args[7] .. '|0|L' .. args[5]
    keep_entry(keys[3], keys[4], token, now, life, entry_of(now, life, rest))
    rank = first_entry(keys[3], keys[4], now) == token and 2 or 1
  end
  return {0, now, latch, call('PTTL', keys[1]), last, rank}
end
if queue then
  -- include parts/hand_over.lua
  if call('HDEL', keys[4], token) == 1 then call('LREM', keys[3], '1', token) end
  hand_over(keys[1], keys[2], keys[3], keys[4], keys[5], now, 'L' .. args[5], 0)
end
return {1, now, math.max(last, 1)}
