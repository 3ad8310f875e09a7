// Package memqueue is a Queue in memory for the tests of several packages. Only tests import it.
package memqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// ErrDown is the error of a Queue that is down.
var ErrDown = errors.New("queue down")

// Remembered is how long a Queue remembers a key after it was published.
const Remembered = 24 * time.Hour

// A Queue simulates a queue at the other end of a network, with faults that a test can set. It is
// also a [tghook.Letters].
type Queue struct {
	mu      sync.Mutex
	Rows    Rows
	changed chan struct{} // closed when another update may be taken
	ops     []string      // applied operations, such as "Done 1"

	Down    bool          // nothing is applied, and errors returned
	Latency time.Duration // before anything is applied
	Lose    string        // this method is applied, and an error returned
	Refuse  string        // this method returns ErrClaimLost, and is not applied
	Break   string        // this method returns an error and is not applied
}

// New is an empty Queue.
func New() *Queue {
	return &Queue{Rows: newRows(), changed: make(chan struct{})}
}

// Set changes the faults or the rows of q.
func (q *Queue) Set(change func(*Queue)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(q)
	q.wake()
}

// Log returns the applied operations, such as "Done 1, Fail 2", without calls of Take that
// returned nothing.
func (q *Queue) Log() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return strings.Join(q.ops, ", ")
}

// Count returns how often op was applied.
func (q *Queue) Count(op string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, done := range q.ops {
		if done == op {
			n++
		}
	}
	return n
}

// wake lets all waiting calls of Take look again.
func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// reach waits for the network.
func (q *Queue) reach(ctx context.Context) error {
	q.mu.Lock()
	latency := q.Latency
	q.mu.Unlock()
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// fault returns the error of a method that is not applied.
func (q *Queue) fault(method string) error {
	switch {
	case q.Down:
		return ErrDown
	case q.Break == method:
		return fmt.Errorf("queue: %s is broken", method)
	case q.Refuse == method:
		return fmt.Errorf("queue: %w", tghook.ErrClaimLost)
	default:
		return nil
	}
}

// call carries one method over the network. on names its updates.
func (q *Queue) call(ctx context.Context, method string, on any, apply func(now time.Time) error) error {
	if err := q.reach(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.fault(method); err != nil {
		return err
	}
	q.ops = append(q.ops, fmt.Sprint(method, " ", on))
	err := apply(time.Now())
	q.wake()
	if err == nil && q.Lose == method {
		return fmt.Errorf("queue: the answer of %s is lost", method)
	}
	return err
}

// ids are the ids of updates.
func ids(updates []tghook.QueuedUpdate) string {
	texts := make([]string, len(updates))
	for i, u := range updates {
		texts[i] = strconv.FormatInt(u.Key.ID, 10)
	}
	return strings.Join(texts, " ")
}

// Publish implements [tghook.Queue].
func (q *Queue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	return q.call(ctx, "Publish", ids(updates), func(now time.Time) error {
		for _, u := range updates {
			q.Rows.Publish(now, u)
		}
		return nil
	})
}

// Take implements [tghook.Queue].
func (q *Queue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	if err := q.reach(ctx); err != nil {
		return nil, nil //nolint:nilerr // the end of ctx is the end of the wait
	}
	for {
		taken, changed, next, err := q.take(bot, limit, lease)
		if err != nil || len(taken) > 0 {
			return taken, err
		}
		if !wait(ctx, changed, next) {
			return nil, nil
		}
	}
}

// wait waits until changed is closed or until next, which is zero if nothing happens then.
// It returns false if ctx ends before that.
func wait(ctx context.Context, changed <-chan struct{}, next time.Time) bool {
	var runsOut <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		runsOut = timer.C
	}
	select {
	case <-changed:
	case <-runsOut:
	case <-ctx.Done():
		return false
	}
	return true
}

// take takes the updates that can be taken now. If there are none, look again at next, or when
// changed is closed.
func (q *Queue) take(bot int64, limit int, lease time.Duration) (taken []tghook.QueuedUpdate, changed <-chan struct{}, next time.Time, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.fault("Take"); err != nil {
		return nil, nil, time.Time{}, err
	}
	now := time.Now()
	taken = q.Rows.take(now, bot, limit, lease)
	if len(taken) == 0 {
		return nil, q.changed, q.Rows.next(now, bot), nil
	}
	q.ops = append(q.ops, "Take "+ids(taken))
	if q.Lose == "Take" {
		return nil, nil, time.Time{}, errors.New("queue: the answer of Take is lost")
	}
	return taken, nil, time.Time{}, nil
}

// Renew implements [tghook.Queue].
func (q *Queue) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key, err error) {
	err = q.call(ctx, "Renew", ids(updates), func(now time.Time) error {
		for _, u := range updates {
			if !q.Rows.renew(now, u, lease) {
				lost = append(lost, u.Key)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// Done implements [tghook.Queue].
func (q *Queue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	return q.call(ctx, "Done", u.Key.ID, func(time.Time) error { return q.Rows.done(u) })
}

// Fail implements [tghook.Queue].
func (q *Queue) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	return q.call(ctx, "Fail", u.Key.ID, func(time.Time) error { return q.Rows.fail(u, note) })
}

// Bury implements [tghook.Queue].
func (q *Queue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return q.call(ctx, "Bury", u.Key.ID, func(now time.Time) error { return q.Rows.bury(now, u, why) })
}

// Return implements [tghook.Queue].
func (q *Queue) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	return q.call(ctx, "Return", ids(updates), func(time.Time) error {
		for _, u := range updates {
			q.Rows.giveBack(u)
		}
		return nil
	})
}
