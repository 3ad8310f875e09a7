package tgpostgres

import (
	"strconv"
	"time"
)

// queueStatements are the statements of a [Queue], with the names of its tables.
type queueStatements struct {
	lock, publish, publishOne, take, renew, done, fail, bury, giveBack string
	begin, commit, reply, outcome                                      string
	state, lanes, letters, laneOf, putBack, discard                    string
}

func newQueueStatements(n names) queueStatements {
	return queueStatements{
		lock:    lockLanes(lockTime),
		publish: n.in(publishQueued), publishOne: n.in(publishOne), take: n.in(takeQueued), renew: n.in(renewQueued), done: n.in(endQueued),
		fail: n.in(failQueued), bury: n.in(buryQueued), giveBack: n.in(returnQueued),
		begin: n.in(beginQueued), commit: n.in(commitQueued), reply: n.in(replyQueued), outcome: n.in(outcomeQueued),
		state: n.in(queueState), lanes: n.in(queueLanes), letters: n.in(queueLetters), laneOf: n.in(laneOfLetter),
		putBack: n.in(putBackLetter), discard: n.in(discardLetter),
	}
}

// The constants have the default names of the tables. The isolation level is read committed, so
// each statement sees the rows that were committed before it began.
//
// A row is a head if no pending row of its lane is before it. Only Publish, Done, Bury, Commit
// and PutBack make heads, and they hold the lock of the lane from before the statement to the
// end of the transaction. So no such call changes the rows that another one has read.

// beginTransaction begins a transaction. Parameters: none.
const beginTransaction = `BEGIN ISOLATION LEVEL READ COMMITTED`

// lockTime is how long a transaction waits for the lock of a lane.
const lockTime = 2 * time.Second

// lockLanes takes the locks of lanes, and keeps them until the transaction ends. Parameter:
// the locks, in ascending order, so that two calls never wait for each other.
//
// The table is mostly empty, so PostgreSQL plans for an empty table, and keeps the plan when
// the table has grown. The settings, which hold until the transaction ends, make it use the
// indexes always. They make some plans look so expensive that PostgreSQL would compile them, so
// jit is off. If another transaction keeps a lock, for example that of a suspended process, the
// statement fails after a while, so that its other lanes need not wait.
func lockLanes(wait time.Duration) string {
	return `
SELECT set_config('lock_timeout', '` + strconv.FormatInt(wait.Milliseconds(), 10) + `ms', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
	set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true), pg_advisory_xact_lock(lock) FROM unnest($1::bigint[]) lock`
}

// expectCommit has the server end the session of a process that is suspended before its COMMIT,
// so that it does not keep the lock of the lane. Parameters: none.
const expectCommit = `SELECT set_config('idle_in_transaction_session_timeout', '10s', true)`

// noticeLoss has the server end a transaction, and so its locks, about a minute after the network
// or the machine of the client is gone while the server waits for it. Otherwise that takes two
// hours. Behind a pooler the settings are for the pooler's connection.
const noticeLoss = `set_config('tcp_keepalives_idle', '15', true), set_config('tcp_keepalives_interval', '5', true)`

// useIndexes is for the statements that need no lock. It also makes PostgreSQL read heads in
// their order.
const useIndexes = `
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
	set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_sort', 'off', true)`

// wakeStatement wakes calls of Take that wait for updates of bots. Parameter: the bots. It runs
// after the commit: in the transaction it would make all commits wait for each other.
const wakeStatement = `SELECT pg_notify('` + wakeChannel + `', bot::text) FROM unnest($1::bigint[]) bot`

const wakeChannel = "tghook_queue"

// publishQueued adds those updates that are not known. Parameters, with an element for each
// update: bots, ids, lane keys, lanes, raws. The subqueries with a LIMIT are looked up one by
// one, whatever PostgreSQL believes the tables to have.
const publishQueued = `
INSERT INTO tghook_queue (bot, id, lane_key, published, head, lane, raw)
SELECT bot, id, lane_key, clock_timestamp(), lane_key = 0 OR nth_of_lane = 1 AND ` + laneIsEmpty + `, lane, raw
FROM (
	SELECT bot, id, lane_key, lane, raw, nth, row_number() OVER (PARTITION BY lane_key ORDER BY nth) AS nth_of_lane
	FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[]) WITH ORDINALITY AS g (bot, id, lane_key, lane, raw, nth)
	WHERE ` + isUnknown + `
) g ORDER BY nth`

const isUnknown = `(SELECT 1 FROM tghook_queue q WHERE q.bot = g.bot AND q.id = g.id LIMIT 1) IS NULL
		AND (SELECT 1 FROM tghook_queue_done d WHERE d.bot = g.bot AND d.id = g.id LIMIT 1) IS NULL`

