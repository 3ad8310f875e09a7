// Package storage keeps what tghook serve must not lose: updates until a bot has taken them, what
// several gateways share, and the history that the page shows. It is a folder with files of
// SQLite, or a PostgreSQL database.
package storage

import (
	"context"
	"errors"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// Queue keeps the updates of all bots, and the dead letters.
type Queue interface {
	tghook.Queue
	tghook.Letters
}

// Storage is open storage. Every method may be called concurrently.
type Storage struct{}

// Open opens the storage, and makes its files or tables if they are missing. Files and tables of
// an older version are brought up to date. Close it when nothing uses it.
func Open(ctx context.Context, cfg config.Storage) (*Storage, error) {
	return nil, errors.New("not written")
}

// Close writes what still waits to be written, and closes the storage.
func (s *Storage) Close() error { return nil }

// Queue returns the queue.
func (s *Storage) Queue() Queue { return nil }

// Check returns why the storage takes no updates now: it does not answer, or it is full.
func (s *Storage) Check(ctx context.Context) error { return nil }

// Size returns how many bytes the storage has on the disk.
func (s *Storage) Size(ctx context.Context) (int64, error) { return 0, nil }

// Added is a bot that was added over the admin API.
type Added struct {
	Name   string
	Sealed []byte // its configuration, encrypted
}

// Bots returns the bots that were added, in the order of their names.
func (s *Storage) Bots(ctx context.Context) ([]Added, error) { return nil, nil }

// SaveBot adds a bot, or replaces the one with its name.
func (s *Storage) SaveBot(ctx context.Context, b Added) error { return nil }

// RemoveBot removes a bot that was added. It reports whether there was one.
func (s *Storage) RemoveBot(ctx context.Context, name string) (bool, error) { return false, nil }

// Paused returns the ids of the bots that are paused.
func (s *Storage) Paused(ctx context.Context) (map[int64]bool, error) { return nil, nil }

// SetPaused pauses or resumes a bot, for all gateways.
func (s *Storage) SetPaused(ctx context.Context, bot int64, paused bool) error { return nil }

// Hold takes a role for this storage's owner, or keeps it, for some time. It reports whether the
// owner has the role. One of several gateways has it: it sets the webhook of a bot, or polls.
// Each open Storage is an owner of its own. Time is the database's, where it has a clock.
func (s *Storage) Hold(ctx context.Context, role string, time time.Duration) (bool, error) {
	return false, nil
}

// Yield gives a role back, if the owner has it.
func (s *Storage) Yield(ctx context.Context, role string) error { return nil }

// Record keeps a row of the history. It does not block: rows are written in the background,
// within half a second. If 10,000 rows wait, it drops the row and counts it. The exchange may be
// nil. Size is bounded by Prune.
func (s *Storage) Record(r Row, x *Exchange) {}

// Dropped returns how many rows Record has dropped.
func (s *Storage) Dropped() int64 { return 0 }

// Rows returns rows in ascending order of Seq: the newest ones that the filter takes.
func (s *Storage) Rows(ctx context.Context, f Filter) ([]Row, error) { return nil, nil }

// ErrNoRow says that there is no such row, or not any more.
var ErrNoRow = errors.New("there is no such row any more")

// Row returns a row and its exchange, which is nil if it was not kept.
func (s *Storage) Row(ctx context.Context, id string) (Row, *Exchange, error) {
	return Row{}, nil, ErrNoRow
}

// Prune removes the oldest rows of the history: those older than the retention's Age, and as many
// as take more than its MaxSize. Their bytes are not left in the file.
func (s *Storage) Prune(ctx context.Context, keep config.Retention) error { return nil }

// Watch returns a channel that is closed when a row was written, by any gateway, after this call.
func (s *Storage) Watch() <-chan struct{} { return nil }
