package tgpostgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook"
)

const (
	// callTime is how long a transaction that several calls share may take, with the wait for
	// a connection.
	callTime = 5 * time.Second
	// mostShared bounds the updates of a transaction, and so the locks that it takes:
	// PostgreSQL has 64 for each connection.
	mostShared  = 128
	largeShared = 4 << 20 // bytes
	mostTaken   = 256     // updates of a Take
	// slotTime is how long a partition of tghook_queue_done is written, in seconds. An update
	// is remembered for once to three times as long.
	slotTime = 24 * 60 * 60
)

// Queue is a [tghook.TxQueue] and a [tghook.Letters] on PostgreSQL. Any number of processes may
// publish to it and take from it, and they may come and go. Every method may be called
// concurrently.
//
// Calls of Publish that come at once share a transaction, and wait for the disk together. Calls of
// Done do too.
//
// While Take waits, the Queue opens a connection outside the pool for notifications of new
// updates (LISTEN). If LISTEN does not work, as behind PgBouncer in transaction mode, Take looks
// for updates five times a second. Otherwise Take looks once a second, for updates whose leases
// have run out.
type Queue struct {
	database

	sql       queueStatements
	publishes group[entry]
	ends      group[ending]
	listener  listener
	memory    memory
	txs       chan struct{} // has a value for each transaction of a handler
	callTime  time.Duration // callTime
}

var (
	_ tghook.TxQueue = (*Queue)(nil)
	_ tghook.Letters = (*Queue)(nil)
)

// NewQueue returns a Queue that uses pool. It sends nothing. Close the pool yourself when
// Consume has returned and the Webhook has shut down.
//
// The isolation level of its transactions is read committed, whatever the connections' default
// is. They work in every QueryExecMode of pgx.
func NewQueue(pool *pgxpool.Pool, cfg Config) (*Queue, error) {
	d, err := newDatabase("NewQueue", pool, cfg)
	if err != nil {
		return nil, err
	}
	d.user, d.tables = "Queue", d.queue+" and "+d.done
	d.rights += fmt.Sprintf(", and TRUNCATE on the partitions %s_0 to _%d,", doneTable, slots-1)
	q := &Queue{database: d, sql: newQueueStatements(d.names), memory: memory{slotTime: slotTime}, callTime: callTime}
	q.txs = make(chan struct{}, max(1, pool.Config().MaxConns-reserved))
	q.publishes = group[entry]{most: mostShared, large: largeShared, size: entry.size, run: q.publish}
	q.ends = group[ending]{most: mostShared, large: largeShared, size: func(ending) int { return 0 }, run: q.end}
	q.listener = listener{pool: pool, logger: d.logger, often: lookEvery}
	return q, nil
}

// entry is an update that is published.
type entry struct {
	tghook.QueuedUpdate

	laneKey int64
}

// laneOf is for each.
func (e entry) laneOf() int64 { return e.laneKey }

func (e entry) size() int { return len(e.Raw) + len(e.Lane) }

// laneKey identifies a lane of a bot. It is 0 if the update has none.
func laneKey(bot int64, lane string) int64 {
	if lane == "" {
		return 0
	}
	if key := hash("lane", bot, lane); key != 0 {
		return key
	}
	return 1
}

// lockOf returns the lock of an update's lane. An update without a lane has its own lock.
func lockOf(k tghook.Key, laneKey int64) int64 {
	if laneKey != 0 {
		return laneKey
	}
	return hash("update", k.Bot, strconv.FormatInt(k.ID, 10))
}

// hash returns a number for a name. Nobody can find two names with one number.
func hash(kind string, bot int64, name string) int64 {
	text := binary.BigEndian.AppendUint64([]byte(kind), uint64(bot)) //nolint:gosec // any number will do
	sum := sha256.Sum256(append(text, name...))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // any number will do
}

// Publish implements [tghook.Queue]. It writes more than 128 updates in several transactions,
// one after the other.
func (q *Queue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	entries := make([]entry, len(updates))
	for i, u := range updates {
		entries[i] = entry{u, laneKey(u.Key.Bot, u.Lane)}
	}
	for some := range slices.Chunk(entries, mostShared) {
		errs, ended := q.publishes.do(ctx, some...)
		if !ended {
			errs = []error{context.Cause(ctx)}
		}
		if err := cmp.Or(errs...); err != nil {
			return fmt.Errorf("tgpostgres: Publish of update %d of bot %d: %w", some[0].Key.ID, some[0].Key.Bot, q.explain(err))
		}
	}
	return nil
}

