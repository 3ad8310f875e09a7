-- Claim asks for an update.
-- KEYS: the update. ARGV: fence, lease, ttl (both in milliseconds).
-- Returns {1, attempt, note}: granted. {2, milliseconds}: held elsewhere for so long.
-- {3, reply}: done. {0}: this claim has ended. Only a repeated claim that comes late asks that.
local key, fence, lease, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local row = redis.call('HMGET', key, 'state', 'fence', 'until', 'failed', 'note')
local state, holder, runsOut, failed, note = row[1], row[2], tonumber(row[3] or 0), tonumber(row[4] or 0), row[5] or ''

if state == 'done' then
  return {3, redis.call('HGET', key, 'reply') or ''}
end
if state == 'ended' and holder == fence then
  return {0}
end
if state == 'held' and holder ~= fence then
  if now < runsOut then
    return {2, runsOut - now}
  end
  failed = failed + 1
end
redis.call('HSET', key, 'state', 'held', 'fence', fence, 'until', now + lease, 'failed', failed, 'ttl', ttl)
redis.call('PEXPIRE', key, math.max(lease, ttl))
return {1, failed + 1, note}
