-- Frees the lock if it is ours and hands it over to the first waiters, or keeps it for the rest
-- of its min_hold. Ends the queue entry of the token in any case.
-- KEYS: 1 the lock, 2 the counter, 3 the queue, 4 its waiters, 5 who has shares; see acquire.lua and
--       share_acquire.lua
-- ARGV: 1 owner token, 2 how long the key stays taken, in ms; 0 frees it, 3 '1' to get the time
-- Replies: 1 released, 0 not ours (after a write that changes nothing, see renew.lua); with the
-- time {1, now} and {0, now}, `now` being the server's time in us.
-- A kept key matches no token any more, so no late command of ours can touch it. The write before
-- the SET lets it pass when memory is out.
local call, keys, args = redis.call, KEYS, ARGV
local mine = call('GET', keys[1]) == args[1]
local frees = mine and args[2] == '0'
local head = frees and call('LINDEX', keys[3], '0')
local answer = mine and 1 or 0
if frees and not head and args[3] ~= '1' then return call('DEL', keys[1]) end
-- include parts/clock.lua
-- include parts/hand_to_first.lua
if not (head and hand_to_first(keys[1], keys[2], keys[3], keys[4], head, args[1])) then
  if head or not frees then
    if call('HDEL', keys[4], args[1]) == 1 then call('LREM', keys[3], '1', args[1]) end
  end
  if frees then
    call('DEL', keys[1])
  elseif mine then
    call('SET', keys[1], 'kept:' .. args[1], 'PX', args[2])
  end
  if head then
    -- include parts/hand_over.lua
    local _, now = server_time()
    hand_over(keys[1], keys[2], keys[3], keys[4], keys[5], now)
  end
end
if args[3] ~= '1' then return answer end
local _, now = server_time()
return {answer, now}
