-- For the scripts that acquire, and latch_reset, which only asks for the first one: who stands before
-- us, and our own place.
-- Needs: call, token, now, queue (whether there is one), KEYS 3 the queue and 4 the waiters,
--        ARGV 2 the ttl in ms, and `life` of the place, `place`: what follows the ttl in it.
local function lives(who)
  local entry = call('HGET', KEYS[4], who) or ''
  local till, long = string.match(entry, '^(%d+)|(%d+)|')
  return till and now < tonumber(till) and tonumber(till) <= now + long * 1000
end
local function drop(who)
  call('HDEL', KEYS[4], who)
  call('LREM', KEYS[3], '1', who)
end
-- Whose place is the first that lives; '' if too many dead ones are before it.
local function first()
  for _ = 1, 16 do
    local head = call('LINDEX', KEYS[3], '0')
    if not head or lives(head) then return head end
    drop(head)
  end
  return ''
end
local function outlive_places(key)
  if call('PTTL', key) < 2 * life then call('PEXPIRE', key, 4 * life) end
end
local function keep_place()
  local joins = not queue or not lives(token)
  if joins then drop(token) end
  local till = string.format('%.0f', now + life * 1000)
  call('HSET', KEYS[4], token, till .. '|' .. life .. '|' .. ARGV[2] .. '|' .. place)
  outlive_places(KEYS[4])
  if joins then call('RPUSH', KEYS[3], token) end
  outlive_places(KEYS[3])
end
