-- Takes a share of the lock if one is free and nobody is before us in the queue, or says how it is.
-- KEYS: 1 the lock: `shared:<of>` while somebody has a share, its ttl being the longest lease,
--       2 to 4 as in acquire.lua, 5 who has shares: token -> end of the lease in us; who has several
--       is there as token|2 and so on, too
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us, 4 how many shares, 5 how many
--       there are, 0 for any number [, 6 life of the place in ms, 7 channel]
-- Replies: as acquire.lua, but that a retry gets a fence of its own, and
--   {-2, now}                  there is another number of shares, or the key is a latch
-- Without a holder in the table nobody knows who has a share, so nobody gets one. The fence is
-- written first, as in acquire.lua: the dead are not counted before, and removed behind it.
local call = redis.call
local token, count, of = ARGV[1], tonumber(ARGV[4]), ARGV[5]
-- include parts/begin.lua
local limit = holder and string.match(holder, '^shared:(%d+)$')
local conflicts = limit and limit ~= of or holder and string.match(holder, '^latch:%d+$')
if conflicts then return {-2, now} end
local used = 0
if limit then
  used = call('ZCOUNT', KEYS[5], '(' .. text, '+inf')
end
local till = used > 0 and call('ZSCORE', KEYS[5], token)
local mine = till and now < tonumber(till)
local room = not holder or limit and used > 0 and (of == '0' or used + count <= tonumber(of))
local queue = not mine and call('LINDEX', KEYS[3], '0')
if not mine and (queue or not room) then
  local life, place = ARGV[6], ARGV[7] and ARGV[7] .. '|' .. ARGV[4] .. '|' .. of
  -- include parts/places.lua
  local turn = room and first()
  if not room or turn and turn ~= token then
    local left = holder and call('PTTL', KEYS[1]) or 0
    if limit and used > 0 then
      local soonest = call('ZRANGE', KEYS[5], '(' .. text, '+inf', 'BYSCORE', 'LIMIT', '0', '1',
        'WITHSCORES')
      left = math.min(left, math.ceil((soonest[2] - now) / 1000))
    end
    local queues = life and left >= 0
    if queues then keep_place() end
    local rank = not queues and 0 or not room and first() == token and 2 or 1
    return {0, now, holder, left, last or 0, rank}
  end
  drop(token)
end
-- include parts/fence.lua
if limit then
  call('ZREMRANGEBYSCORE', KEYS[5], '-inf', string.format('%.0f', now))
  if call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
else
  call('DEL', KEYS[5])
  call('SET', KEYS[1], 'shared:' .. of, 'PX', ARGV[2])
end
till = string.format('%.0f', now + ARGV[2] * 1000)
call('ZADD', KEYS[5], 'GT', till, token)
for i = 2, count do call('ZADD', KEYS[5], 'GT', till, token .. '|' .. i) end
call('PEXPIRE', KEYS[5], '86401000')
if queue then
  local lock, fences, queue_key, waiters, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
  local limit, used = of, call('ZCOUNT', KEYS[5], '-inf', '+inf')
  -- include parts/hand_over.lua
end
if fence == now and now > 1000000000000000 then return now end
return {1, now, fence}
