-- The first of so many new fences. It is never INCR alone: after a fail-over or an old dump a number
-- would come twice.
local function mint(counter, last, now, count)
  local fence = math.max(last + 1, now)
  redis.call('SET', counter, string.format('%d', fence + count - 1))
  return fence
end
