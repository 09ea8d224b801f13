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
-- What may not get a time would be there for ever: the entry is taken back.
local function outlive_entry(queue, waiters, token, life)
  for _, key in ipairs({waiters, queue}) do
    local bounded = redis.call('PTTL', key) >= 2 * life or redis.pcall('PEXPIRE', key, 4 * life)
    if type(bounded) == 'table' then
      drop_entry(queue, waiters, token)
      error(bounded)
    end
  end
end
local function entry_of(now, life, rest)
  return string.format('%d|%d|', now + life * 1000, life) .. rest
end
-- Takes the entry of a token, or puts a fresh one in its place.
local function keep_entry(queue, waiters, token, now, life, entry)
  local call = redis.call
  local former, length = call('HGET', waiters, token), call('LLEN', queue)
  local joins = length == 0 or not entry_lives(former, now)
  if joins and (former or length ~= call('HLEN', waiters)) then drop_entry(queue, waiters, token) end
  call('HSET', waiters, token, entry)
  if joins then call('RPUSH', queue, token) end
  outlive_entry(queue, waiters, token, life)
end
