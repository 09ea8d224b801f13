-- Prolongs a lease that is ours; never shortens it, never makes one.
-- KEYS: 1 the lock
-- ARGV: 1 owner token, 2 ttl in ms
-- Replies: 1 renewed, 0 not ours. GETEX without options reads, and is a write to the server: so a
-- replica, whose data may be old, answers READONLY and not a false no.
local call, key = redis.call, KEYS[1]
if call('GETEX', key) ~= ARGV[1] then return 0 end
if call('PTTL', key) < tonumber(ARGV[2]) then call('PEXPIRE', key, ARGV[2]) end
return 1
