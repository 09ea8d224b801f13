-- Looks at a lock.
-- KEYS: 1 the lock, 2 its last fencing token
-- Replies: {0} free, {1, holder, pttl, fence} held; fence is 0 if there is none.
local holder = redis.call('GET', KEYS[1])
if not holder then return {0} end
local fence = tonumber(redis.call('GET', KEYS[2]) or 0)
if not (fence and fence >= 0 and fence < 9007199254740992) then
  return redis.error_reply('CORRUPT the fencing token of the key is not one')
end
return {1, holder, redis.call('PTTL', KEYS[1]), fence}
