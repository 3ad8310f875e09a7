package tghooktest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// The methods of a Queue, in a form that many of them share.
type (
	publishFunc func(ctx context.Context, updates []tghook.QueuedUpdate) error
	takeFunc    func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error)
	leaseFunc   func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error)
	leaveFunc   func(ctx context.Context, u tghook.QueuedUpdate, text string) error
	stateFunc   func(ctx context.Context, bot int64) (tghook.QueueState, error)
	listFunc    func(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error)
	letterFunc  func(ctx context.Context, k tghook.Key) error
)

// A bentQueue is a correct Queue whose methods can be replaced.
type bentQueue struct {
	*memqueue.Queue

	publish          publishFunc
	take             takeFunc
	renew            leaseFunc
	done, fail, bury leaveFunc // done without a text
	back             publishFunc
	state            stateFunc
	list             listFunc
	putBack, discard letterFunc
	commit, rollback leaveFunc
	stop, start      func() // run when the server ends, and when it has started again
}

func newBentQueue() *bentQueue {
	q := &bentQueue{Queue: memqueue.New()}
	q.Latency = time.Millisecond
	q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error { return q.Publish(ctx, updates...) }
	q.take, q.renew, q.bury, q.back = q.Take, q.Renew, q.Bury, q.Return
	q.done = func(ctx context.Context, u tghook.QueuedUpdate, _ string) error { return q.Done(ctx, u) }
	q.fail = func(ctx context.Context, u tghook.QueuedUpdate, note string) error {
		return q.Fail(ctx, u, []byte(note))
	}
	q.state, q.list, q.putBack, q.discard = q.State, q.DeadLetters, q.PutBack, q.Discard
	q.commit = func(context.Context, tghook.QueuedUpdate, string) error { return nil }
	q.rollback, q.stop, q.start = q.commit, func() {}, func() {}
	return q
}

// backend is q as two processes have it, with a server that can be stopped. The server takes a
// moment to start.
func (q *bentQueue) backend() QueueBackend {
	return QueueBackend{Queue: bentSide{q, 0}, Other: bentSide{q, 1}, Stop: func() {
		q.stop()
		q.Set(func(q *memqueue.Queue) { q.Down = true })
	}, Start: func() {
		time.Sleep(50 * time.Millisecond)
		q.Set(func(q *memqueue.Queue) { q.Down = false })
		q.start()
	}}
}

// items calls f for each update that is not handled.
func (q *bentQueue) items(f func(it *memqueue.Item, first bool)) {
	q.Set(func(q *memqueue.Queue) {
		for _, l := range q.Rows.Lanes {
			for i, it := range l {
				f(it, i == 0)
			}
		}
	})
}

// A bentSide is what one process sees of a bentQueue.
type bentSide struct {
	q       *bentQueue
	process int
}

type processKey struct{}

// processOf returns the number of the process that makes a call.
func processOf(ctx context.Context) int { return ctx.Value(processKey{}).(int) }

func (s bentSide) by(ctx context.Context) context.Context {
	return context.WithValue(ctx, processKey{}, s.process)
}

func (s bentSide) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	return s.q.publish(s.by(ctx), updates)
}

func (s bentSide) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	return s.q.take(s.by(ctx), bot, limit, lease)
}

func (s bentSide) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	return s.q.renew(s.by(ctx), updates, lease)
}

func (s bentSide) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	return s.q.done(s.by(ctx), u, "")
}

func (s bentSide) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	return s.q.fail(s.by(ctx), u, string(note))
}

func (s bentSide) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return s.q.bury(s.by(ctx), u, why)
}

func (s bentSide) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	return s.q.back(s.by(ctx), updates)
}

func (s bentSide) State(ctx context.Context, bot int64) (tghook.QueueState, error) {
	return s.q.state(s.by(ctx), bot)
}

func (s bentSide) DeadLetters(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
	return s.q.list(s.by(ctx), bot, after, limit)
}

func (s bentSide) PutBack(ctx context.Context, k tghook.Key) error {
	return s.q.putBack(s.by(ctx), k)
}

func (s bentSide) Discard(ctx context.Context, k tghook.Key) error {
	return s.q.discard(s.by(ctx), k)
}

func (s bentSide) Commit(ctx context.Context, u tghook.QueuedUpdate, reply []byte) error {
	return s.q.commit(s.by(ctx), u, string(reply))
}

func (s bentSide) Rollback(ctx context.Context, u tghook.QueuedUpdate) {
	_ = s.q.rollback(s.by(ctx), u, "")
}

// A queueBreakage is a Queue with one fault, and the cases that find it.
type queueBreakage struct {
	name  string
	bend  func(q *bentQueue)
	finds []string
	among bool // other cases may find it too, and are not run
}

func allQueueCases() []queueCase {
	return slices.Concat(waitingQueueCases(), queueCrowdCases, queueAwayCases)
}

// findInQueue runs each case on a new Queue, and returns the names of the failing cases.
func findInQueue(t *testing.T, cases []queueCase, bend func(q *bentQueue)) []string {
	t.Helper()
	return findInBubbles(t, cases, func(tb testing.TB) *queueTrial {
		q := newBentQueue()
		bend(q)
		return newQueueTrial(judge{tb, hurry}, q.backend())
	})
}

func queueBreakages() []queueBreakage {
	return slices.Concat(publishBreakages, orderBreakages, takeBreakages, queueLeaseBreakages, queueEndBreakages, letterBreakages, queueAwayBreakages)
}

// heavy reports whether a case of this name makes many calls, or moves many bytes.
func heavy(name string) bool {
	return slices.ContainsFunc([]string{"crowd", "1000", "512 KiB", "comes once"}, func(part string) bool { return strings.Contains(name, part) })
}

func TestBrokenQueuesFail(t *testing.T) {
	t.Parallel()
	for _, b := range queueBreakages() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			cases := slices.DeleteFunc(allQueueCases(), func(c queueCase) bool {
				return !slices.Contains(b.finds, c.name) && (b.among || byChance(c.name) || heavy(c.name))
			})
			got, want := findInQueue(t, cases, b.bend), slices.Sorted(slices.Values(b.finds))
			assert.Equal(t, strings.Join(want, "\n\t"), strings.Join(got, "\n\t"))
		})
	}
}

func TestACorrectQueuePassesInABubble(t *testing.T) {
	t.Parallel()
	assert.Empty(t, findInQueue(t, allQueueCases(), func(*bentQueue) {}), "cases that fail")
}

// A case that no fault makes fail proves nothing.
func TestEveryQueueCaseCanFail(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, b := range queueBreakages() {
		for _, name := range b.finds {
			found[name] = true
		}
	}
	names := []string{}
	for _, c := range allQueueCases() {
		if c.name != keptByConsume {
			names = append(names, c.name)
		}
	}
	slices.Sort(names)
	assert.Equal(t, strings.Join(names, "\n"), strings.Join(slices.Sorted(maps.Keys(found)), "\n"))
}

// Each gap leaves out something, and nothing is left out without one.
func TestGapsLeaveOutCases(t *testing.T) {
	t.Parallel()
	whole := newBentQueue().backend()
	for _, c := range allQueueCases() {
		assert.True(t, c.suits(whole), c.name)
	}
	for _, gap := range []QueueGap{GapOnce, GapNotes, GapBytes, GapOldest, GapLeaseOver, GapLost, GapLanes, GapReturn} {
		b := whole
		b.Gaps = []QueueGap{gap}
		assert.True(t, slices.ContainsFunc(allQueueCases(), func(c queueCase) bool { return !c.suits(b) }), "gap %d leaves out a case", gap)
	}
}
