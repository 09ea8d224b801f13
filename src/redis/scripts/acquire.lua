-- Takes the lock if it is free, or says who has it.
-- KEYS: 1 the lock, 2 its last fencing token
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us behind which nothing may be done
-- Replies, `now` being the server's time in us:
--   now                        granted, and `now` is the fence: the common case, and the cheapest;
--                              only if it is above 10^15 (2001), so no other answer looks like it
--   {1, now, fence}            granted, or ours already (a retry; the lease is never shortened)
--   {0, now, holder, pttl}     held
--   {-1, now}                  stale
-- The fence is written first: if memory is out, that leaves a gap and no lock. It is passed as text,
-- since Redis takes longer to print a number than to store it.
local call = redis.call
local time = call('TIME')
local text = time[1] .. string.format('%06d', time[2])
local now = tonumber(text)
if now > tonumber(ARGV[3]) then return {-1, now} end
local holder = call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {0, now, holder, call('PTTL', KEYS[1])}
end
local fence = now
local last = call('GET', KEYS[2])
if last then
  last = tonumber(last)
  if not (last and last >= 0 and last < 9007199254740991) then
    return redis.error_reply('CORRUPT the fencing token of the key is not one')
  end
  if last >= now then
    fence = last + 1
    text = string.format('%.0f', fence)
  end
end
if holder then
  if call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
  if last then return {1, now, last} end
end
call('SET', KEYS[2], text, 'EX', '604800')
if not holder then call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
if fence == now and now > 1000000000000000 then return now end
return {1, now, fence}
