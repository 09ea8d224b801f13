-- Takes a share of the lock if one is free and nobody is before us in the queue, or says how it is.
-- KEYS: 1 the lock: `shared:<of>` while somebody has a share, its ttl being the longest lease,
--       2 to 4 as in acquire.lua, 5 who has shares: token -> end of the lease in us; who has several
--       is there as token|2 and so on, too
-- ARGV: 1 owner token, 2 ttl in ms, 3 not after: server time in us, 4 how many shares, 5 how many
--       there are, 0 for any number [, 6 life of the queue entry in ms, 7 channel]
-- Replies: as acquire.lua, and
--   {-2, now}                  there is another number of shares, or the key is a latch
-- Without a holder in the table nobody knows who has a share, so nobody gets one. The counter is
-- written first, as in acquire.lua: the dead are not counted before, and removed after it.
local call, keys, args = redis.call, KEYS, ARGV
local token, count, of = args[1], tonumber(args[4]), args[5]
-- include parts/clock.lua
-- include parts/holder.lua
-- include parts/counter.lua
-- include parts/mint.lua
-- include parts/entries.lua
local text, now = server_time()
if now > tonumber(args[3]) then return {-1, now} end
local last, fault = counter_of(keys[2])
if fault then return fault end
local holder
holder, fault = holder_of(keys[1])
if fault then return fault end
local limit = holder and string.match(holder, '^shared:(%d+)$')
local conflicts = limit and limit ~= of or holder and string.match(holder, '^latch:%d+$')
if conflicts then return {-2, now} end
local used = 0
if limit then
  used = call('ZCOUNT', keys[5], '(' .. text, '+inf')
end
local till = used > 0 and call('ZSCORE', keys[5], token)
local mine = till and now < tonumber(till)
local room = not holder or limit and used > 0 and (of == '0' or used + count <= tonumber(of))
local queue = not mine and call('LINDEX', keys[3], '0')
if not mine and (queue or not room) then
  local first = room and first_entry(keys[3], keys[4], now)
  if not room or first and first ~= token then
    local left = holder and call('PTTL', keys[1]) or 0
    if limit and used > 0 then
      local soonest = call('ZRANGE', keys[5], '(' .. text, '+inf', 'BYSCORE', 'LIMIT', '0', '1',
        'WITHSCORES')
      left = math.min(left, math.ceil((soonest[2] - now) / 1000))
    end
    local life = tonumber(args[6])
    if not life or left < 0 then return {0, now, holder, left, last, 0} end
    local rest = args[2] .. '|' .. args[7] .. '|' .. args[4] .. '|' .. of
    keep_entry(keys[3], keys[4], token, now, life, entry_of(now, life, rest))
    local is_first = not room and first_entry(keys[3], keys[4], now) == token
    return {0, now, holder, left, last, is_first and 2 or 1}
  end
  drop_entry(keys[3], keys[4], token)
end
local fence = mint(keys[2], last, now, 1)
if limit then
  call('ZREMRANGEBYSCORE', keys[5], '-inf', text)
  if call('PTTL', keys[1]) < tonumber(args[2]) then call('PEXPIRE', keys[1], args[2]) end
else
  call('DEL', keys[5])
  call('SET', keys[1], 'shared:' .. of, 'PX', args[2])
end
till = string.format('%d', now + args[2] * 1000)
call('ZADD', keys[5], 'GT', till, token)
for i = 2, count do call('ZADD', keys[5], 'GT', till, token .. '|' .. i) end
call('PEXPIRE', keys[5], '86401000')
if queue then
  -- include parts/hand_over.lua
  local taken = call('ZCOUNT', keys[5], '-inf', '+inf')
  hand_over(keys[1], keys[2], keys[3], keys[4], keys[5], now, of, taken)
end
if fence == now and now > 1000000000000000 then return now end
return {1, now, fence}
