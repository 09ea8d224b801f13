-- What the key holds; or nil and what to answer. What is longer than any token is no holder, and
-- more than an answer may be.
local function holder_of(lock)
  local holder = redis.call('GET', lock)
  if not holder or #holder <= 1024 then return holder end
  return nil, redis.error_reply('CORRUPT the key holds more than a lock does')
end
