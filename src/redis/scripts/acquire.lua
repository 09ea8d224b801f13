-- Takes the lock if it is free and nobody is before us in the queue, or says who has it.
-- KEYS: 1 the lock, 2 the counter of fencing tokens, 3 the queue: tokens in the order in which they
--       came, 4 the waiters: token -> end of its entry in us|life of the entry in ms|ttl in ms|channel,
--       and for a share |count|of
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us after which nothing may be done
--       [, 4 life of the queue entry in ms, 5 channel]: take or keep one, if the lock is not ours now
-- Replies, `now` being the server's time in us:
--   now                        granted, and `now` is the fence: the common case, and the cheapest;
--                              only if it is above 10^15 (2001), so no other answer looks like it
--   {1, now, fence}            granted, or ours already (a retry; the lease is never shortened)
--   {0, now, holder, pttl, counter, entry}
--                              held; without a holder: free, and the turn of another one's entry.
--                              entry: 0 none, 1 one, 2 the first that lives
--   {-1, now}                  stale
--   {-2, now}                  the key is a latch
-- The counter is written before the lock: if memory is out, that leaves a gap and no lock. The
-- common case reads and writes it by one call, and puts it back if it was ahead of the clock: texts
-- of one length compare as their numbers do.
-- A retry gets a fence of its own, since the counter does not tell that of its grant. The PEXPIRE
-- before it lets it pass when memory is out.
-- The clock is read as in parts/clock.lua, without the price of a function.
-- An entry lives while now < end <= now + life: a clock that went back makes none immortal.
local call, keys, args = redis.call, KEYS, ARGV
local time = call('TIME')
local text = #time[2] == 6 and time[1] .. time[2] or time[1] .. string.format('%06d', time[2])
local now = tonumber(text)
if now > tonumber(args[3]) then return {-1, now} end
local token = args[1]
local there = call('EXISTS', keys[1], keys[3])
if there == 0 then
  local was = call('SET', keys[2], text, 'GET')
  if not was or was < text and #was == #text then
    call('SET', keys[1], token, 'PX', args[2])
    if now > 1000000000000000 then return now end
    return {1, now, now}
  end
  call('SET', keys[2], was)
end
-- The first waiter, the common case, begins the queue: as what follows would, but without its functions.
-- Without a time the queue would be there for ever.
local life = tonumber(args[4])
local other = there == 1 and life and call('GET', keys[1])
if other and other ~= token and #other <= 1024 and
  (string.byte(other) ~= 108 or string.sub(other, 1, 6) ~= 'latch:') then
  local last, left = tonumber(call('GET', keys[2]) or 0), call('PTTL', keys[1])
  if left >= 0 and last and last >= 0 and last < 9007199254740991 then
    local longest = string.format('%d', 4 * life)
    local entry = string.format('%d|%s|%s|%s', now + life * 1000, args[4], args[2], args[5])
    call('HSET', keys[4], token, entry)
    call('RPUSH', keys[3], token)
    local bounded = redis.pcall('PEXPIRE', keys[4], longest)
    if type(bounded) == 'table' then
      call('HDEL', keys[4], token)
      call('LREM', keys[3], '1', token)
      return bounded
    end
    call('PEXPIRE', keys[3], longest)
    return {0, now, other, left, last, 2}
  end
end
-- include parts/holder.lua
-- include parts/counter.lua
local last, fault = counter_of(keys[2])
if fault then return fault end
local holder
holder, fault = holder_of(keys[1])
if fault then return fault end
local ours = holder == token
if holder and not ours and string.match(holder, '^latch:%d+$') then return {-2, now} end
local left = holder and call('PTTL', keys[1]) or 0
local entry
if life then
  entry = string.format('%d|%d|', now + life * 1000, life) .. args[2] .. '|' .. args[5]
end
-- What has no ttl is no lock, and nobody waits for it.
if left < 0 and not ours then return {0, now, holder, left, last, 0} end
-- include parts/mint.lua
-- include parts/entries.lua
if ours then
  call('PEXPIRE', keys[1], string.format('%d', math.max(left, tonumber(args[2]))))
  return {1, now, mint(keys[2], last, now, 1)}
end
local first = not holder and first_entry(keys[3], keys[4], now)
if holder or first and first ~= token then
  if not life then return {0, now, holder, left, last, 0} end
  keep_entry(keys[3], keys[4], token, now, life, entry)
  local is_first = holder and first_entry(keys[3], keys[4], now) == token
  return {0, now, holder, left, last, is_first and 2 or 1}
end
drop_entry(keys[3], keys[4], token)
local fence = mint(keys[2], last, now, 1)
call('SET', keys[1], token, 'PX', args[2])
if fence == now and now > 1000000000000000 then return now end
return {1, now, fence}
