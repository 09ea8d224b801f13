-- The queue: a list of tokens, and a hash of what is known of each. The two are in step, but where
-- one of them was lost.
local function entry_lives(entry, now)
  local till, life = string.match(entry or '', '^(%d+)|(%d+)|')
  return till and now < tonumber(till) and tonumber(till) <= now + life * 1000
end
local function drop_entry(queue, waiters, token)
  redis.call('HDEL', waiters, token)
  redis.call('LREM', queue, '1', token)
end
-- Whose entry is the first that lives; '' if too many dead ones are before it.
local function first_entry(queue, waiters, now)
  for _ = 1, 16 do
    local head = redis.call('LINDEX', queue, '0')
    if not head or entry_lives(redis.call('HGET', waiters, head), now) then return head end
    drop_entry(queue, waiters, head)
  end
  return ''
end
local function outlive_entry(key, life)
  if redis.call('PTTL', key) < 2 * life then redis.call('PEXPIRE', key, 4 * life) end
end
-- Takes or refreshes the entry of a token. `rest` is what follows its life in it.
local function keep_entry(queue, waiters, token, now, life, rest)
  local call = redis.call
  local entry, length = call('HGET', waiters, token), call('LLEN', queue)
  local joins = length == 0 or not entry_lives(entry, now)
  if joins and (entry or length ~= call('HLEN', waiters)) then drop_entry(queue, waiters, token) end
  call('HSET', waiters, token, string.format('%d|%d|', now + life * 1000, life) .. rest)
  outlive_entry(waiters, life)
  if joins then call('RPUSH', queue, token) end
  outlive_entry(queue, life)
end
