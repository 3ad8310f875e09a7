package tgsqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The bounds of one transaction. While it runs, other processes wait. A write that is larger
// than maxBytes has a transaction of its own.
const (
	maxWrites = 256
	maxBytes  = 8 << 20
)

var (
	errClosed = errors.New("the Store is closed")
	errNobody = errors.New("nobody waits")
)

// A writer writes for all callers, on one connection. Writes that come while one is on its
// way to the disk share the next transaction, which costs one flush of the disk for all of
// them. Its goroutine runs only while somebody waits.
type writer struct {
	session *session // of the goroutine alone
	swept   time.Time
	tight   time.Time // when the disk was last full

	open   context.Context // ends by close, with errClosed
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	waiting []*write
	running bool
	idle    *sync.Cond // running has become false
}

// A write is what one caller wants to have written.
type write struct {
	ctx   context.Context
	size  int // bytes, beside a few hundred
	run   func(*session) error
	ended chan struct{} // closed when err is set
	err   error
}

func newWriter(s *session) *writer {
	w := &writer{session: s}
	w.open, w.cancel = context.WithCancelCause(context.Background())
	w.idle = sync.NewCond(&w.mu)
	return w
}

// do calls run in a transaction, and returns when that is on the disk. If run returns an
// error, nothing of it is. run may be called several times. If ctx ends before run was
// called, do returns the cause. Otherwise it waits for the outcome.
func (w *writer) do(ctx context.Context, size int, run func(*session) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	it := &write{ctx: ctx, size: size, run: run, ended: make(chan struct{})}
	if err := w.enter(it); err != nil {
		return err
	}
	select {
	case <-it.ended:
	case <-ctx.Done():
		if w.withdraw(it) {
			return fmt.Errorf("the file is busy: the disk is slow, or another program holds its lock: %w", context.Cause(ctx))
		}
		<-it.ended
	}
	return it.err
}

func (w *writer) enter(it *write) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open.Err() != nil {
		return errClosed
	}
	w.waiting = append(w.waiting, it)
	if !w.running {
		w.running = true
		go w.work()
	}
	return nil
}

// withdraw reports whether it still waited.
func (w *writer) withdraw(it *write) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, it)
	if i < 0 {
		return false
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return true
}

// take returns the writes of the next transaction. They can no longer be withdrawn.
func (w *writer) take() []*write {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, 0
	for n < len(w.waiting) && n < maxWrites {
		size += w.waiting[n].size
		if n > 0 && size > maxBytes {
			break
		}
		n++
	}
	taken := slices.Clone(w.waiting[:n])
	w.waiting = slices.Delete(w.waiting, 0, n)
	return taken
}

// close ends the wait for the lock, and closes the connection when the last transaction is on
// the disk.
func (w *writer) close() error {
	w.cancel(errClosed)
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.running {
		w.idle.Wait()
	}
	return w.session.close()
}

func (w *writer) work() {
	for w.anybody() || !w.rest() {
		w.writeSome()
		w.sweep()
	}
}

// anybody reports whether somebody waits.
func (w *writer) anybody() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting) > 0
}

// rest ends the goroutine, unless somebody waits.
func (w *writer) rest() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = len(w.waiting) > 0
	if !w.running {
		w.idle.Broadcast()
	}
	return !w.running
}

// writeSome runs one transaction for some of those who wait, in their order. If it fails, each
// of them gets a transaction of its own, so that only those fail that must.
func (w *writer) writeSome() {
	err := w.begin()
	if errors.Is(err, errNobody) {
		return
	}
	some := w.take()
	if err == nil {
		err = w.commit(some)
		w.shorten(full(err))
		if err != nil && len(some) > 1 {
			for _, it := range some {
				it.end(w.writeOne(it))
			}
			return
		}
	}
	for _, it := range some {
		it.end(err)
	}
}

// shortenLog moves all pages from the log to the file, where most of them take the place of
// others, and gives the room of the log back to the disk. SQLite itself would wait until the log
// has 1,000 pages.
const shortenLog = `PRAGMA wal_checkpoint(TRUNCATE)`

// tightTime is how long the log is kept short after the disk was full.
const tightTime = time.Minute

// shorten keeps the log short if the disk is full, or was full a while ago. When a disk is full,
// the log cannot be moved, because the file would have to grow. So that is done as soon as there
// is some room again, before the log takes it.
func (w *writer) shorten(full bool) {
	if full {
		w.tight = time.Now()
	}
	if w.tight.IsZero() || time.Since(w.tight) > tightTime {
		return
	}
	var busy, pages, moved int
	_, _ = w.session.row(shortenLog, nil, &busy, &pages, &moved) // or later
}

func (w *writer) writeOne(it *write) error {
	if err := patiently(it.ctx, w.session.begin); err != nil {
		return err
	}
	return w.commit([]*write{it})
}

func (it *write) end(err error) {
	it.err = err
	close(it.ended)
}

// begin waits for the lock of the file, as long as anybody waits for it.
func (w *writer) begin() error {
	return patiently(w.open, func() error {
		if !w.anybody() {
			return errNobody
		}
		return w.session.begin()
	})
}

// commit runs writes in the transaction that has begun, and ends it.
func (w *writer) commit(some []*write) error { return w.session.end(w.run(some)) }

func (w *writer) run(some []*write) error {
	for _, it := range some {
		if err := it.run(w.session); err != nil {
			return err
		}
	}
	return nil
}

const (
	sweepPause = time.Second
	sweepRows  = 100 // at most so many of each table at a time
)

const (
	sweepUpdates = `DELETE FROM updates WHERE rowid IN (SELECT rowid FROM updates WHERE forget <= ?1 ORDER BY forget LIMIT ?2)`
	sweepKeys    = `DELETE FROM keys WHERE (bot, id) IN (SELECT bot, id FROM keys WHERE forget <= ?1 ORDER BY forget LIMIT ?2)`
	sweepAlbums  = `DELETE FROM albums WHERE rowid IN (SELECT rowid FROM albums WHERE forget <= ?1 ORDER BY forget LIMIT ?2)`
)

// sweeps remove what may be forgotten. Parameters: the time, and how many rows at most.
var sweeps = []string{sweepUpdates, sweepKeys, sweepAlbums}

// sweep removes what may be forgotten, if it is time. It is no write of a caller's: an error
// comes again where somebody gets it.
func (w *writer) sweep() {
	if time.Since(w.swept) < sweepPause {
		return
	}
	w.swept = time.Now()
	for _, query := range sweeps {
		if n, err := w.session.exec(query, now(), sweepRows); err == nil && n == sweepRows {
			w.swept = time.Time{} // there are more
		}
	}
}
