package tgpostgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tghook/tghook"
)

var (
	errReturned = errors.New("tgpostgres: Tx: the handler has returned, and its transaction has ended with it; do not use it in a goroutine that the handler leaves behind")
	errEnds     = errors.New("tgpostgres: the transaction ends with the handler: return nil to commit it, or an error to roll it back; to undo a part of it, use tx.Begin")
	errInUse    = errors.New("tgpostgres: another goroutine uses the transaction; use it in one goroutine at a time")
	errLeftOpen = errors.New("the handler has returned while a goroutine that it started, or rows that are not closed, still use the transaction")
	errUndone   = errors.New("the transaction was rolled back before the handler returned")
	errEnded    = errors.New("the handler has ended the transaction by a statement, such as COMMIT; leave it to Consume to commit")
)

// Tx returns the PostgreSQL transaction that also removes the handler's update from the
// [Queue]. Use it in a handler that [tghook.Consume] runs with a Queue. Either the handler's
// writes in it are committed and the update is removed, or neither. So the effects of an update
// in this database happen exactly once, whatever crashes.
//
// The first call in an attempt begins the transaction, on a connection of the Queue's pool.
// Later calls return the same transaction. It is committed when the handler returns nil, and
// rolled back when the handler returns an error, panics or is abandoned. It is also rolled back
// if another process has taken the update. Then the handler's success does not count. A reply is
// kept in the same transaction, and sent after the commit. After a crash it may be sent again.
//
// The isolation level is read committed. So lock rows that you read before you write them
// (SELECT ... FOR UPDATE), or change them in one statement. tx.Begin makes a savepoint.
// tx.Commit and tx.Rollback return an error and do nothing, so defer tx.Rollback(ctx) is
// harmless. tx.Conn returns the connection itself: do not commit on it. Only one goroutine at a
// time may use the transaction.
//
// Tx returns an error if ctx is neither the context of such a handler nor derived from it, if
// the handler has returned, or if another process has taken the update.
func Tx(ctx context.Context) (pgx.Tx, error) {
	u, ok := tghook.QueuedFromContext(ctx)
	if !ok {
		return nil, errors.New("tgpostgres: Tx: the context is not that of a handler that tghook.Consume runs, or the handler has returned")
	}
	r, ok := u.Receipt.(*receipt)
	if !ok {
		return nil, fmt.Errorf("tgpostgres: Tx: update %d does not come from a tgpostgres.Queue", u.Key.ID)
	}
	attempt, _ := tghook.AttemptFromContext(ctx)
	t, isNew, err := r.transaction(attempt.Number)
	if err != nil {
		return nil, err
	}
	if isNew {
		t.begin(ctx)
	}
	select {
	case <-t.begun:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if t.failure != nil {
		return nil, fmt.Errorf("tgpostgres: Tx of update %d of bot %d: %w", r.key.ID, r.key.Bot, r.queue.explain(t.failure))
	}
	return &guardedTx{Tx: t.tx, transaction: t, outermost: true}, nil
}

// transaction is the transaction of a handler.
type transaction struct {
	receipt *receipt
	attempt int

	begun   chan struct{} // closed when tx or failure is set
	tx      pgx.Tx
	failure error

	use    chan struct{}   // has a value while the connection is used
	open   atomic.Int64    // rows and results that are not closed
	over   context.Context // ends when no call may begin any more
	finish context.CancelFunc
}

func newTransaction(r *receipt, attempt int) *transaction {
	over, finish := context.WithCancel(context.Background())
	return &transaction{receipt: r, attempt: attempt, begun: make(chan struct{}), use: make(chan struct{}, 1), over: over, finish: finish}
}

// begin begins the transaction, if the lease holds.
func (t *transaction) begin(ctx context.Context) {
	defer close(t.begun)
	r := t.receipt
	ctx, cancel := t.during(ctx)
	defer cancel()
	if t.failure = r.queue.enterTx(ctx); t.failure != nil {
		return
	}
	tx, err := r.queue.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		r.queue.leaveTx()
		t.failure = err
		return
	}
	t.tx = tx
	marked, err := tx.Exec(ctx, r.queue.sql.begin, r.key.Bot, r.key.ID, r.fence)
	if err == nil && marked.RowsAffected() == 0 {
		err = tghook.ErrClaimLost
	}
	if err != nil {
		t.failure = err
		t.undo()
	}
}

// during returns a context that also ends when the transaction does.
func (t *transaction) during(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.over, cancel)
	return ctx, func() { stop(); cancel() }
}

// acquire begins a use of the connection.
func (t *transaction) acquire() error {
	select {
	case t.use <- struct{}{}:
		if t.over.Err() == nil {
			return nil
		}
		t.release()
	default:
		if t.over.Err() == nil {
			return errInUse
		}
	}
	return errReturned
}

// release ends a use of the connection.
func (t *transaction) release() { <-t.use }

// undoTime is how long ROLLBACK may take.
const undoTime = 5 * time.Second

// undo rolls the transaction back. The caller uses the connection alone.
func (t *transaction) undo() {
	ctx, cancel := context.WithTimeout(context.Background(), undoTime)
	defer cancel()
	_ = t.tx.Rollback(ctx) // if it fails, pgx closes the connection
	t.receipt.queue.leaveTx()
}

