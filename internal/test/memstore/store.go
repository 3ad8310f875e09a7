// Package memstore is a Store in memory for the tests of several packages. Only tests import it.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// ErrDown is the error of a Store that is down.
var ErrDown = errors.New("store down")

// A Store stands at the other end of a network, with faults to switch on.
type Store struct {
	mu   sync.Mutex
	Rows map[tghook.Key]*Row
	kept map[tghook.AlbumKey]albums
	ops  []string // that came to be applied, such as "Claim 1" or "SaveAlbums chat:7"

	Down    bool          // nothing is applied, and errors returned
	Latency time.Duration // before anything is applied
	Lose    string        // this method is applied, and an error returned
	Refuse  string        // this method returns ErrClaimLost or ErrAlbumChanged, and is not applied
	Break   string        // this method returns an error and is not applied
}

// New is an empty Store.
func New() *Store {
	return &Store{Rows: make(map[tghook.Key]*Row), kept: make(map[tghook.AlbumKey]albums)}
}

// Set changes the faults of s.
func (s *Store) Set(change func(*Store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Log returns the operations that were applied, such as "Claim 1, Done 1".
func (s *Store) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.ops, ", ")
}

// Count returns how often op was applied.
func (s *Store) Count(op string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, done := range s.ops {
		if done == op {
			n++
		}
	}
	return n
}

// call brings one method over the network. on is what the method is about.
func (s *Store) call(ctx context.Context, method, on string, apply func() error) error {
	s.mu.Lock()
	latency := s.Latency
	s.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a method of the Store was called without a deadline")
	}
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.Down, s.Break == method:
		return ErrDown
	case s.Refuse == method:
		return fmt.Errorf("store: %w", refusal(method))
	}
	s.ops = append(s.ops, method+" "+on)
	err := apply()
	if s.Lose == method {
		return ErrDown
	}
	return err
}

func refusal(method string) error {
	if method == "SaveAlbums" {
		return tghook.ErrAlbumChanged
	}
	return tghook.ErrClaimLost
}

// step changes what is known of an update by one step.
func (s *Store) step(ctx context.Context, method string, k tghook.Key, change func(row *Row, now time.Time) error) error {
	return s.call(ctx, method, strconv.FormatInt(k.ID, 10), func() error {
		row := s.Rows[k]
		if row == nil {
			row = &Row{}
		}
		now := time.Now()
		row.Age(now)
		err := change(row, now)
		if err == nil {
			s.Rows[k] = row
		}
		return err
	})
}

// Claim implements [tghook.Store].
func (s *Store) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (res tghook.ClaimResult, err error) {
	err = s.step(ctx, "Claim", c.Key, func(row *Row, now time.Time) error {
		res = row.Claim(now, c.Fence, lease, ttl)
		return nil
	})
	if err != nil {
		return tghook.ClaimResult{}, err
	}
	return res, nil
}

// Renew implements [tghook.Store].
func (s *Store) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return s.step(ctx, "Renew", c.Key, func(row *Row, now time.Time) error { return row.Renew(now, c.Fence, lease) })
}

// Done implements [tghook.Store].
func (s *Store) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	return s.step(ctx, "Done", c.Key, func(row *Row, now time.Time) error { return row.Succeed(now, c.Fence, reply) })
}

// Fail implements [tghook.Store].
func (s *Store) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return s.step(ctx, "Fail", c.Key, func(row *Row, _ time.Time) error { return row.Fail(c.Fence, note) })
}

// Release implements [tghook.Store].
func (s *Store) Release(ctx context.Context, c tghook.Claim) error {
	return s.step(ctx, "Release", c.Key, func(row *Row, _ time.Time) error { return row.Release(c.Fence) })
}

// Steal gives every update that is held to a process which is not there.
func (s *Store) Steal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.Rows {
		if row.holder != "" {
			row.holder = "a process that is not there"
			row.until = time.Now().Add(time.Hour)
		}
	}
}
