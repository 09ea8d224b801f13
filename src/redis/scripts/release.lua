-- Frees the lock if it is ours, or keeps it for the rest of its min_hold.
-- KEYS: 1 the lock, 2 its waiters
-- ARGV: 1 owner token, 2 how long the key stays taken, in ms; 0 frees it, 3 '1' to be told the time
-- Replies: 1 released, 0 not ours (behind a write that changes nothing, see renew.lua); with the
-- time {1, now} and {0, now}, `now` being the server's time in us.
-- A kept key matches no token any more, so no late command of ours can touch it. The write before
-- the SET lets it pass when memory is out.
local mine = redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
if mine == 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
elseif ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('SET', KEYS[1], 'kept:' .. ARGV[1], 'PX', ARGV[2])
end
if ARGV[3] ~= '1' then return mine end
local time = redis.call('TIME')
return {mine, tonumber(time[1] .. string.format('%06d', time[2]))}
