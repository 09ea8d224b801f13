-- The common hand-over: all of the lock of `token` to `who`, the head of the queue. False: it is none
-- of the common ones, and nothing was done; hand_over() knows what to do, and why.
-- Needs parts/clock.lua.
-- The HDEL before the SETs lets them pass when memory is out. Where PUBLISH is refused the lock is
-- free, and the entry stays.
local function hand_to_first(lock, counter, queue, waiters, who, token)
  local call = redis.call
  local entry = call('HGET', waiters, who)
  local till, life, ttl, channel = string.match(entry or '', '^(%d+)|(%d+)|(%d+)|([^|]*)$')
  if not till or who == token then return false end
  local text, now = server_time()
  local ends = tonumber(till)
  if now >= ends or ends > now + life * 1000 then return false end
  local was = redis.pcall('GET', counter)
  if was and (type(was) ~= 'string' or was >= text or #was ~= #text) then return false end
  local listening = redis.pcall('PUBSUB', 'NUMSUB', channel)
  if listening.err or tonumber(listening[2]) == 0 then return false end
  local short = tonumber(ttl) < 3000 and ttl or '3000'
  if call('HDEL', waiters, who, token) == 2 then call('LREM', queue, '1', token) end
  call('SET', counter, text)
  call('SET', lock, who, 'PX', short)
  local heard = redis.pcall('PUBLISH', channel, who .. '|' .. text .. '|' .. short)
  if type(heard) == 'number' then
    call('LREM', queue, '1', who)
  else
    call('DEL', lock)
    call('HSET', waiters, who, entry)
    if call('PTTL', waiters) < 2 * life then call('PEXPIRE', waiters, 4 * life) end
  end
  return true
end