// rollback rolls the transaction back, as soon as no call uses its connection.
func (t *transaction) rollback(ctx context.Context) {
	t.finish()
	undone := make(chan struct{})
	go func() {
		defer close(undone)
		<-t.begun
		if t.failure != nil {
			return
		}
		t.use <- struct{}{} // for ever
		t.undo()
	}()
	select {
	case <-undone:
	case <-ctx.Done():
	}
}

// Rollback implements [tghook.TxQueue].
func (q *Queue) Rollback(ctx context.Context, u tghook.QueuedUpdate) {
	if r, ok := u.Receipt.(*receipt); ok {
		if t, _ := r.detach(ctx, true); t != nil {
			t.rollback(ctx)
		}
	}
}

// Commit implements [tghook.TxQueue]. If PostgreSQL's answer to the commit is lost, Commit looks
// up whether it has happened.
func (q *Queue) Commit(ctx context.Context, u tghook.QueuedUpdate, reply []byte) error {
	r, ok := u.Receipt.(*receipt)
	if !ok {
		return nil
	}
	t, err := r.detach(ctx, false)
	if err == nil && (t == nil || t.neverBegan()) {
		return nil // there is nothing to keep
	}
	if err == nil {
		if err = t.commit(ctx, reply); err != nil {
			t.rollback(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("tgpostgres: Commit of update %d of bot %d: %w", r.key.ID, r.key.Bot, q.explain(err))
	}
	if len(reply) == 0 {
		r.end()
		q.wakeAfterCommit(ctx, r.key.Bot)
	}
	return nil
}

// neverBegan reports whether PostgreSQL has refused the transaction. Tx has returned the error to
// the handler.
func (t *transaction) neverBegan() bool {
	select {
	case <-t.begun:
		return t.failure != nil
	default:
		return false
	}
}

func (t *transaction) commit(ctx context.Context, reply []byte) error {
	select {
	case <-t.begun:
	default:
		return errLeftOpen
	}
	if t.acquire() != nil {
		return errLeftOpen
	}
	if t.open.Load() > 0 {
		t.release()
		return errLeftOpen
	}
	err := t.endUpdate(ctx, reply)
	if err == nil {
		err = t.commitTx(ctx)
	}
	if err != nil {
		t.release()
		return err
	}
	t.finish() // the connection stays in use, so that no call begins any more
	t.receipt.queue.leaveTx()
	return nil
}

// endUpdate ends the update in the transaction, or keeps its reply.
func (t *transaction) endUpdate(ctx context.Context, reply []byte) error {
	r := t.receipt
	batch := new(pgx.Batch)
	batch.Queue(expectCommit)
	batch.Queue(r.queue.sql.lock, []int64{lockOf(r.key, r.laneKey)})
	var same bool
	var ended int
	scan := func(row pgx.Row) error { return row.Scan(&same, &ended) }
	if len(reply) > 0 {
		batch.Queue(r.queue.sql.reply, r.key.Bot, r.key.ID, r.fence, reply).QueryRow(scan)
	} else {
		batch.Queue(r.queue.sql.commit, r.key.Bot, r.key.ID, r.fence, r.queue.memory.slotTime).QueryRow(scan)
	}
	err := t.tx.SendBatch(ctx, batch).Close()
	switch {
	case code(err) == failedTransaction:
		return fmt.Errorf("a statement of the handler has failed, and the handler has returned nil; use tx.Begin for statements that may fail: %w", err)
	case err != nil:
		return err
	case !same:
		return errEnded
	case ended == 0:
		return tghook.ErrClaimLost
	}
	return nil
}

// outcomeTime is how long Commit asks whether it has happened. It is longer than PostgreSQL keeps
// the session of a lost client at that point.
const outcomeTime = 20 * time.Second

// commitTx commits. If the answer is lost, or comes from a pooler, it finds out whether the commit
// has happened. If it cannot, the lease must not be used any more: if it has happened, Take returns
// the update with its reply, or never again.
func (t *transaction) commitTx(ctx context.Context) error {
	err := t.tx.Commit(ctx)
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	r := t.receipt
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	for {
		var found bool
		rows, askErr := r.queue.pool.Query(ctx, r.queue.sql.outcome, r.key.Bot, r.key.ID, r.fence)
		if askErr == nil {
			found = rows.Next()
			rows.Close()
			askErr = rows.Err()
		}
		switch {
		case askErr == nil && found:
			return nil
		case askErr == nil:
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: whether it was committed is unknown: %w", tghook.ErrClaimLost, err)
		}
	}
}

// wakeAfterCommit wakes those that wait for the next update of the lane.
func (q *Queue) wakeAfterCommit(ctx context.Context, bot int64) {
	bots := []int64{bot}
	q.listener.wake(bots)
	if len(q.listener.absent(bots)) > 0 {
		_, _ = q.pool.Exec(ctx, wakeStatement, bots) // else Take finds it within a second
	}
}

// reserved is how many connections of the pool no transaction of a handler uses, so that
// Take, Renew and Done have some.
const reserved = 3

// enterTx waits until a transaction of a handler may have a connection.
func (q *Queue) enterTx(ctx context.Context) error {
	select {
	case q.txs <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d handlers have transactions, the most that the pool allows; set pool_max_conns higher: %w", cap(q.txs), context.Cause(ctx))
	}
}

func (q *Queue) leaveTx() { <-q.txs }
