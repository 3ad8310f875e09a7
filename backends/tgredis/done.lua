-- Done ends a claim: the update has succeeded.
-- KEYS: the update. ARGV: fence, reply.
-- Returns {1}, also when it is repeated, or {0} if the claim does not hold.
local key, fence, reply = KEYS[1], ARGV[1], ARGV[2]

local row = redis.call('HMGET', key, 'state', 'fence', 'ttl')
if row[2] ~= fence or row[1] == 'ended' then
  return {0}
end
if row[1] == 'done' then
  return {1}
end
redis.call('DEL', key) -- first, so that this works also when the memory is full
if reply == '' then
  redis.call('HSET', key, 'state', 'done', 'fence', fence)
else
  redis.call('HSET', key, 'state', 'done', 'fence', fence, 'reply', reply)
end
redis.call('PEXPIRE', key, row[3] + 60000) -- longer than asked for, so that a repeated call finds it
return {1}
