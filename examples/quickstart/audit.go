package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tghook/tghook"
)

// audit watches from outside whether the bot keeps tghook's promise.
type audit struct {
	mu        sync.Mutex
	expected  []*tghook.Update
	succeeded []int64
	started   map[int64]int // how often each update's handler ran
	outcomes  map[int64]tghook.Outcome
}

func newAudit() *audit {
	return &audit{started: map[int64]int{}, outcomes: map[int64]tghook.Outcome{}}
}

func (a *audit) expect(u *tghook.Update) { a.expected = append(a.expected, u) }

// watch is a middleware that notes each run of the handler.
func (a *audit) watch(next tghook.Handler) tghook.Handler {
	return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		reply, err := next.HandleUpdate(ctx, u)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.started[u.ID]++
		if err == nil {
			a.succeeded = append(a.succeeded, u.ID)
		}
		return reply, err
	})
}

// observe notes what became of each delivery.
func (a *audit) observe(_ context.Context, d tghook.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d.Update != nil && d.Status != 0 {
		a.outcomes[d.Update.ID] = d.Outcome
	}
}

func (a *audit) outcome(id int64) tghook.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outcomes[id]
}

// verdict compares what was handled with what was sent.
func (a *audit) verdict(out io.Writer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	lost, repeated, disordered, again := 0, 0, 0, 0
	last := map[int64]int{} // of each chat, the place of its last success
	for _, u := range a.expected {
		at := slices.Index(a.succeeded, u.ID)
		if at < 0 {
			lost++
			continue
		}
		if slices.Contains(a.succeeded[at+1:], u.ID) {
			repeated++
		}
		if a.started[u.ID] > 1 { // it failed, and came back behind what arrived meanwhile
			again++
			continue
		}
		if u.ChatID != 0 && at < last[u.ChatID] {
			disordered++
		}
		last[u.ChatID] = at
	}
	fmt.Fprintf(out, "\n%d updates delivered: %d lost, %d repeated, %d out of order; %d run again after a failure.\n",
		len(a.expected), lost, repeated, disordered, again)
	if lost+repeated+disordered > 0 {
		return errors.New("the promise is broken: please report it")
	}
	return nil
}
