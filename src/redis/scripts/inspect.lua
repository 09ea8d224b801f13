-- Looks at a lock.
-- KEYS: 1 the lock, 2 its last fencing token
-- Replies: {0} free, {1, holder, pttl, fence} held; fence is 0 if there is none.
local holder = redis.call('GET', KEYS[1])
if not holder then return {0} end
return {1, holder, redis.call('PTTL', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or 0)}
