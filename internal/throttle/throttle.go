// Package throttle bounds how often a line is logged.
package throttle

import (
	"context"
	"sync"
	"time"
)

// Throttle bounds how often a log line is written. In a window of time the first few lines
// are written. One line at the end of the window counts the others. It is safe for concurrent
// use.
type Throttle struct {
	most   int
	window time.Duration
	more   func(count int) // writes the line with the count

	mu      sync.Mutex
	timer   *time.Timer   // ends the window; nil if no window is open
	over    chan struct{} // is closed when the last window has ended and its count is written
	written int           // lines of this window
	left    int           // lines of this window that were left out
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

// Stop ends the window at once, and waits until its count is written or ctx ends. No window
// begins after that: Take then allows a few lines more, and nothing is counted.
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