// publish runs a transaction of Publish.
func (q *Queue) publish(entries []entry) []error {
	return each(entries, entry.laneOf, func(entries []entry) error {
		ctx, cancel := context.WithTimeout(context.Background(), q.callTime)
		defer cancel()
		batch, bots := q.publishBatch(entries)
		err := q.transact(ctx, batch)
		for code(err) == uniqueViolation && ctx.Err() == nil { // the same update is published with another lane meanwhile
			err = q.transact(ctx, batch)
		}
		if !q.listener.works() {
			q.listener.wake(bots)
		}
		return err
	})
}

// each runs items together. If PostgreSQL refuses them, it runs them one by one. It returns
// the error of each.
//
// If an item fails, those behind it in its lane fail too. laneOf returns 0 if an item has none.
func each[T any](items []T, laneOf func(T) int64, run func([]T) error) []error {
	errs := make([]error, len(items))
	err := run(items)
	if err == nil {
		return errs
	}
	failed := map[int64]error{}
	for i, item := range items {
		lane := laneOf(item)
		switch {
		case len(items) == 1 || code(err) == "":
			errs[i] = err
		case failed[lane] != nil:
			errs[i] = failed[lane]
		default:
			errs[i] = run(items[i : i+1])
		}
		if lane != 0 {
			failed[lane] = errs[i]
		}
	}
	return errs
}

func (q *Queue) publishBatch(entries []entry) (batch *pgx.Batch, bots []int64) {
	n := len(entries)
	known := make(map[tghook.Key]bool, n)
	ids, laneKeys := keyArrays{}, make([]int64, 0, n)
	lanes, raws, locks := make([][]byte, 0, n), make([][]byte, 0, n), make([]int64, 0, n)
	for _, e := range entries {
		if known[e.Key] {
			continue
		}
		known[e.Key] = true
		ids.add(e.Key, 0)
		laneKeys, lanes, raws = append(laneKeys, e.laneKey), append(lanes, []byte(e.Lane)), append(raws, nonNil(e.Raw))
		locks = append(locks, lockOf(e.Key, e.laneKey))
	}
	bots = inOrder(ids.bots)
	batch = new(pgx.Batch)
	batch.Queue(q.sql.lock, inOrder(locks))
	if len(raws) == 1 {
		batch.Queue(q.sql.publishOne, ids.bots[0], ids.ids[0], laneKeys[0], lanes[0], raws[0])
	} else {
		batch.Queue(q.sql.publish, ids.bots, ids.ids, laneKeys, lanes, raws)
	}
	batch.Queue("COMMIT")
	batch.Queue(wakeStatement, bots)
	return batch, bots
}

func nonNil(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
}

// inOrder returns numbers in ascending order, each once.
func inOrder(numbers []int64) []int64 { return slices.Compact(slices.Sorted(slices.Values(numbers))) }

// keyArrays holds the keys of updates as parameters of a statement.
type keyArrays struct{ bots, ids, fences []int64 }

// compareKeys orders updates, so that two statements lock rows in the same order.
func compareKeys(a, b tghook.Key) int {
	return cmp.Or(cmp.Compare(a.Bot, b.Bot), cmp.Compare(a.ID, b.ID))
}

func (a *keyArrays) add(k tghook.Key, fence int64) {
	a.bots, a.ids, a.fences = append(a.bots, k.Bot), append(a.ids, k.ID), append(a.fences, fence)
}

// transact runs statements in a transaction, and those after COMMIT after it. All of it is one
// round trip.
func (q *Queue) transact(ctx context.Context, batch *pgx.Batch) error {
	return q.again(ctx, func() error {
		conn, err := q.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		whole := new(pgx.Batch)
		whole.Queue(beginTransaction)
		whole.QueuedQueries = append(whole.QueuedQueries, batch.QueuedQueries...)
		err = conn.SendBatch(ctx, whole).Close()
		if err != nil && !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
			_, _ = conn.Exec(ctx, "ROLLBACK") // so that the pool keeps the connection
		}
		return err
	})
}

