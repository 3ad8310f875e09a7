-- Renew lets the lease of a claim begin anew.
-- KEYS: the update. ARGV: fence, lease in milliseconds.
-- Returns {1}, or {0} if the claim does not hold.
local key, fence, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local row = redis.call('HMGET', key, 'state', 'fence', 'ttl')
if row[1] ~= 'held' or row[2] ~= fence then
  return {0}
end
redis.call('HSET', key, 'until', now + lease)
redis.call('PEXPIRE', key, math.max(lease, tonumber(row[3])))
return {1}
