package tghook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
)

// Queue keeps updates until they are handled. [NewPublisher] returns the Handler that puts
// updates into it, and [Consume] takes them out. The engines of backends/ are Queues. To
// check one of your own, use tghooktest.TestQueue.
//
// A Queue knows bots, keys, lanes and bytes. The rules for attempts, retries and giving up
// are Consume's.
//
// # Calls
//
// Every method may be called concurrently, by many processes. Each call must be atomic for
// each update. After an error the outcome is unknown: the call may have had its effect or
// not. Measure leases by the engine's own clock.
//
// # Order
//
// The updates of one lane of a bot are taken in the order in which they were published. No
// update of a lane is taken while another one of the lane is leased. Updates without a lane
// (Lane is empty) do not wait for each other.
//
// # Leases
//
// Take leases an update to its caller. A lease holds until Done, Bury or Return ends it, or
// until Take leases the update again. Take may do so only when the lease has run out. So a
// lease that has run out still holds while nobody else has taken the update. When Take
// leases an update of a lane, all leases of the lane that have run out end. If a lease does
// not hold, Done, Fail and Bury change nothing and return an error that wraps [ErrClaimLost].
//
// A method may be called again for the same lease, because its answer was lost. Only Fail
// has an effect each time: it counts another attempt.
type Queue interface {
	// Publish keeps updates. It returns nil when they are durable: a crash of the process
	// does not lose them. Whether a crash of the machine does depends on the engine. If
	// Publish returns an error, it may have kept some of them, but never one without the
	// updates before it in its lane.
	//
	// Publish ignores an update whose Key the Queue knows, and returns nil. The Queue
	// remembers a Key for at least 24 hours after it was published, even if the update has
	// been handled. Publish reads only the fields Key, Lane and Raw.
	Publish(ctx context.Context, updates ...QueuedUpdate) error
	// Take waits until it can lease updates of the bot, or until ctx ends. Then it returns
	// none. It returns at most limit updates. It may return several of one lane, in their
	// order, from the oldest on. The lanes whose oldest updates wait longest come first.
	Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]QueuedUpdate, error)
	// Renew starts the leases again from now, including leases that have run out and still
	// hold. It returns the keys of the updates whose leases do not hold.
	Renew(ctx context.Context, updates []QueuedUpdate, lease time.Duration) (lost []Key, err error)
	// Done durably removes an update that has been handled. The Queue remembers its Key.
	Done(ctx context.Context, u QueuedUpdate) error
	// Fail counts an attempt that has ended without success, and replaces the note of u. A
	// note has less than 200 bytes. The lease still holds.
	Fail(ctx context.Context, u QueuedUpdate, note []byte) error
	// Bury makes u a dead letter. The updates behind it in its lane can then be taken. why
	// has at most 4 KiB.
	Bury(ctx context.Context, u QueuedUpdate, why string) error
	// Return ends the leases of updates whose handlers have not started or were cut off. The
	// updates keep their places in their lanes, and can be taken at once. No attempt is
	// counted. Return ignores leases that do not hold.
	Return(ctx context.Context, updates []QueuedUpdate) error
}

// QueuedUpdate is an update in a [Queue].
type QueuedUpdate struct {
	Key  Key
	Lane string          // the name of its lane, such as chat:7; empty if it has none
	Raw  json.RawMessage // the update as Telegram sent it

	// Take sets the fields below.

	// Published is when the update was published, by the engine's clock. It is zero if the
	// engine does not know.
	Published time.Time
	// Attempts is the number of earlier attempts. Calls of Fail count, and attempts whose
	// leases ran out. If several leases of a lane ran out together, only that of the oldest
	// update counts, because no handler of the others had started.
	Attempts int
	// Note is the note of the last Fail.
	Note []byte
	// Reply is set if the handler has succeeded and only its reply must still be sent. Only
	// a TxQueue sets it.
	Reply []byte
	// Receipt is the engine's own. It identifies the lease.
	Receipt any
}

// errUnpublished is in the error of a publisher's handler. Such an attempt does not count.
var errUnpublished = errors.New("tghook: the update is not in the Queue")

