-- Takes the lock if it is free and nobody is before us in the queue, or says who has it.
-- KEYS: 1 the lock, 2 its last fencing token, 3 the queue: tokens in the order in which they came,
--       4 the waiters: token -> end of its place in us|life of the place in ms|ttl in ms|channel
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
-- The fence is written first: if memory is out, that leaves a gap and no lock. It is passed as text,
-- since Redis takes longer to print a number than to store it, and gets its 8 days anew once a day,
-- since that takes longer than to store it, too.
-- A place lives while now < end <= now + life: a clock that went back makes none immortal.
local call = redis.call
local token = ARGV[1]
local time = call('TIME')
local text = #time[2] == 6 and time[1] .. time[2] or time[1] .. string.format('%06d', time[2])
local now = tonumber(text)
if now > tonumber(ARGV[3]) then return {-1, now} end
local holder = call('GET', KEYS[1])
local mine = holder == token
local last = call('GET', KEYS[2])
if last then
  last = tonumber(last)
  if not (last and last >= 0 and last < 9007199254740991) then
    return redis.error_reply('CORRUPT the fencing token of the key is not one')
  end
end
if mine then
  if call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
  if last then return {1, now, last} end
end
local queue = not mine and call('LINDEX', KEYS[3], '0')
if queue or not mine and holder then
  local function lives(who)
    local place = call('HGET', KEYS[4], who) or ''
    local till, life = string.match(place, '^(%d+)|(%d+)|')
    return till and now < tonumber(till) and tonumber(till) <= now + life * 1000
  end
  local function drop(who)
    call('HDEL', KEYS[4], who)
    call('LREM', KEYS[3], '1', who)
  end
  -- Whose place is the first that lives; '' if too many dead ones are before it.
  local function first()
    for _ = 1, 16 do
      local head = call('LINDEX', KEYS[3], '0')
      if not head or lives(head) then return head end
      drop(head)
    end
    return ''
  end
  local function outlive_places(key)
    if call('PTTL', key) < 2 * ARGV[4] then call('PEXPIRE', key, 4 * ARGV[4]) end
  end
  local function keep_place()
    local joins = not queue or not lives(token)
    if joins then drop(token) end
    local till = string.format('%.0f', now + ARGV[4] * 1000)
    call('HSET', KEYS[4], token, till .. '|' .. ARGV[4] .. '|' .. ARGV[2] .. '|' .. ARGV[5])
    outlive_places(KEYS[4])
    if joins then call('RPUSH', KEYS[3], token) end
    outlive_places(KEYS[3])
  end
  local turn = not holder and first()
  if holder or turn and turn ~= token then
    local left = holder and call('PTTL', KEYS[1]) or 0
    -- What has no ttl is no lock, and nobody waits for it.
    local queues = ARGV[4] and left >= 0
    if queues then keep_place() end
    local place = not queues and 0 or holder and first() == token and 2 or 1
    return {0, now, holder, left, last or 0, place}
  end
  drop(token)
end
local fence = now
if last and last >= now then
  fence = last + 1
  text = string.format('%.0f', fence)
end
local day = 86400000000
if last and last < now and last - last % day == now - now % day then
  call('SET', KEYS[2], text, 'KEEPTTL')
else
  call('SET', KEYS[2], text, 'EX', '691200')
end
if not mine then call('SET', KEYS[1], token, 'PX', ARGV[2]) end
if fence == now and now > 1000000000000000 then return now end
return {1, now, fence}
