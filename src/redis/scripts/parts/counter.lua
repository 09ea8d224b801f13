-- The counter of fencing tokens: one for all locks of a prefix in one hash slot.
-- What it has; or nil and what to answer, if that is no number.
local function counter_of(counter)
  local last = tonumber(redis.call('GET', counter) or 0)
  if last and last >= 0 and last < 9007199254740991 then return last end
  return nil, redis.error_reply('CORRUPT the counter of fencing tokens is not one')
end
