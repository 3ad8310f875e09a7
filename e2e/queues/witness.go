package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// witness is a worker's Queue. It reports the updates that are taken, and how they end.
type witness struct {
	tghook.Queue

	member *member

	mu     sync.Mutex
	number int // of the last lease
	leases map[receipt]*held
}

// held is the lease of an update.
type held struct {
	number int
	began  time.Time // when it has last begun, at the earliest
}

// txWitness is the witness of a Queue with transactions.
type txWitness struct {
	*witness

	tx tghook.TxQueue
}

func newWitness(m *member) (*witness, tghook.Queue) {
	w := &witness{Queue: m.queue.Queue, member: m, leases: map[receipt]*held{}}
	if tx, ok := m.queue.Queue.(tghook.TxQueue); ok {
		return w, &txWitness{w, tx}
	}
	return w, w
}

// receipt identifies a lease. Receipts of the engines here can be compared.
type receipt struct {
	update int64
	own    any
}

func receiptOf(u tghook.QueuedUpdate) receipt { return receipt{u.Key.ID, u.Receipt} }

// report reports something of an update.
func (w *witness) report(what string, u tghook.QueuedUpdate, chat int64) {
	w.mu.Lock()
	l := *w.leases[receiptOf(u)]
	w.mu.Unlock()
	w.member.report(what, u.Key.ID, chat, l.number, time.Since(l.began))
}

// Take reports the updates that it takes.
func (w *witness) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	asked := time.Now() // the earliest time at which a lease may begin
	updates, err := w.Queue.Take(ctx, bot, limit, lease)
	for _, u := range updates {
		w.mu.Lock()
		w.number++
		w.leases[receiptOf(u)] = &held{w.number, asked}
		w.mu.Unlock()
		what := takes
		if u.Reply != nil {
			what = resumes
		}
		w.report(what, u, 0)
	}
	return updates, err
}

// Renew reports the leases that are lost.
func (w *witness) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	asked := time.Now()
	lost, err := w.Queue.Renew(ctx, updates, lease)
	for _, u := range updates {
		switch {
		case slices.Contains(lost, u.Key):
			w.report(loses, u, 0)
		case err == nil:
			w.mu.Lock()
			w.leases[receiptOf(u)].began = asked
			w.mu.Unlock()
			w.report(renews, u, 0)
		}
	}
	return lost, err
}

// Done reports that the engine has ended an update.
func (w *witness) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	err := w.Queue.Done(ctx, u)
	w.ended(u, keeps, err)
	return err
}

// ended reports the outcome of a call that ends an update.
func (w *witness) ended(u tghook.QueuedUpdate, what string, err error) {
	switch {
	case err == nil:
		w.report(what, u, 0)
	case errors.Is(err, tghook.ErrClaimLost):
		w.report(loses, u, 0)
	}
}

// Bury reports that the engine has made an update a dead letter.
func (w *witness) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	err := w.Queue.Bury(ctx, u, why)
	w.ended(u, buries, err)
	return err
}

// Return reports that the worker returns updates.
func (w *witness) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	for _, u := range updates {
		w.report(returns, u, 0)
	}
	return w.Queue.Return(ctx, updates)
}

// Fail reports a lease that is lost.
func (w *witness) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	err := w.Queue.Fail(ctx, u, note)
	if errors.Is(err, tghook.ErrClaimLost) {
		w.report(loses, u, 0)
	}
	return err
}

// Commit reports that the engine has ended an update, apart from its reply. It does nothing if
// the handler has begun no transaction.
func (w *txWitness) Commit(ctx context.Context, u tghook.QueuedUpdate, reply []byte) error {
	err := w.tx.Commit(ctx, u, reply)
	if w.member.queue.write != nil {
		w.ended(u, keeps, err)
	}
	return err
}

// Rollback undoes what a handler has written.
func (w *txWitness) Rollback(ctx context.Context, u tghook.QueuedUpdate) { w.tx.Rollback(ctx, u) }
