package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
	"github.com/tghook/tghook/internal/test/rig"
)

// A txQueue is a Queue with transactions.
type txQueue struct {
	*memqueue.Queue

	w     *work
	fails int
}

func (q *txQueue) Commit(_ context.Context, u tghook.QueuedUpdate, reply []byte) error {
	q.w.notef("commit %d %q", u.Key.ID, reply)
	if q.fails > 0 {
		q.fails--
		return errors.New("could not serialize")
	}
	return nil
}

func (q *txQueue) Rollback(_ context.Context, u tghook.QueuedUpdate) {
	q.w.notef("rollback %d", u.Key.ID)
}

func TestATransactionEndsWithItsHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &txQueue{memqueue.New(), w, 1}
		run := func(id int64, h tghook.HandlerFunc) string {
			t.Helper()
			publish(t, q, rig.MessageIn(1, id))
			c := consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{
				HandlerTimeout: time.Minute, MaxAttempts: 2,
				Caller: rig.CallerFunc(func(context.Context, string, any) error { w.notef("call"); return nil }),
			}}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				w.notef("%d", u.ID)
				return h(ctx, u)
			})
			rig.Pass(10 * time.Minute)
			c.end(t)
			defer func() { w.done = nil }()
			return w.all()
		}
		const body = `{\"chat_id\":1,\"text\":\"Hello\",\"method\":\"sendMessage\"}`
		replied := run(1, func(context.Context, *tghook.Update) (tghook.Reply, error) { return rig.Hello, nil })
		assert.Equal(t, 2, strings.Count(replied, "sendMessage"), "a commit that failed, and another: %s", replied)
		assert.Equal(t, 1, strings.Count(replied, "call"), body)
		assert.Equal(t, `2, commit 2 ""`, run(2, func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }))
		for name, h := range map[string]tghook.HandlerFunc{
			"error": func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, errors.New("no") },
			"panic": func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("no") },
			"goexit": func(context.Context, *tghook.Update) (tghook.Reply, error) {
				runtime.Goexit()
				return tghook.NoReply, nil
			},
		} {
			id := int64(10 + len(name) + int(name[0]))
			assert.Equal(t, fmt.Sprintf("%d, rollback %[1]d, %[1]d, rollback %[1]d, rollback %[1]d", id), run(id, h), name)
		}
		hangs := make(chan struct{})
		abandoned := run(3, func(context.Context, *tghook.Update) (tghook.Reply, error) { <-hangs; return tghook.NoReply, nil })
		assert.Equal(t, "3, rollback 3", abandoned, "its dead letter must not wait for it")
		close(hangs)
		rig.Pass(time.Second)
		assert.NotContains(t, w.all(), "commit")
		assert.Equal(t, 1, q.Count("Bury 3"))

		q.Set(func(q *memqueue.Queue) {
			for _, lane := range q.Rows.Lanes {
				assert.Empty(t, lane)
			}
		})
	})
}

// A changedQueue is a Queue whose methods can be replaced.
type changedQueue struct {
	*memqueue.Queue

	done   func(ctx context.Context, u tghook.QueuedUpdate) error
	renew  func(ctx context.Context, us []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error)
	commit func(u tghook.QueuedUpdate) error
	w      *work
}

func (q *changedQueue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	if q.done != nil {
		return q.done(ctx, u)
	}
	return q.Queue.Done(ctx, u)
}

func (q *changedQueue) Renew(ctx context.Context, us []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	if q.renew != nil {
		return q.renew(ctx, us, lease)
	}
	return q.Queue.Renew(ctx, us, lease)
}

func (q *changedQueue) Commit(_ context.Context, u tghook.QueuedUpdate, _ []byte) error {
	q.w.notef("commit %v", u.Receipt)
	if q.commit != nil {
		return q.commit(u)
	}
	return nil
}

func (q *changedQueue) Rollback(_ context.Context, u tghook.QueuedUpdate) {
	q.w.notef("rollback %v", u.Receipt)
}

// Between Commit, which has removed an update, and Done, Renew says that the update is lost.
func TestARenewalBehindACommitLosesNothing(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w, store := &work{}, rig.NewStore()
		store.Latency = 2 * time.Second // Done of the Store comes before that of the Queue
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.commit = func(u tghook.QueuedUpdate) error { return q.Queue.Done(context.Background(), u) }
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(1, 3))
		var runs work
		consume(t, q, tghook.ConsumeConfig{Lease: 3 * time.Second, Dispatch: tghook.DispatchConfig{Store: store}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			runs.notef("%d", u.ID)
			return tghook.NoReply, nil
		})
		rig.Pass(time.Minute)
		assert.Equal(t, "1, 2, 3", runs.all())
		assert.Equal(t, 1, strings.Count(q.Log(), "Take"), q.Log())
	})
}

