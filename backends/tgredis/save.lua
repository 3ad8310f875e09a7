-- SaveAlbums replaces the value of a lane.
-- KEYS: the lanes of the bot, each with the time when it is forgotten; the lane; what
-- remembers this call.
-- ARGV: lane, value, old version, new version, ttl in milliseconds.
-- Returns {1}, also when the call is repeated within a minute, or {0} if the version is not old.
local lanes, key, call = KEYS[1], KEYS[2], KEYS[3]
local lane, value, old, new, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if redis.call('EXISTS', call) == 1 then
  return {1}
end
if (redis.call('HGET', key, 'version') or '') ~= old then
  return {0}
end
redis.call('SET', call, '', 'PX', 60000)
redis.call('ZREMRANGEBYSCORE', lanes, '-inf', '(' .. now)
if value == '' then
  redis.call('DEL', key)
  redis.call('ZREM', lanes, lane)
  return {1}
end
redis.call('HSET', key, 'value', value, 'version', new)
redis.call('PEXPIREAT', key, now + ttl)
redis.call('ZADD', lanes, now + ttl, lane)
redis.call('PEXPIRE', lanes, math.max(ttl, redis.call('PTTL', lanes)))
return {1}