const laneIsEmpty = `(SELECT 1 FROM tghook_queue q WHERE q.lane_key = g.lane_key AND q.lane_key <> 0 AND q.buried IS NULL LIMIT 1) IS NULL`

// publishOne is publishQueued for one update, at half the cost. Parameters: the same, no arrays.
const publishOne = `
INSERT INTO tghook_queue (bot, id, lane_key, published, head, lane, raw)
SELECT bot, id, lane_key, clock_timestamp(), lane_key = 0 OR ` + laneIsEmpty + `, lane, raw
FROM (SELECT $1::bigint AS bot, $2::bigint AS id, $3::bigint AS lane_key, $4::bytea AS lane, $5::bytea AS raw) g
WHERE ` + isUnknown + ``

// takeQueued leases heads. Parameters: bot, limit, fence, and in microseconds lease.
//
// It passes over rows that others have locked. If a row has changed since the statement
// began, its ctid does not match, and it is not leased. The call that has changed it wakes Take.
const takeQueued = `
UPDATE tghook_queue SET
	lease_until = clock_timestamp() + $4::bigint * interval '1 microsecond',
	attempts = attempts + CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END,
	fence = $3::bigint
WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM tghook_queue
	WHERE bot = $1::bigint AND head AND (lease_until IS NULL OR lease_until <= clock_timestamp())
	ORDER BY seq LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
RETURNING seq, id, lane_key, lane, raw, published, attempts, note, reply`

// renewQueued renews leases, and returns the updates whose leases do not hold.
// Parameters, with an element for each update: bots, ids, fences; and in microseconds lease.
const renewQueued = `
WITH given AS (
	SELECT bot, id, fence FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS g (bot, id, fence)
), held AS (
	UPDATE tghook_queue q SET lease_until = clock_timestamp() + $4::bigint * interval '1 microsecond'
	FROM given g WHERE q.bot = g.bot AND q.id = g.id AND q.fence = g.fence AND q.lease_until IS NOT NULL
	RETURNING q.bot, q.id
)
SELECT bot, id FROM given WHERE (bot, id) NOT IN (SELECT bot, id FROM held)`

// endQueued removes updates, remembers them, and makes the next ones of their lanes heads. It
// returns those that it has removed, or had removed before for the same leases, and with an id
// of null the bots of the new heads. Parameters, with an element for each update: bots, ids,
// fences; and the seconds that a partition takes.
const endQueued = `
WITH given AS (
	SELECT bot, id, fence FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS g (bot, id, fence)
), ended AS (
	DELETE FROM tghook_queue q USING given g
	WHERE q.bot = g.bot AND q.id = g.id AND q.fence = g.fence AND q.lease_until IS NOT NULL
	RETURNING q.bot, q.id, q.fence, q.lane_key, q.seq
), ` + rememberEnded + `, ` + promoteNext + `
SELECT bot, id, fence FROM ended
UNION ALL
SELECT bot, id, fence FROM given g
WHERE (SELECT 1 FROM tghook_queue_done d WHERE d.bot = g.bot AND d.id = g.id AND d.fence = g.fence LIMIT 1) IS NOT NULL
UNION ALL
SELECT bot, NULL, NULL FROM promoted`

// rememberEnded keeps the keys of ended. Parameter $4: the seconds that a partition takes.
const rememberEnded = `remembered AS (
	INSERT INTO tghook_queue_done (bot, id, fence, slot)
	SELECT bot, id, fence, floor(extract(epoch FROM clock_timestamp()) / $4::bigint)::bigint % 3 FROM ended
	ON CONFLICT (bot, id, slot) DO UPDATE SET fence = excluded.fence
)`

// promoteNext makes the updates behind ended heads.
const promoteNext = `promoted AS (
	UPDATE tghook_queue SET head = true WHERE ctid = ANY (ARRAY(
		SELECT (SELECT q.ctid FROM tghook_queue q
			WHERE q.lane_key = e.lane_key AND q.lane_key <> 0 AND q.buried IS NULL AND q.seq > e.seq
			ORDER BY q.seq LIMIT 1)
		FROM ended e WHERE e.lane_key <> 0))
	RETURNING bot
)`

// failQueued counts an attempt. Parameters: bot, id, fence, note.
const failQueued = `
UPDATE tghook_queue SET attempts = attempts + 1, note = $4::bytea
WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint AND lease_until IS NOT NULL`

// buryQueued makes an update a dead letter, or finds that it is one by the same lease. It
// returns a row then. Parameters: bot, id, fence, why.
const buryQueued = `
WITH ended AS (
	UPDATE tghook_queue SET buried = clock_timestamp(), why = $4::bytea, head = false, lease_until = NULL
	WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint AND lease_until IS NOT NULL
	RETURNING lane_key, seq
), ` + promoteNext + `
SELECT FROM ended
UNION ALL
SELECT FROM tghook_queue WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint AND buried IS NOT NULL`

