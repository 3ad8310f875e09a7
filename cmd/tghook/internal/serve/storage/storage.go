// Package storage keeps what tghook serve must not lose: updates until a bot has taken them, what
// several gateways share, and the history that the page shows. It is a folder with files of
// SQLite, or a PostgreSQL database.
package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// Queue keeps the updates of all bots, and the dead letters.
type Queue interface {
	tghook.Queue
	tghook.Letters
}

// engine is what SQLite and PostgreSQL do in different ways. Everything else is SQL that both
// understand.
type engine interface {
	// full returns an error if the queue has no room for more updates. was says whether the
	// last answer was the same.
	full(ctx context.Context, was bool) (full, err error)
	// answers returns why the engine does not take updates, besides a full queue.
	answers(ctx context.Context) error
	// size returns the bytes on the disk.
	size(ctx context.Context) (int64, error)
	// shrink gives the room of removed rows back, and removes their bytes. done is false if it
	// must be tried again.
	shrink(ctx context.Context) (done bool, err error)
	close() error
}

const (
	checkTime = 1500 * time.Millisecond // how long Check waits for an answer
	openTime  = 30 * time.Second        // how long Open may take; PostgreSQL may be starting
)

// Storage is open storage. Every method may be called concurrently.
type Storage struct {
	engine  engine
	db      *database
	queue   *boundedQueue
	history *history
	watch   *watch
	pruner  pruner
	owner   string // of roles
	checks  singleflight.Group
	reading *semaphore.Weighted // of Rows
}

// Open opens the storage, and makes its files or tables if they are missing. Files and tables of
// an older version are brought up to date. Close it when nothing uses it.
func Open(ctx context.Context, cfg config.Storage) (*Storage, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	open := openSQLite
	if cfg.Postgres != "" {
		open = openPostgres
	}
	e, db, queue, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	s := &Storage{
		engine: e, db: db, owner: rand.Text(), watch: newWatch(db), reading: semaphore.NewWeighted(readers),
		queue:  &boundedQueue{Queue: queue, engine: e},
		pruner: pruner{engine: e, db: db, left: true},
	}
	s.history = newHistory(db, s.watch.notify)
	if err := s.queue.look(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("storage: %w", err), s.Close())
	}
	return s, nil
}

// Close writes what still waits to be written, and closes the storage.
func (s *Storage) Close() error {
	s.watch.close()
	lost := s.history.close()
	if err := errors.Join(lost, s.db.close(), s.engine.close()); err != nil {
		return fmt.Errorf("storage: close: %w", err)
	}
	return nil
}

// Queue returns the queue.
func (s *Storage) Queue() Queue { return s.queue }

// Check returns why the storage takes no updates now: it does not answer, or it is full.
func (s *Storage) Check(ctx context.Context) error {
	// A call of the system may hang on a broken disk. Then later checks wait for the same one.
	result := s.checks.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
		defer cancel()
		if err := s.engine.answers(ctx); err != nil {
			return nil, err
		}
		if err := s.queue.look(ctx); err != nil {
			return nil, err
		}
		return nil, s.queue.isFull()
	})
	timeout := time.NewTimer(checkTime + 100*time.Millisecond)
	defer timeout.Stop()
	select {
	case r := <-result:
		return r.Err
	case <-timeout.C:
		return fmt.Errorf("the storage does not answer: it has taken longer than %v", checkTime)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Size returns how many bytes the storage has on the disk.
func (s *Storage) Size(ctx context.Context) (int64, error) {
	size, err := s.engine.size(ctx)
	if err != nil {
		return 0, fmt.Errorf("storage: size: %w", err)
	}
	return size, nil
}
