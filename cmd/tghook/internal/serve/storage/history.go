package storage

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of the history's memory, and how it is written.
const (
	mostWaiting = 10_000
	mostBytes   = 64 << 20
	batchPause  = 200 * time.Millisecond // in which rows gather
	batchRows   = 200                    // in one transaction
	batchBytes  = 8 << 20
	batchTime   = 5 * time.Second // for one attempt
	batchTries  = 5
	firstRetry  = 250 * time.Millisecond // doubles with each try
	lastTime    = 2 * time.Second        // for what waits when the storage is closed
)

// record is a row that waits to be written.
type record struct {
	row      Row
	exchange *Exchange
	size     int
}

// history writes rows in the background.
type history struct {
	db    *database
	wrote func() // is called when rows were written

	batchTime, lastTime time.Duration
	batchTries          int

	dropped atomic.Int64

	mu      sync.Mutex
	waiting []record
	rows    int // that wait or are being written
	bytes   int
	closed  bool

	wake    chan struct{} // has a value if rows wait
	closing chan struct{}
	ended   chan struct{}
	open    context.Context // of all writes
	cut     context.CancelFunc
}

func newHistory(db *database, wrote func()) *history {
	h := &history{db: db, wrote: wrote, batchTime: batchTime, lastTime: lastTime, batchTries: batchTries, wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{})}
	h.open, h.cut = context.WithCancel(context.Background())
	go h.work()
	return h
}

// Record keeps a row of the history. It does not block: rows are written in the background,
// within half a second. If 10,000 rows or 64 MiB wait, it drops the row and counts it. The
// exchange may be nil. Neither may be changed afterwards. Size is bounded by Prune.
func (s *Storage) Record(r Row, x *Exchange) {
	if !s.history.add(record{r, x, sizeOf(&r, x)}) {
		s.history.dropped.Add(1)
	}
}

// Dropped returns how many rows Record has dropped, or could not be written.
func (s *Storage) Dropped() int64 { return s.history.dropped.Load() }

func (h *history) add(r record) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.rows >= mostWaiting || h.bytes+r.size > mostBytes {
		return false
	}
	h.waiting = append(h.waiting, r)
	h.rows++
	h.bytes += r.size
	select {
	case h.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns rows for one transaction.
func (h *history) take() []record {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, size := 0, 0
	for n < len(h.waiting) && n < batchRows {
		size += h.waiting[n].size
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	some := h.waiting[:n:n]
	h.waiting = h.waiting[n:]
	if len(h.waiting) == 0 {
		h.waiting = nil // so that those that were written can be freed
	}
	return some
}

// done says that rows do not wait any more.
func (h *history) done(some []record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows -= len(some)
	for i := range some {
		h.bytes -= some[i].size
		some[i] = record{}
	}
}

func (h *history) work() {
	defer close(h.ended)
	for {
		select {
		case <-h.wake:
		case <-h.closing:
		}
		select {
		case <-time.After(batchPause):
		case <-h.closing:
		}
		for some := h.take(); len(some) > 0; some = h.take() {
			h.dropped.Add(int64(h.write(some)))
			h.done(some)
		}
		if h.isClosed() { // nothing has come since
			return
		}
	}
}

// write writes rows. If the database fails several times, it drops them. It returns how many were
// dropped.
func (h *history) write(some []record) (dropped int) {
	lines := encode(some)
	pause := firstRetry
	for range h.batchTries {
		ctx, cancel := context.WithTimeout(h.open, h.batchTime)
		err := h.db.insert(ctx, lines)
		cancel()
		if err == nil {
			h.wrote()
			return len(some) - len(lines)
		}
		select {
		case <-time.After(pause):
		case <-h.closing:
		}
		pause *= 2
	}
	return len(some)
}

func (h *history) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed && len(h.waiting) == 0
}

// close writes what waits, if that does not take long.
func (h *history) close() error {
	h.mu.Lock()
	before, first := h.dropped.Load(), !h.closed
	h.closed = true
	h.mu.Unlock()
	if !first {
		return nil
	}
	close(h.closing)
	time.AfterFunc(h.lastTime, h.cut)
	select {
	case <-h.ended:
	case <-time.After(h.lastTime + h.lastTime/4):
	}
	h.cut()
	h.mu.Lock()
	defer h.mu.Unlock()
	if lost := int64(h.rows) + h.dropped.Load() - before; lost > 0 {
		return fmt.Errorf("%d rows of the history could not be written", lost)
	}
	return nil
}