// The transaction of a handler belongs to its own lease, even if this process has taken the
// update again.
func TestATransactionIsOfTheLeaseOfItsHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.renew = func(context.Context, []tghook.QueuedUpdate, time.Duration) ([]tghook.Key, error) { return nil, nil } // and renews nothing
		publish(t, q, rig.MessageIn(1, 1))
		var first any
		consume(t, q, tghook.ConsumeConfig{Lease: 9 * time.Second}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			u, _ := tghook.QueuedFromContext(ctx)
			if first == nil {
				first = u.Receipt
				<-ctx.Done()
				w.notef("%v", errors.Is(context.Cause(ctx), tghook.ErrClaimLost))
			}
			return tghook.NoReply, ctx.Err()
		})
		rig.Pass(time.Minute)
		lines := strings.Split(w.all(), ", ")
		require.GreaterOrEqual(t, len(lines), 3, w.all())
		assert.Equal(t, []string{"true", fmt.Sprintf("rollback %v", first)}, lines[:2])
		assert.NotContains(t, lines, fmt.Sprintf("commit %v", first))
		assert.Equal(t, 1, strings.Count(w.all(), "commit"), "under the lease that holds")
		assert.Equal(t, 1, q.Count("Done 1"))
	})
}

// A Commit that never returns holds its lane no longer than a handler.
func TestACommitThatHangsFails(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w, hangs := &work{}, make(chan struct{})
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.commit = func(u tghook.QueuedUpdate) error {
			if u.Key.ID == 1 {
				<-hangs
			}
			return nil
		}
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute, MaxAttempts: 1}}, rig.Nothing)
		rig.Pass(2 * time.Minute)
		close(hangs)
		assert.Equal(t, 1, q.Count("Bury 1"))
		assert.Equal(t, 1, q.Count("Done 2"))
		assert.Contains(t, w.all(), "rollback")
	})
}

// A process has crashed between the commit of an update and the call of its reply. The update is
// too old, and has had all its attempts.
func TestAReplyThatIsLeftIsSentWithoutTheHandler(t *testing.T) {
	for name, store := range map[string]func() tghook.Store{
		"without a Store": func() tghook.Store { return nil },
		"with a Store":    func() tghook.Store { return rig.NewStore() },
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				w := &work{}
				q := &leftReply{&txQueue{memqueue.New(), w, 0}, []byte(`{"method":"sendMessage","chat_id":1,"text":"kept"}`)}
				publish(t, q, fmt.Sprintf(`{"update_id":1,"message":{"message_id":1,"date":%d,"chat":{"id":1,"type":"private"}}}`, time.Now().Unix()))
				caller := &rig.Caller{}
				rig.Pass(time.Hour)
				consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Caller: caller, Store: store(), MaxAge: time.Minute, MaxAttempts: 1}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					w.notef("%d", u.ID)
					return tghook.NoReply, nil
				})
				rig.Pass(time.Second)
				assert.Empty(t, w.all(), "neither the handler nor Commit")
				assert.Equal(t, []string{`sendMessage{"chat_id":1,"text":"kept"}`}, caller.All())
				assert.Equal(t, 1, q.Count("Done 1"))
			})
		})
	}
}

// A TxQueue has told the handler that another process may have the update.
func TestAHandlerThatHasLostItsLeaseIsNotRunAgainUnderIt(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &txQueue{memqueue.New(), w, 0}
		publish(t, q, rig.MessageIn(1, 1))
		consume(t, q, tghook.ConsumeConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			w.notef("run")
			return tghook.NoReply, fmt.Errorf("begin: %w", tghook.ErrClaimLost)
		})
		rig.Pass(29 * time.Second)
		assert.Equal(t, 1, strings.Count(w.all(), "run"), "until its lease has run out")
		assert.Zero(t, q.Count("Fail 1"))
		rig.Pass(2 * time.Second)
		assert.Equal(t, 2, strings.Count(w.all(), "run"))
	})
}

type leftReply struct {
	*txQueue

	reply []byte
}

func (q *leftReply) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	taken, err := q.Queue.Take(ctx, bot, limit, lease)
	for i := range taken {
		taken[i].Reply, taken[i].Attempts = q.reply, 2
	}
	return taken, err
}
