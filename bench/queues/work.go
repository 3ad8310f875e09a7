//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// work is a handler that notes when it starts. It is safe for concurrent use.
type work struct {
	takes time.Duration // how long it waits
	gate  chan struct{} // it starts when this is closed

	mu      sync.Mutex
	started map[int64]time.Time // by update_id; the first start counts
	handled int
	again   int       // handled once more
	last    time.Time // when the last one had been handled
	target  int
	reached chan struct{} // closed when handled is target
}

func newWork(takes time.Duration) *work {
	return &work{takes: takes, gate: make(chan struct{}), started: make(map[int64]time.Time)}
}

func (w *work) HandleUpdate(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	select {
	case <-w.gate:
	case <-ctx.Done():
		return tghook.NoReply, ctx.Err()
	}
	now := time.Now()
	time.Sleep(w.takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, again := w.started[u.ID]; again {
		w.again++
	} else {
		w.started[u.ID] = now
	}
	w.handled++
	w.last = time.Now()
	if w.handled == w.target {
		close(w.reached)
	}
	return tghook.NoReply, nil
}

// wait returns when n updates have been handled, and says when that was. It is called once.
func (w *work) wait(ctx context.Context, n int) (last time.Time, err error) {
	w.mu.Lock()
	reached := make(chan struct{})
	if w.handled >= n {
		close(reached)
	}
	w.target, w.reached = n, reached
	w.mu.Unlock()
	select {
	case <-reached:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.again > 0 {
		err = errors.New("nothing fails here, so no update may be handled again")
	}
	if err != nil {
		err = fmt.Errorf("%d updates were sent, %d were handled, %d of them again: %w", n, w.handled, w.again, err)
	}
	return w.last, err
}

// start returns when an update's handler started.
func (w *work) start(id int64) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started[id]
}