// returnQueued ends leases without an attempt. Parameters, with an element for each update:
// bots, ids, fences.
const returnQueued = `
UPDATE tghook_queue q SET lease_until = NULL, fence = 0
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS g (bot, id, fence)
WHERE q.bot = g.bot AND q.id = g.id AND q.fence = g.fence AND q.lease_until IS NOT NULL`

// The statements of a transaction that a handler has begun. Parameters: bot, id, fence.

// beginQueued returns a row if the lease holds and the update has not ended. It marks the
// transaction, so that commitQueued knows it again.
const beginQueued = `
SELECT set_config('tghook.fence', $3::bigint::text, true), ` + noticeLoss + ` FROM tghook_queue
WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint AND lease_until IS NOT NULL AND reply IS NULL`

// inTransaction is true in a transaction that beginQueued has marked.
const inTransaction = `current_setting('tghook.fence', true) = $3::bigint::text`

// commitQueued ends the update, and returns whether the transaction is the one that was
// begun, and how many updates it has ended. Parameter: also the seconds that a partition takes.
const commitQueued = `
WITH ended AS (
	DELETE FROM tghook_queue
	WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint AND lease_until IS NOT NULL AND reply IS NULL
	RETURNING bot, id, fence, lane_key, seq
), ` + rememberEnded + `, ` + promoteNext + `
SELECT coalesce(` + inTransaction + `, false), (SELECT count(*) FROM ended)`

// replyQueued keeps the reply of the update. It returns what commitQueued returns. Parameter:
// also the reply.
const replyQueued = `
WITH ended AS (
	UPDATE tghook_queue SET reply = $4::bytea
	WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint AND lease_until IS NOT NULL AND reply IS NULL
	RETURNING 1
)
SELECT coalesce(` + inTransaction + `, false), (SELECT count(*) FROM ended)`

// outcomeQueued returns a row if a transaction whose answer was lost has ended the update or
// kept its reply. If that transaction still ends, it waits.
const outcomeQueued = `
WITH locked AS (
	SELECT reply FROM tghook_queue WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint FOR UPDATE
)
SELECT FROM locked WHERE reply IS NOT NULL
UNION ALL
SELECT FROM tghook_queue_done WHERE bot = $1::bigint AND id = $2::bigint AND fence = $3::bigint`

// queueState counts updates. Parameter: bot.
const queueState = `
SELECT count(*) FILTER (WHERE buried IS NULL), count(*) FILTER (WHERE lease_until > clock_timestamp()),
	count(*) FILTER (WHERE buried IS NOT NULL), min(published) FILTER (WHERE buried IS NULL)
FROM tghook_queue WHERE bot = $1::bigint`

// queueLanes returns the lanes whose heads are the oldest. Parameters: bot, limit.
const queueLanes = `
SELECT lane, (SELECT count(*) FROM tghook_queue q WHERE q.lane_key = h.lane_key AND q.lane_key <> 0 AND q.buried IS NULL), published
FROM tghook_queue h WHERE bot = $1::bigint AND head AND lane_key <> 0 ORDER BY seq LIMIT $2::bigint`

// queueLetters returns dead letters. Parameters: bot, the id before the first, limit.
const queueLetters = `
SELECT id, lane, raw, published, attempts, note, why, buried
FROM tghook_queue WHERE bot = $1::bigint AND id > $2::bigint AND buried IS NOT NULL ORDER BY id LIMIT $3::bigint`

// laneOfLetter returns the lane key of a dead letter. Parameters: bot, id.
const laneOfLetter = `SELECT lane_key FROM tghook_queue WHERE bot = $1::bigint AND id = $2::bigint AND buried IS NOT NULL`

// putBackLetter publishes a dead letter again. Parameters: bot, id.
const putBackLetter = `
UPDATE tghook_queue g SET seq = DEFAULT, published = clock_timestamp(), buried = NULL, why = NULL, note = NULL,
	reply = NULL, fence = 0, attempts = 0,
	head = lane_key = 0 OR ` + laneIsEmpty + `
WHERE bot = $1::bigint AND id = $2::bigint AND buried IS NOT NULL`

// discardLetter removes a dead letter, and remembers it. Parameters: bot, id, 0, and the
// seconds that a partition takes.
const discardLetter = `
WITH ended AS (
	DELETE FROM tghook_queue WHERE bot = $1::bigint AND id = $2::bigint AND buried IS NOT NULL
	RETURNING bot, id, $3::bigint AS fence
), ` + rememberEnded + `
SELECT FROM ended`
