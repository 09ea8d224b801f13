-- Prolongs a lease that is ours; never shortens it, never makes one.
-- KEYS: 1 the lock, 2 its waiters
-- ARGV: 1 owner token, 2 ttl in ms
-- Replies: 1 renewed, 0 not ours. The no is behind a write that changes nothing, so that a replica,
-- whose data may be old, answers READONLY and not a false no. No token is empty.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('HDEL', KEYS[2], '')
  return 0
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
