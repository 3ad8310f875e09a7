-- AlbumLanes reads which lanes of a bot have a value.
-- KEYS: the lanes of the bot, each with the time when it is forgotten. Returns {1, {lane, ...}}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return {1, redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')}
