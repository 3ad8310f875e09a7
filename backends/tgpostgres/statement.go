package tgpostgres

// statements are the statements of a Store, with the names of its tables.
type statements struct {
	claim, renew, done, fail, release                     string
	prune                                                 string
	load, insertAlbums, updateAlbums, removeAlbums, lanes string
}

func newStatements(n names) statements {
	return statements{
		claim: n.in(claimStatement), renew: n.in(renewStatement), done: n.in(doneStatement),
		fail: n.in(failStatement), release: n.in(releaseStatement),
		prune: n.in(pruneStatement),
		load:  n.in(loadStatement), insertAlbums: n.in(insertAlbums), updateAlbums: n.in(updateAlbums),
		removeAlbums: n.in(removeAlbums), lanes: n.in(lanesStatement),
	}
}

// The constants have the default names of the tables.
//
// clock_timestamp() is the time at which PostgreSQL evaluates it, which is after it has got
// the lock of the row. now() is the time at which the statement began.

// claimStatement asks for an update. Parameters: bot, id, fence, and in microseconds lease
// and ttl. The row says the state: held is granted, done is done, else is held elsewhere.
//
// The first part decides, on the newest version of the row. If it grants nothing, the second
// part says why, as of the beginning of the statement. If the row was free then, or did not
// exist, there is no answer: another call has changed it meanwhile, and the statement must
// run again.
const claimStatement = `
WITH granted AS (
	INSERT INTO tghook_updates AS u (bot, id, lease_until, forget_after, ttl, failed, state, fence)
	VALUES ($1::bigint, $2::bigint,
		clock_timestamp() + $4::bigint * interval '1 microsecond',
		date_trunc('hour', clock_timestamp() + greatest($4::bigint, $5::bigint) * interval '1 microsecond', 'UTC') + interval '1 hour',
		$5::bigint * interval '1 microsecond', 0, 'held', $3::text)
	ON CONFLICT (bot, id) DO UPDATE SET
		lease_until = clock_timestamp() + $4::bigint * interval '1 microsecond',
		forget_after = date_trunc('hour', clock_timestamp() + greatest($4::bigint, $5::bigint) * interval '1 microsecond', 'UTC') + interval '1 hour',
		ttl = excluded.ttl,
		failed = CASE
			WHEN u.forget_after <= clock_timestamp() THEN 0
			WHEN u.state = 'held' AND u.fence <> excluded.fence THEN u.failed + 1
			ELSE u.failed END,
		state = 'held',
		fence = excluded.fence,
		note = CASE WHEN u.forget_after > clock_timestamp() THEN u.note END,
		reply = NULL
	WHERE u.state = 'free'
		OR u.state = 'held' AND (u.fence = excluded.fence OR u.lease_until <= clock_timestamp())
		OR u.forget_after <= clock_timestamp()
	RETURNING failed, note
)
SELECT 'granted', failed + 1, note, NULL::bytea, 0::bigint FROM granted
UNION ALL
SELECT state, 0, NULL, CASE WHEN state = 'done' THEN reply END,
	(extract(epoch FROM lease_until - clock_timestamp()) * 1000000)::bigint
FROM tghook_updates
WHERE bot = $1::bigint AND id = $2::bigint AND NOT EXISTS (SELECT FROM granted)
	AND (state = 'done' OR state = 'held' AND fence <> $3::text AND lease_until > clock_timestamp())`

// renewStatement lets the lease begin anew. Parameters: bot, id, fence, and in microseconds
// lease.
const renewStatement = `
UPDATE tghook_updates SET
	lease_until = clock_timestamp() + $4::bigint * interval '1 microsecond',
	forget_after = date_trunc('hour', clock_timestamp() + greatest($4::bigint * interval '1 microsecond', ttl), 'UTC') + interval '1 hour'
WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::text AND state = 'held'`

// doneStatement ends a claim, or finds that it has ended it before. Parameters: bot, id,
// fence, reply.
const doneStatement = `
UPDATE tghook_updates SET
	forget_after = date_trunc('hour', clock_timestamp() + ttl, 'UTC') + interval '1 hour',
	state = 'done',
	note = NULL,
	reply = CASE WHEN state = 'done' THEN reply ELSE $4::bytea END
WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::text AND state <> 'free'`

// failStatement ends a claim whose attempt counts. Parameters: bot, id, fence, note.
const failStatement = `
UPDATE tghook_updates SET failed = failed + 1, state = 'free', note = $4::bytea
WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::text AND state = 'held'`

// releaseStatement ends a claim whose attempt does not count. Parameters: bot, id, fence.
const releaseStatement = `
UPDATE tghook_updates SET state = 'free'
WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::text AND state = 'held'`

// pruneStatement removes expired rows, and returns how many. Parameter: how many rows of each
// table at most. It passes over rows that others have locked. statement_timestamp() is older
// than clock_timestamp(), but only with it can PostgreSQL use the index.
const pruneStatement = `
WITH updates AS (
	DELETE FROM tghook_updates WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM tghook_updates WHERE forget_after <= statement_timestamp()
		ORDER BY forget_after LIMIT $1::bigint FOR UPDATE SKIP LOCKED))
	RETURNING 1
), albums AS (
	DELETE FROM tghook_albums WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM tghook_albums WHERE forget_after <= statement_timestamp()
		LIMIT $1::bigint FOR UPDATE SKIP LOCKED))
	RETURNING 1
)
SELECT (SELECT count(*) FROM updates) + (SELECT count(*) FROM albums)`

// loadStatement returns the value of a lane. Parameters: bot, lane.
const loadStatement = `SELECT value, version FROM tghook_albums WHERE bot = $1::bigint AND lane = $2::bytea`

// The statements that save a value change one row, or none if the lane has another version.

// insertAlbums saves the first value of a lane. Parameters: bot, lane, value, version, and in
// microseconds ttl.
const insertAlbums = `
INSERT INTO tghook_albums (bot, lane, value, version, forget_after)
VALUES ($1::bigint, $2::bytea, $3::bytea, $4::text, clock_timestamp() + $5::bigint * interval '1 microsecond')
ON CONFLICT (bot, lane) DO NOTHING`

// updateAlbums replaces the value of a lane. Parameters: as insertAlbums, and the old version.
const updateAlbums = `
UPDATE tghook_albums SET value = $3::bytea, version = $4::text, forget_after = clock_timestamp() + $5::bigint * interval '1 microsecond'
WHERE bot = $1::bigint AND lane = $2::bytea AND version = $6::text`

// removeAlbums removes the value of a lane. Parameters: bot, lane, old version.
const removeAlbums = `DELETE FROM tghook_albums WHERE bot = $1::bigint AND lane = $2::bytea AND version = $3::text`

// lanesStatement returns the lanes of a bot. Parameter: bot.
const lanesStatement = `SELECT lane FROM tghook_albums WHERE bot = $1::bigint`