// Take implements [tghook.Queue]. It takes at most 256 updates, and one of each lane. Each look
// for updates is one transaction.
func (q *Queue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	if limit <= 0 {
		return nil, nil
	}
	wait := q.listener.enter(bot)
	defer func() { q.listener.leave(wait, ctx.Err() != nil) }()
	for ctx.Err() == nil {
		taken, err := q.take(ctx, bot, min(limit, mostTaken), lease)
		if err != nil {
			return nil, fmt.Errorf("tgpostgres: Take for bot %d: %w", bot, q.explain(err))
		}
		if len(taken) > 0 || !wait.next(ctx) {
			return taken, nil
		}
	}
	return nil, nil
}

// take leases the updates that can be taken now. It does not stop when ctx ends: otherwise
// updates would stay leased to nobody.
func (q *Queue) take(ctx context.Context, bot int64, limit int, lease time.Duration) (taken []tghook.QueuedUpdate, err error) {
	var random [8]byte
	_, _ = rand.Read(random[:])
	fence := int64(binary.BigEndian.Uint64(random[:]) | 1) //nolint:gosec // any number but 0 will do
	type row struct {
		tghook.QueuedUpdate

		seq int64
	}
	var got []row
	batch := new(pgx.Batch)
	batch.Queue(useIndexes)
	batch.Queue(q.sql.take, bot, limit, fence, lease.Microseconds()).Query(func(rows pgx.Rows) error {
		got, err = pgx.CollectRows(rows, func(from pgx.CollectableRow) (u row, err error) {
			r := &receipt{queue: q, key: tghook.Key{Bot: bot}, fence: fence}
			var lane []byte
			err = from.Scan(&u.seq, &r.key.ID, &r.laneKey, &lane, &u.Raw, &u.Published, &u.Attempts, &u.Note, &u.Reply)
			u.Key, u.Lane, u.Receipt = r.key, string(lane), r
			return u, err
		})
		return err
	})
	batch.Queue("COMMIT")
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.callTime)
	defer cancel()
	if err := q.transact(calling, batch); err != nil {
		return nil, err
	}
	slices.SortFunc(got, func(a, b row) int { return cmp.Compare(a.seq, b.seq) })
	for _, r := range got {
		taken = append(taken, r.QueuedUpdate)
	}
	return taken, nil
}

// receipts returns the updates whose leases were taken from a Queue, and the others.
func receipts(updates []tghook.QueuedUpdate) (held keyArrays, others []tghook.Key) {
	updates = slices.SortedFunc(slices.Values(updates), func(a, b tghook.QueuedUpdate) int { return compareKeys(a.Key, b.Key) })
	for _, u := range updates {
		if r, ok := u.Receipt.(*receipt); ok && r.key == u.Key {
			held.add(r.key, r.fence)
		} else {
			others = append(others, u.Key)
		}
	}
	return held, others
}

// Renew implements [tghook.Queue].
func (q *Queue) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key, err error) {
	held, lost := receipts(updates)
	if len(held.ids) == 0 {
		return lost, nil
	}
	batch := new(pgx.Batch)
	batch.Queue(useIndexes)
	batch.Queue(q.sql.renew, held.bots, held.ids, held.fences, lease.Microseconds()).Query(func(rows pgx.Rows) error {
		more, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tghook.Key])
		lost = append(lost, more...)
		return err
	})
	batch.Queue("COMMIT")
	if err := q.transact(ctx, batch); err != nil {
		return nil, fmt.Errorf("tgpostgres: Renew of update %d of bot %d: %w", held.ids[0], held.bots[0], q.explain(err))
	}
	return lost, nil
}

// Return implements [tghook.Queue].
func (q *Queue) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	held, _ := receipts(updates)
	if len(held.ids) == 0 {
		return nil
	}
	batch := new(pgx.Batch)
	batch.Queue(useIndexes)
	batch.Queue(q.sql.giveBack, held.bots, held.ids, held.fences)
	batch.Queue("COMMIT")
	batch.Queue(wakeStatement, inOrder(held.bots))
	if err := q.transact(ctx, batch); err != nil {
		return fmt.Errorf("tgpostgres: Return of update %d of bot %d: %w", held.ids[0], held.bots[0], q.explain(err))
	}
	return nil
}

// Fail implements [tghook.Queue].
func (q *Queue) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	return q.withLease("Fail", u, func(r *receipt) error {
		var changed int64
		batch := new(pgx.Batch)
		batch.Queue(useIndexes)
		batch.Queue(q.sql.fail, r.key.Bot, r.key.ID, r.fence, note).Exec(count(&changed))
		batch.Queue("COMMIT")
		return orLost(q.transact(ctx, batch), changed > 0)
	})
}

