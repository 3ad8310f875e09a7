package rig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// ErrStoreDown is the error of a Store that is down.
var ErrStoreDown = errors.New("store down")

// A Store stands at the other end of a network, with faults to switch on.
type Store struct {
	mu   sync.Mutex
	Rows map[tghook.Key]*storeRow
	ops  []string // that came to be applied, such as "Claim 1"

	Down    bool          // nothing is applied, and errors returned
	Latency time.Duration // before anything is applied
	Lose    string        // this method is applied, and an error returned
	Refuse  string        // this method returns ErrClaimLost and is not applied
	Break   string        // this method returns an error and is not applied
}

type storeRow struct {
	holder string // the fence of the claim that holds the update; "": none
	until  time.Time
	failed int
	note   []byte
	Done   bool
	doneBy string // the fence of the claim that was
	Reply  []byte
	forget time.Time
}

// NewStore is an empty Store.
func NewStore() *Store { return &Store{Rows: make(map[tghook.Key]*storeRow)} }

// Replica is the configuration of one of several processes that share s.
func Replica(s *Store) tghook.Config {
	return tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 1, Store: s}}
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

// call brings one method over the network.
func (s *Store) call(ctx context.Context, method string, k tghook.Key, apply func() error) error {
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
		return ErrStoreDown
	case s.Refuse == method:
		return fmt.Errorf("store: %w", tghook.ErrClaimLost)
	}
	s.ops = append(s.ops, fmt.Sprintf("%s %d", method, k.ID))
	err := apply()
	if s.Lose == method {
		return ErrStoreDown
	}
	return err
}

// Claim implements [tghook.Store].
func (s *Store) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (res tghook.ClaimResult, err error) {
	k := c.Key
	err = s.call(ctx, "Claim", k, func() error {
		now := time.Now()
		row := s.Rows[k]
		if row == nil || !row.forget.After(now) {
			row = &storeRow{}
			s.Rows[k] = row
		}
		row.forget = now.Add(ttl)
		if row.holder != "" && row.holder != c.Fence && !now.Before(row.until) {
			row.holder = ""
			row.failed++
		}
		switch {
		case row.Done:
			res = tghook.ClaimResult{State: tghook.ClaimDone, Reply: row.Reply}
		case row.holder != "" && row.holder != c.Fence:
			res = tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: row.until.Sub(now)}
		default:
			row.holder, row.until = c.Fence, now.Add(lease)
			res = tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: row.failed + 1, Note: row.note}
		}
		return nil
	})
	if err != nil {
		return tghook.ClaimResult{}, err
	}
	return res, nil
}

// held applies what only the holder of a claim may do.
func (s *Store) held(ctx context.Context, method string, c tghook.Claim, apply func(*storeRow)) error {
	return s.call(ctx, method, c.Key, func() error {
		row := s.Rows[c.Key]
		if row == nil || row.holder != c.Fence {
			return fmt.Errorf("store: %w", tghook.ErrClaimLost)
		}
		apply(row)
		return nil
	})
}

// Renew implements [tghook.Store].
func (s *Store) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return s.held(ctx, "Renew", c, func(row *storeRow) { row.until = time.Now().Add(lease) })
}

// Done implements [tghook.Store].
func (s *Store) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	s.mu.Lock()
	row := s.Rows[c.Key]
	repeated := row != nil && row.doneBy == c.Fence
	s.mu.Unlock()
	if repeated {
		return nil
	}
	return s.held(ctx, "Done", c, func(row *storeRow) {
		row.holder, row.Done, row.doneBy, row.Reply = "", true, c.Fence, slices.Clone(reply)
	})
}

// Fail implements [tghook.Store].
func (s *Store) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return s.held(ctx, "Fail", c, func(row *storeRow) { row.holder, row.note = "", note; row.failed++ })
}

// Release implements [tghook.Store].
func (s *Store) Release(ctx context.Context, c tghook.Claim) error {
	return s.held(ctx, "Release", c, func(row *storeRow) { row.holder = "" })
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
