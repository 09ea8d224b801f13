-- For the scripts that free something: gives it to those who wait first, with one message for each
-- of their processes. A free lock goes to the first that lives; if that wants a share of it, those
-- after it that want one, too, get theirs at once, as far as there are. Of a latch that is open
-- nobody gets anything: all are notified.
-- `limit`: how many shares there are, as text, or `L<count>` of a latch; nil: the lock is free.
-- `used`: of them.
-- Whether somebody listens is asked before anything is granted: PUBSUB gives 0 if nobody does, or an
-- error if we may not ask. Once it is notified, the grant stays: replicas pass the message on to
-- listeners of theirs, which the answer to PUBLISH does not count. What a script did stays when it
-- fails, so the lock is there before its new holders are notified. That it was freed before lets it
-- pass when memory is out.
-- Message to the channel of an entry: tokens with ',' between them|fence of the first, each other's
-- is one more than that before it|how long the lock is theirs, in ms
local function hand_over(lock, counter, queue, waiters, holders, now, limit, used)
  local call = redis.call
  local last = tonumber(redis.pcall('GET', counter) or 0)
  local sound = last and last >= 0 and last < 9007199254740991
  local shared, latch = limit, limit and string.sub(limit, 1, 1) == 'L'
  -- The list is read by pieces that double: as a rule the first one is all that is wanted.
  local piece, from = {}, 0
  local function token_at(index)
    if index >= from + #piece then
      from = index
      piece = call('LRANGE', queue, index, 2 * index)
    end
    return piece[index - from + 1]
  end
  local groups, by_channel, dead, index, taken = {}, {}, {}, 0, 0
  while sound and index < 1200 and #dead < 16 and last + taken < 9007199254740991 do
    local who = token_at(index)
    index = index + 1
    if not who then break end
    local entry = call('HGET', waiters, who) or ''
    local till, life, ttl, channel, count, of =
      string.match(entry, '^(%d+)|(%d+)|(%d+)|([^|]*)|?(%d*)|?(L?%d*)$')
    if not (till and now < tonumber(till) and tonumber(till) <= now + life * 1000) then
      dead[#dead + 1] = who
    else
      local whole = of == ''
      local amount = tonumber(count) or 1
      if limit and (whole or of ~= limit) or not limit and string.sub(of, 1, 1) == 'L' then break end
      if limit and not latch and of ~= '0' and used + amount > tonumber(of) then break end
      local group = by_channel[channel]
      if not group then
        local listening = redis.pcall('PUBSUB', 'NUMSUB', channel)
        if listening.err then break end
        group = {channel = channel, heard = tonumber(listening[2]) > 0, short = 3000}
        by_channel[channel] = group
      end
      -- An entry is kept though nobody listens for it now: its owner may be connecting.
      if group.heard then
        if #group == 0 then groups[#groups + 1] = group end
        group[#group + 1] = {who, amount}
        taken = taken + 1
        group.short = math.min(group.short, tonumber(ttl))
        if whole then break end
        limit, used = of, (used or 0) + amount
      end
    end
  end
  local function leave(who)
    call('HDEL', waiters, who)
    call('LREM', queue, '1', who)
  end
  for _, who in ipairs(dead) do leave(who) end
  for _, group in ipairs(groups) do
    local fence = math.max(last + 1, now)
    last = fence + #group - 1
    call('SET', counter, string.format('%d', last))
    local short = string.format('%d', group.short)
    local tokens = {}
    for i, winner in ipairs(group) do tokens[i] = winner[1] end
    if not limit then
      call('SET', lock, tokens[1], 'PX', short)
    else
      if not shared then
        shared = true
        call('DEL', holders)
        call('SET', lock, 'shared:' .. limit, 'PX', short)
      elseif call('PTTL', lock) < group.short then
        call('PEXPIRE', lock, short)
      end
      local till = string.format('%d', now + group.short * 1000)
      for _, winner in ipairs(latch and {} or group) do
        call('ZADD', holders, till, winner[1])
        for i = 2, winner[2] do call('ZADD', holders, till, winner[1] .. '|' .. i) end
      end
      if not latch then call('PEXPIRE', holders, 86401000) end
    end
    local message = table.concat(tokens, ',') .. '|' .. string.format('%d', fence) .. '|' .. short
    local heard = redis.pcall('PUBLISH', group.channel, message)
    if type(heard) == 'number' then
      for _, who in ipairs(tokens) do leave(who) end
    else
      if not limit then call('DEL', lock) end
      for _, winner in ipairs(latch and {} or group) do
        call('ZREM', holders, winner[1])
        for i = 2, winner[2] do call('ZREM', holders, winner[1] .. '|' .. i) end
      end
      if limit and call('ZCOUNT', holders, '-inf', '+inf') == 0 then call('DEL', lock) end
      break
    end
  end
end
