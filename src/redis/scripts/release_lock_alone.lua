-- Frees the lock if it is ours: for a slot that moves between two nodes of a cluster, where a command
-- that names more keys is refused. It hands over to nobody: a waiter finds out by a poll.
-- KEYS: 1 the lock
-- ARGV: 1 owner token, 2 '0', 3 '1' to get the time
-- Replies: as release.lua, but that a 0 settles nothing: a queue entry of the token may be left.
local call, key = redis.call, KEYS[1]
local answer = call('GETEX', key) == ARGV[1] and call('DEL', key) or 0
if ARGV[3] ~= '1' then return answer end
-- include parts/clock.lua
local _, now = server_time()
return {answer, now}
