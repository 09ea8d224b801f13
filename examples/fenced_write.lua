-- Writes a value unless a later holder was here before. Value and token are in one hash, so nothing
-- can expire, move or be evicted without the other.
-- KEYS: 1 the hash, with the fields `value` and `fence`
-- ARGV: 1 fencing token, 2 value, 3 life of both in ms from now, longer than any holder may be paused
-- Replies: 1 written, 0 refused
local function number(text, what)
  local value = string.match(text, '^%d+$') and tonumber(text) or 0
  if value < 1 or value >= 2^53 then error(what .. ' is not in the range of 1 to 2^53 - 1', 0) end
  return value
end
local token, life = number(ARGV[1], 'the token'), number(ARGV[3], 'the life')
local newest = redis.call('HGET', KEYS[1], 'fence')
if newest and number(newest, 'the stored token') > token then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'fence', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
