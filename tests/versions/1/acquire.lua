-- Takes the lock if it is free and nobody is before us in the queue, or says who has it.
-- KEYS: 1 the lock, 2 its last fencing token, 3 the queue: tokens in the order in which they came,
--       4 the waiters: token -> end of its place in us|life of the place in ms|ttl in ms|channel,
--         and for a share |count|of
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us behind which nothing may be done
--       [, 4 life of the place in ms, 5 channel]: take or keep a place, if the lock is not ours now
-- Replies, `now` being the server's time in us:
--   now                        granted, and `now` is the fence: the common case, and the cheapest;
--                              only if it is above 10^15 (2001), so no other answer looks like it
--   {1, now, fence}            granted, or ours already (a retry; the lease is never shortened)
--   {0, now, holder, pttl, last fence, place}
--                              held; without a holder: free, and the turn of another one's place.
--                              place: 0 none, 1 one, 2 the first that lives
--   {-1, now}                  stale
--   {-2, now}                  the key is a latch
-- The fence is written first: if memory is out, that leaves a gap and no lock. It is passed as text,
-- since Redis takes longer to print a number than to store it, and gets its 8 days anew once a day,
-- since that takes longer than to store it, too.
-- A place lives while now < end <= now + life: a clock that went back makes none immortal.
local call = redis.call
local token = ARGV[1]
-- include parts/begin.lua
local mine = holder == token
if mine then
  if call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
  if last then return {1, now, last} end
end
local queue = not mine and call('LINDEX', KEYS[3], '0')
if queue or not mine and holder then
  if holder and string.match(holder, '^latch:%d+$') then return {-2, now} end
  local life, place = ARGV[4], ARGV[5]
  -- include parts/places.lua
  local turn = not holder and first()
  if holder or turn and turn ~= token then
    local left = holder and call('PTTL', KEYS[1]) or 0
    -- What has no ttl is no lock, and nobody waits for it.
    local queues = life and left >= 0
    if queues then keep_place() end
    local rank = not queues and 0 or holder and first() == token and 2 or 1
    return {0, now, holder, left, last or 0, rank}
  end
  drop(token)
end
-- include parts/fence.lua
if not mine then call('SET', KEYS[1], token, 'PX', ARGV[2]) end
if fence == now and now > 1000000000000000 then return now end
return {1, now, fence}
