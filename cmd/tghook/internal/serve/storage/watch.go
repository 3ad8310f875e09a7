package storage

import (
	"context"
	"sync"
	"time"
)

const watchPause = time.Second // between two looks for rows of other gateways

// watch tells when rows were written. While somebody waits, it looks for rows of other gateways
// too.
type watch struct {
	db   *database
	stop context.CancelFunc
	open context.Context

	mu      sync.Mutex
	changed chan struct{} // nil if nobody waits
	looking bool
	ended   sync.WaitGroup // of the goroutine that looks
	seen    int64          // state.written at the last look, which only that goroutine uses
}

func newWatch(db *database) *watch {
	w := &watch{db: db}
	w.open, w.stop = context.WithCancel(context.Background())
	return w
}

// Watch returns a channel that is closed when a row was written, by any gateway, after this call.
// It is not closed after Close.
func (s *Storage) Watch() <-chan struct{} { return s.watch.next() }

func (w *watch) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	if !w.looking && w.open.Err() == nil {
		w.looking = true
		w.ended.Go(w.look)
	}
	return w.changed
}

// notify wakes those who wait.
func (w *watch) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed != nil && w.open.Err() == nil {
		close(w.changed)
		w.changed = nil
	}
}

// look looks for rows of other gateways until nobody waits. It may wake once too often, but never
// misses a row: what it has seen last is older than every wait.
func (w *watch) look() {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for w.anybody() {
		select {
		case <-w.open.Done():
			return
		case <-tick.C:
		}
		var written int64
		_, err := w.db.row(w.open, `SELECT written FROM {state}`, nil, &written)
		if err == nil && written != w.seen {
			w.seen = written
			w.notify()
		}
	}
}

// anybody reports whether somebody waits. If not, the next one starts the looks again.
func (w *watch) anybody() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = w.changed != nil
	return w.looking
}

func (w *watch) close() {
	w.mu.Lock()
	w.stop()
	w.mu.Unlock()
	w.ended.Wait()
}
