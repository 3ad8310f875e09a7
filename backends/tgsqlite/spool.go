package tgsqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// SpoolConfig configures a [Spool]. Consume.Dispatch.Bot is required. Consume.Dispatch.Caller is
// required if the handler replies. The zero value of each other field is its default.
type SpoolConfig struct {
	Config

	// Consume configures how updates are handled. Its Dispatch.Lane chooses the lane of each
	// update.
	Consume tghook.ConsumeConfig
	// Albums is required if the handler has an [tghook.Album]: the Spool then sets
	// Consume.Dispatch.Store to its own Store, which keeps the items. That takes two more writes
	// for each update.
	Albums bool
}

// Spool is a [tghook.Handler] that writes each update to a file, and handles it later, even
// after a crash: see "The spool" in the package's documentation. It is safe for concurrent use.
type Spool struct {
	tghook.Handler // the publisher

	store   *Store
	handler tghook.Handler // of the user
	stop    context.CancelFunc
	ended   chan struct{} // closed when no handler runs and the file is closed
	err     error         // of that
}

// OpenSpool opens the file at path, as [Open] does, and begins to handle the updates in it with
// h. Pass the Spool as the handler to [tghook.New], [tghook.Run] or [tghook.Poll]. Call Shutdown
// after they have ended.
func OpenSpool(path string, h tghook.Handler, cfg SpoolConfig) (*Spool, error) {
	store, err := Open(path, cfg.Config)
	if err != nil {
		return nil, err
	}
	if cfg.Albums {
		cfg.Consume.Dispatch.Store = store
	}
	s := &Spool{store: store, handler: h, ended: make(chan struct{})}
	s.Handler, err = tghook.NewPublisher(store.queue, cfg.Consume.Dispatch)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := s.start(cfg.Consume); err != nil {
		return nil, err
	}
	return s, nil
}

// start begins to handle updates. It returns an error if cfg has a mistake.
func (s *Spool) start(cfg tghook.ConsumeConfig) error {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	begun := make(chan struct{})
	q := firstTake{s.store.queue, sync.OnceFunc(func() { close(begun) })}
	go func() {
		defer close(s.ended)
		s.err = errors.Join(tghook.Consume(ctx, q, s.handler, cfg), s.store.Close())
	}()
	select {
	case <-begun:
		return nil
	case <-s.ended:
		stop()
		return s.err
	}
}

// firstTake is a Queue that says when it is first asked for updates. Then the settings are right.
type firstTake struct {
	*Queue

	begin func()
}

func (q firstTake) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	q.begin()
	return q.Queue.Take(ctx, bot, limit, lease)
}

// AllowedUpdates returns the kinds that the handler of the Spool wants, or nil if the handler has
// no method AllowedUpdates.
func (s *Spool) AllowedUpdates() []string {
	if h, ok := s.handler.(interface{ AllowedUpdates() []string }); ok {
		return h.AllowedUpdates()
	}
	return nil
}

// Queue returns the queue of the Spool. It counts the pending updates and manages dead letters.
func (s *Spool) Queue() *Queue { return s.store.queue }

// Store returns the Store in the file of the Spool. Shutdown closes it.
func (s *Spool) Store() *Store { return s.store }

// Shutdown waits for running handlers, at most for ConsumeConfig.Grace and two seconds, and closes
// the file. The other updates stay in the file, and are handled when it is opened again. Call
// Shutdown when no more updates come in: after [tghook.Run], [tghook.Poll] or Shutdown of the
// [tghook.Webhook] has returned.
//
// If ctx ends earlier, Shutdown returns an error and continues in the background.
func (s *Spool) Shutdown(ctx context.Context) error {
	s.stop()
	select {
	case <-s.ended:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("tgsqlite: Shutdown: handlers are still running; updates that they do not finish are handled again when the file is next opened: %w", context.Cause(ctx))
	}
}
