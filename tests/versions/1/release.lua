-- Frees the lock if it is ours and hands it over to those who wait first (parts/hand_over.lua), or
-- keeps it for the rest of its min_hold. Ends the place of the token in the queue in any case.
-- KEYS: 1 the lock, 2 its waiters, 3 the queue, 4 the last fencing token,
--       5 who has shares; see acquire.lua and share_acquire.lua
-- ARGV: 1 owner token, 2 how long the key stays taken, in ms; 0 frees it, 3 '1' to be told the time
-- Replies: 1 released, 0 not ours (behind a write that changes nothing, see renew.lua); with the
-- time {1, now} and {0, now}, `now` being the server's time in us.
-- A kept key matches no token any more, so no late command of ours can touch it. The write before
-- the SET lets it pass when memory is out.
local call = redis.call
local queue = call('LINDEX', KEYS[3], '0')
local mine = call('GET', KEYS[1]) == ARGV[1] and 1 or 0
local frees = mine == 1 and ARGV[2] == '0'
if queue or not frees then
  if call('HDEL', KEYS[2], ARGV[1]) == 1 then call('LREM', KEYS[3], '1', ARGV[1]) end
end
if frees then
  call('DEL', KEYS[1])
elseif mine == 1 then
  call('SET', KEYS[1], 'kept:' .. ARGV[1], 'PX', ARGV[2])
end
local hands_over = frees and queue
if not hands_over and ARGV[3] ~= '1' then return mine end
local time = call('TIME')
local now = tonumber(time[1] .. string.format('%06d', time[2]))
if hands_over then
  local lock, fences, queue_key, waiters, holders = KEYS[1], KEYS[4], KEYS[3], KEYS[2], KEYS[5]
  local limit, used
  -- include parts/hand_over.lua
end
if ARGV[3] ~= '1' then return mine end
return {mine, now}
