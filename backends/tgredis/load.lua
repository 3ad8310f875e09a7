-- LoadAlbums reads the value of a lane. It is a script, so that a client that reads from
-- replicas asks the master too: a replica may be behind.
-- KEYS: the lane. Returns {1, value, version}. Both are empty if there is no value.
local row = redis.call('HMGET', KEYS[1], 'value', 'version')
return {1, row[1] or '', row[2] or ''}
