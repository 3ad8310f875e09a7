package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/retry"
)

// sink is a bot that only measures how long updates of a sender take to reach it.
type sink struct {
	address string
	server  *http.Server

	mu    sync.Mutex
	taken []time.Duration // by update, since it was due
	last  time.Duration   // when the last one came, by clock
}

// newSink starts a sink. If handle is not nil, it is asked first, and may answer by itself: then it
// returns true.
func newSink(ctx context.Context, handle func(w http.ResponseWriter, r *http.Request) bool) (*sink, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{address: l.Addr().String()}
	s.server = &http.Server{ReadHeaderTimeout: patience, IdleTimeout: 90 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handle == nil || !handle(w, r) {
			s.take(w, r)
		}
	})}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// take takes an update.
func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	now := clock()
	var u struct {
		Message struct {
			Text string `json:"text"`
		} `json:"message"`
	}
	if err == nil {
		err = json.Unmarshal(body, &u)
	}
	due, wrong := strconv.ParseInt(u.Message.Text, 10, 64)
	if err != nil || wrong != nil {
		http.Error(w, "this is no update of the sender", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.taken = append(s.taken, now-time.Duration(due))
	s.last = now
	s.mu.Unlock()
}

// reset forgets what was measured, and returns it.
func (s *sink) reset() (taken []time.Duration, last time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, s.taken = s.taken, nil
	return taken, s.last
}

// count returns how many updates have come.
func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

// round sends updates at a rate, waits until all have come, and returns how long they took.
func (s *sink) round(ctx context.Context, from *sender, rate float64, lasts time.Duration) ([]time.Duration, error) {
	before := from.accepted.Load()
	if err := from.steady(ctx, rate, lasts); err != nil {
		return nil, err
	}
	err := s.await(ctx, int(from.accepted.Load()-before))
	taken, _ := s.reset()
	return taken, err
}

// await waits until so many updates have come.
func (s *sink) await(ctx context.Context, want int) error {
	before, moved := -1, time.Now()
	for {
		n := s.count()
		if n >= want {
			return nil
		}
		if n != before {
			before, moved = n, time.Now()
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("only %d of %d updates have reached the bot", n, want)
		}
		if err := retry.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// quantile returns a value that a share of the values does not exceed.
func quantile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
