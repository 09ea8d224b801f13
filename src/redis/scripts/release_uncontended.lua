-- Frees the lock if it is ours and nobody waits for it: the common release of a lock that was granted
-- at the first try, so that its token has no queue entry.
-- KEYS: 1 the lock, 2 the queue
-- ARGV: 1 owner token
-- Replies: 1 released, 0 nothing was done: it is to be released by release.lua. So a 0 proves nothing,
-- and may be that of a replica.
local call, key = redis.call, KEYS[1]
if call('GET', key) ~= ARGV[1] or call('EXISTS', KEYS[2]) ~= 0 then return 0 end
return call('DEL', key)