// NewPublisher returns a Handler that publishes each update to q, for a [Webhook], [Poll] or
// [Run]. It succeeds when q has kept the update. So Telegram is answered within milliseconds,
// however slow the handler of [Consume] is. If Publish fails, or takes longer than 5 seconds,
// Telegram is answered 503 and delivers the update again, for as long as it keeps the update.
// These attempts never make it a dead letter.
//
// cfg.Bot is required. cfg.Lane has its usual meaning. The other fields of cfg have no effect,
// so one value may serve the publisher and its door.
//
// The publisher does not know which kinds the handler of Consume wants: set AllowedUpdates.
//
// A poll confirms an update when q has kept it. So a slow handler delays no other update.
func NewPublisher(q Queue, cfg DispatchConfig) (Handler, error) {
	var errs []error
	if q == nil {
		errs = append(errs, &ConfigError{"Queue", "nil; give one of backends/, or your own"})
	}
	if cfg.Bot <= 0 {
		errs = append(errs, &ConfigError{"DispatchConfig.Bot", fmt.Sprintf("%d; give the number before the colon in the token", cfg.Bot)})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &publisher{q, cfg}, nil
}

type publisher struct {
	queue Queue
	cfg   DispatchConfig
}

// HandleUpdate implements [Handler].
func (p *publisher) HandleUpdate(ctx context.Context, u *Update) (Reply, error) {
	key, err := p.cfg.laneOf(u)
	if err != nil {
		return NoReply, err
	}
	item := QueuedUpdate{Key: Key{p.cfg.Bot, u.ID}, Lane: key.Text(), Raw: u.Raw}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = guard.Within(storeTimeout+dispatch.ReturnTime, func() error { return p.queue.Publish(ctx, item) })
	if err == nil {
		return NoReply, nil
	}
	found := inspect(err)
	after := time.Duration(2+rand.IntN(4)) * time.Second //nolint:gosec // jitter is no secret
	return NoReply, RetryAfter(after, fmt.Errorf("%w: %w", errUnpublished, found.wrap("tghook: Queue.Publish")))
}

// ErrNoDeadLetter says that a [Letters] has no dead letter with the key.
var ErrNoDeadLetter = errors.New("tghook: there is no such dead letter")

// Letters shows what is in a [Queue], and manages its dead letters. Every method may be
// called concurrently.
type Letters interface {
	// State counts the updates of a bot.
	State(ctx context.Context, bot int64) (QueueState, error)
	// DeadLetters returns at most limit dead letters of a bot, in ascending order of
	// update_id, from the first one whose id is higher than after.
	DeadLetters(ctx context.Context, bot, after int64, limit int) ([]DeadLetter, error)
	// PutBack publishes a dead letter again, at the end of its lane. Its attempts count from
	// zero. If no dead letter has the key, the error wraps [ErrNoDeadLetter].
	PutBack(ctx context.Context, k Key) error
	// Discard removes a dead letter. If no dead letter has the key, the error wraps
	// [ErrNoDeadLetter].
	Discard(ctx context.Context, k Key) error
}

// QueueState counts the updates of a bot in a [Queue].
type QueueState struct {
	Pending int         // updates that are not handled, including leased ones
	Leased  int         // updates that are leased
	Dead    int         // dead letters
	Oldest  time.Time   // when the oldest of Pending was published; zero if there is none
	Lanes   []LaneState // the 100 lanes whose oldest updates wait longest, in this order
}

// LaneState counts the pending updates of a lane.
type LaneState struct {
	Lane    string
	Pending int
	Oldest  time.Time
}

// DeadLetter is an update that was given up.
type DeadLetter struct {
	QueuedUpdate

	Why    string    // the error of the last attempt, and why it was given up
	Buried time.Time // when it was given up
}

// TxQueue is a [Queue] with transactions: a handler can write to its database in the
// transaction that removes the update. Consume calls Commit when the handler has succeeded,
// and Rollback otherwise.
type TxQueue interface {
	Queue
	// Commit commits the transaction of u, which also removes the update. If reply is not
	// empty, the update stays leased until Done. After a crash Take returns it with that
	// Reply. If the handler has begun no transaction, Commit does nothing. An error means
	// that the attempt has failed. Consume calls Done after Commit too. Done does nothing if
	// Commit has removed the update.
	Commit(ctx context.Context, u QueuedUpdate, reply []byte) error
	// Rollback rolls back the transaction of u, if its handler has begun one. It may be
	// called while an abandoned handler still uses the transaction. A later Commit must not
	// keep anything.
	Rollback(ctx context.Context, u QueuedUpdate)
}
