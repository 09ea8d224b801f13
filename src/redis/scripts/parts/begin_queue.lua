-- Takes the first entry of a queue of which there was none; see entries.lua.
local function begin_queue(queue, waiters, token, now, life, rest)
  local call = redis.call
  local longest = string.format('%d', 4 * life)
  call('HSET', waiters, token, string.format('%d|%d|', now + life * 1000, life) .. rest)
  call('RPUSH', queue, token)
  call('PEXPIRE', waiters, longest)
  call('PEXPIRE', queue, longest)
end
