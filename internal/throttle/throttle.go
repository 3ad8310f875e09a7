// Package throttle bounds how often a line is logged.
package throttle

import (
	"context"
	"sync"
	"time"
)

// Throttle bounds the rate of a log line: the first few within a window of time are
// written, and one line at its end counts the rest. It is safe for concurrent use.
type Throttle struct {
	most   int
	window time.Duration
	more   func(count int) // writes the line that counts

	mu      sync.Mutex
	timer   *time.Timer   // ends the window; nil if none is open
	over    chan struct{} // closed when the last window has ended and its count is written
	written int
	left    int
	stopped bool
}

// New returns a Throttle that lets most lines be written in each window of time. At the end
// of a window it calls more with the number of lines that were left out, if there were any.
func New(most int, window time.Duration, more func(count int)) *Throttle {
	return &Throttle{most: most, window: window, more: more}
}

// Take reports whether one more line may be written.
func (r *Throttle) Take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil && !r.stopped {
		r.over = make(chan struct{})
		r.timer = time.AfterFunc(r.window, r.end)
	}
	if r.written >= r.most {
		r.left++
		return false
	}
	r.written++
	return true
}

// end ends the window.
func (r *Throttle) end() {
	r.mu.Lock()
	left, over := r.left, r.over
	r.timer, r.written, r.left = nil, 0, 0
	r.mu.Unlock()
	defer close(over) // the user's slog.Handler may end the goroutine
	if left > 0 {
		r.more(left)
	}
}

// Stop ends the window at once, and waits until its count is written or ctx ends. No
// window begins after that: a few lines are left, and nothing is counted.
func (r *Throttle) Stop(ctx context.Context) {
	r.mu.Lock()
	r.stopped = true
	over := r.over
	if r.timer != nil && r.timer.Stop() {
		go r.end()
	}
	r.mu.Unlock()
	if over == nil {
		return
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
}
