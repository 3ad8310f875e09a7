package outlet

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// health is what an attempt tells of the bot.
type health int

const (
	unknown     health = iota // nothing: the attempt was cancelled
	well                      // it took the update
	unwilling                 // it refused this update
	troubled                  // it did not answer in time, or with 429 or 5xx
	away                      // it answered 502, 503 or 504, or closed the connection
	unreachable               // there was no connection
)

// place is where an update waits.
type place int

const (
	back place = iota
	front
)

// window decides how many requests may be under way, and which update is the next. The package's
// documentation has its rules.
type window struct {
	limit int

	mu        sync.Mutex
	size      int
	busy      int
	waiting   list.List     // of *waiter, the next one first
	stopped   chan struct{} // closed when no more turns are given
	successes uint64
	success   chan struct{} // closed at the next success
	outage    outage
	timer     *time.Timer // lets the next request begin in an outage; nil if none waits
}

// waiter waits for its turn.
type waiter struct {
	turn  turn
	ready chan struct{} // closed when it is its turn
}

// turn is the right to make one request.
type turn struct {
	probe     bool   // it began while the bot was down
	successes uint64 // how many there were before it
}

func newWindow(limit int) *window {
	return &window{limit: max(limit, 1), size: 1, success: make(chan struct{}), stopped: make(chan struct{})}
}

// enter waits for a turn. If ctx ends first, it returns the cause of ctx, and after stop
// [tghook.ErrShutdown]. Otherwise leave must be called.
func (w *window) enter(ctx context.Context, at place) (turn, error) {
	if ctx.Err() != nil {
		return turn{}, context.Cause(ctx)
	}
	mine := &waiter{ready: make(chan struct{})}
	element := w.queue(mine, at)
	select {
	case <-mine.ready:
		return mine.turn, nil
	case <-ctx.Done():
	case <-w.stopped:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-mine.ready:
		w.busy--
	default:
		w.waiting.Remove(element)
	}
	w.admit()
	if ctx.Err() == nil {
		return turn{}, tghook.ErrShutdown
	}
	return turn{}, context.Cause(ctx)
}

func (w *window) queue(mine *waiter, at place) *list.Element {
	w.mu.Lock()
	defer w.mu.Unlock()
	var element *list.Element
	if at == front {
		element = w.waiting.PushFront(mine)
	} else {
		element = w.waiting.PushBack(mine)
	}
	w.admit()
	return element
}

// admit gives turns to those who wait. The mutex is held.
func (w *window) admit() {
	w.stopTimer()
	if w.hasStopped() {
		return
	}
	for w.busy < w.size && w.waiting.Len() > 0 {
		if wait := w.outage.wait(); wait > 0 {
			w.timer = time.AfterFunc(wait, w.resume)
			return
		}
		next := w.waiting.Remove(w.waiting.Front()).(*waiter)
		next.turn = turn{w.outage.down, w.successes}
		w.busy++
		close(next.ready)
	}
}

// stop gives no more turns. Those who wait for one get [tghook.ErrShutdown].
func (w *window) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.hasStopped() {
		close(w.stopped)
	}
	w.stopTimer()
}

func (w *window) hasStopped() bool {
	select {
	case <-w.stopped:
		return true
	default:
		return false
	}
}

func (w *window) stopTimer() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// resume is called when the next request may be made.
func (w *window) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.admit()
}

// leave ends a turn.
func (w *window) leave(t turn, h health, problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	switch h {
	case unknown:
	case well:
		w.size = min(w.size+1, w.limit)
		w.successes++
		close(w.success)
		w.success = make(chan struct{})
		w.outage.end()
	case unwilling:
		w.outage.end()
	case troubled, away, unreachable:
		w.shrink(t, h)
		w.outage.problem = problem
	}
	w.admit()
}

// shrink makes the window smaller after a failure. The mutex is held.
func (w *window) shrink(t turn, h health) {
	if w.size > 1 {
		w.size /= 2
		return
	}
	w.outage.fail(t.probe, h)
}

// holds reports whether failures of an outage do not count: none has succeeded since there were
// so many successes.
func (w *window) holds(successes uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.successes == successes && (!w.outage.down || time.Since(w.outage.since) < longestHold)
}

// after returns a channel that is closed when there are more successes than so many.
func (w *window) after(successes uint64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.successes == successes {
		return w.success
	}
	more := make(chan struct{})
	close(more)
	return more
}

// rest waits for d, or until early is closed. If ctx ends, it returns the cause of ctx, and after
// stop [tghook.ErrShutdown].
func (w *window) rest(ctx context.Context, d time.Duration, early <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-w.stopped:
		return tghook.ErrShutdown
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (w *window) status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Status{Window: w.size, Busy: w.busy, Waiting: w.waiting.Len(), Down: w.outage.down, Since: w.outage.since, Problem: w.outage.problem}
}
