-- For acquire and share_acquire: mints the fence of a grant.
-- Needs: call, now, `text`, which is `now` in digits, `last`, KEYS 2 the last fence.
-- Makes: fence.
local fence = now
if last and last >= now then
  fence = last + 1
  text = string.format('%.0f', fence)
end
local day = 86400000000
if last and last < now and last - last % day == now - now % day then
  call('SET', KEYS[2], text, 'KEEPTTL')
else
  call('SET', KEYS[2], text, 'EX', '691200')
end
