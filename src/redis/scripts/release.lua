-- Frees the lock if it is ours and hands it over to the first that waits, or keeps it for the rest
-- of its min_hold. Ends the place of the token in the queue in any case.
-- KEYS: 1 the lock, 2 its waiters, 3 the queue, 4 the last fencing token; see acquire.lua
-- ARGV: 1 owner token, 2 how long the key stays taken, in ms; 0 frees it, 3 '1' to be told the time
-- Replies: 1 released, 0 not ours (behind a write that changes nothing, see renew.lua); with the
-- time {1, now} and {0, now}, `now` being the server's time in us.
-- Message to the channel of the place: token|fence|how long the lock is his, in ms
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
  local last = tonumber(redis.pcall('GET', KEYS[4]) or 0)
  local fence = last and last >= 0 and last < 9007199254740991 and math.max(last + 1, now)
  -- Gives 0 if nobody listens, or an error if we may not ask or tell; then nothing is granted.
  -- Once it is told, the grant stays: replicas pass the message on to listeners of theirs, whom the
  -- answer to PUBLISH does not count. What a script did stays when it fails, so the lock is there
  -- before its new holder is told. That it was freed before lets it pass when memory is out.
  local function grant(who, ttl, channel)
    local listening = redis.pcall('PUBSUB', 'NUMSUB', channel)
    if listening.err or tonumber(listening[2]) == 0 then return listening.err or 0 end
    local short = string.format('%d', math.min(3000, ttl))
    local text = string.format('%.0f', fence)
    call('SET', KEYS[4], text, 'EX', '691200')
    call('SET', KEYS[1], who, 'PX', short)
    local heard = redis.pcall('PUBLISH', channel, who .. '|' .. text .. '|' .. short)
    if type(heard) == 'number' then return 1 end
    call('DEL', KEYS[1])
    return heard.err
  end
  -- How many places are kept though nobody listens for them now: their owners may be connecting.
  local deaf = 0
  for _ = 1, fence and 16 or 0 do
    local who = call('LINDEX', KEYS[3], deaf)
    if not who then break end
    local place = call('HGET', KEYS[2], who) or ''
    local till, life, ttl, channel = string.match(place, '^(%d+)|(%d+)|(%d+)|(.*)$')
    local lives = till and now < tonumber(till) and tonumber(till) <= now + life * 1000
    local heard = lives and grant(who, ttl, channel)
    if heard == 0 then
      deaf = deaf + 1
    elseif heard and type(heard) ~= 'number' then
      break
    else
      call('HDEL', KEYS[2], who)
      call('LREM', KEYS[3], '1', who)
      if heard then break end
    end
  end
end
if ARGV[3] ~= '1' then return mine end
return {mine, now}
