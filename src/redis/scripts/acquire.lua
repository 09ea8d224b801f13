-- Takes the lock if it is free, or says who has it.
-- KEYS: 1 the lock, 2 its last fencing token
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us behind which nothing may be done
-- Replies, `now` being the server's time in us:
--   {1, now, fence}            granted, or ours already (a retry; the lease is never shortened)
--   {0, now, holder, pttl}     held
--   {-1, now}                  stale
-- The fence is written first: if memory is out, that leaves a gap and no lock.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if now > tonumber(ARGV[3]) then return {-1, now} end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {0, now, holder, redis.call('PTTL', KEYS[1])}
end
local fence = now
local last = redis.call('GET', KEYS[2])
if last then
  last = tonumber(last)
  if not (last and last >= 0 and last < 9007199254740991) then
    return redis.error_reply('CORRUPT the fencing token of the key is not one')
  end
  if holder then
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    return {1, now, last}
  end
  if last >= fence then fence = last + 1 end
end
redis.call('SET', KEYS[2], fence, 'EX', 604800)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, now, fence}