// Bury implements [tghook.Queue].
func (q *Queue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return q.withLease("Bury", u, func(r *receipt) error {
		var changed int64
		batch := new(pgx.Batch)
		batch.Queue(q.sql.lock, []int64{lockOf(r.key, r.laneKey)})
		batch.Queue(q.sql.bury, r.key.Bot, r.key.ID, r.fence, []byte(why)).Exec(count(&changed))
		batch.Queue("COMMIT")
		batch.Queue(wakeStatement, []int64{r.key.Bot})
		return orLost(q.transact(ctx, batch), changed > 0)
	})
}

// Done implements [tghook.Queue].
func (q *Queue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	return q.withLease("Done", u, func(r *receipt) error {
		if r.hasEnded() {
			return nil
		}
		errs, ended := q.ends.do(ctx, ending{r.key, r.fence, r.laneKey})
		if !ended {
			return context.Cause(ctx)
		}
		return errs[0]
	})
}

// ending is an update that is done.
type ending struct {
	key            tghook.Key
	fence, laneKey int64
}

// laneOf is for each.
func (e ending) laneOf() int64 { return e.laneKey }

// end runs a transaction of Done.
func (q *Queue) end(items []ending) []error {
	q.forgetInPassing()
	lost := make(map[ending]bool, len(items))
	errs := each(items, ending.laneOf, func(items []ending) error {
		for _, e := range items {
			lost[e] = true
		}
		ctx, cancel := context.WithTimeout(context.Background(), q.callTime)
		defer cancel()
		return q.endTogether(ctx, items, lost)
	})
	for i, e := range items {
		errs[i] = orLost(errs[i], !lost[e])
	}
	return errs
}

// endTogether removes from lost those that it has ended.
func (q *Queue) endTogether(ctx context.Context, items []ending, lost map[ending]bool) error {
	var ids keyArrays
	locks := make([]int64, 0, len(items))
	lanes := map[[3]int64]int64{}
	for _, e := range slices.SortedFunc(slices.Values(items), func(a, b ending) int { return compareKeys(a.key, b.key) }) {
		ids.add(e.key, e.fence)
		locks = append(locks, lockOf(e.key, e.laneKey))
		lanes[[3]int64{e.key.Bot, e.key.ID, e.fence}] = e.laneKey
	}
	var heads []int64 // the bots that have new heads
	batch := new(pgx.Batch)
	batch.Queue(q.sql.lock, inOrder(locks))
	batch.Queue(q.sql.done, ids.bots, ids.ids, ids.fences, q.memory.slotTime).Query(func(rows pgx.Rows) error {
		var bot int64
		var id, fence *int64
		_, err := pgx.ForEachRow(rows, []any{&bot, &id, &fence}, func() error {
			if id == nil {
				heads = append(heads, bot)
				return nil
			}
			delete(lost, ending{tghook.Key{Bot: bot, ID: *id}, *fence, lanes[[3]int64{bot, *id, *fence}]})
			return nil
		})
		return err
	})
	batch.Queue("COMMIT")
	if elsewhere := q.listener.absent(inOrder(ids.bots)); len(elsewhere) > 0 {
		batch.Queue(wakeStatement, elsewhere)
	}
	err := q.transact(ctx, batch)
	q.listener.wake(heads)
	return err
}

// withLease calls f with the receipt of an update, and names the method and update in its error.
func (q *Queue) withLease(method string, u tghook.QueuedUpdate, f func(*receipt) error) error {
	r, ok := u.Receipt.(*receipt)
	err := tghook.ErrClaimLost
	if ok && r.key == u.Key {
		err = f(r)
	}
	if err != nil {
		return fmt.Errorf("tgpostgres: %s of update %d of bot %d: %w", method, u.Key.ID, u.Key.Bot, q.explain(err))
	}
	return nil
}

// orLost returns an error, or that the lease is lost.
func orLost(err error, holds bool) error {
	if err == nil && !holds {
		return tghook.ErrClaimLost
	}
	return err
}

// count returns a function that keeps how many rows a statement has changed or returned.
func count(rows *int64) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error { *rows = tag.RowsAffected(); return nil }
}
