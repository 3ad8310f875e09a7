-- Fail and Release end a claim. The update has not succeeded.
-- KEYS: the update. ARGV: fence, a text that differs in every call, 'fail' or 'release', note.
-- Returns {1}, also when the call is repeated, or {0} if the claim does not hold.
local key, fence, call, how, note = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local row = redis.call('HMGET', key, 'state', 'fence', 'call')
if row[3] == call then -- repeated. Another claim may have been granted meanwhile.
  return {1}
end
if row[1] ~= 'held' or row[2] ~= fence then
  return {0}
end
redis.call('HSET', key, 'state', 'ended', 'call', call)
redis.call('HDEL', key, 'until')
if how == 'fail' then
  redis.call('HINCRBY', key, 'failed', 1)
  redis.call('HSET', key, 'note', note)
end
return {1}
