package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// audit watches from outside whether the bot keeps tghook's promise.
type audit struct {
	out io.Writer

	mu        sync.Mutex
	rows      int
	expected  []*tghook.Update
	arrived   []int64 // in this order; of Telegram's queues each has its own
	succeeded []int64
	started   map[int64]int // how often each update's handler ran
	outcomes  map[int64]tghook.Outcome
}

func newAudit(out io.Writer) *audit {
	return &audit{out: out, started: map[int64]int{}, outcomes: map[int64]tghook.Outcome{}}
}

func (a *audit) expect(u *tghook.Update) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected = append(a.expected, u)
}

// arrives notes the first delivery of each update.
func (a *audit) arrives(d tghooktest.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d.Attempt == 1 {
		a.arrived = append(a.arrived, d.UpdateID)
	}
}

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

// observe notes what became of each delivery, as tghook sees it.
func (a *audit) observe(_ context.Context, d tghook.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d.Update != nil && d.Status != 0 {
		a.outcomes[d.Update.ID] = d.Outcome
	}
}

// delivered prints each delivery, as Telegram sees it.
func (a *audit) delivered(d tghooktest.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rows++; a.rows == 1 {
		fmt.Fprintf(a.out, "%-10s %-27s %-8s %-6s %-10s %-8s %s\n", "update", "kind", "attempt", "status", "outcome", "time", "Telegram")
	}
	fmt.Fprintf(a.out, "%-10d %-27s %-8d %-6d %-10s %-8s %s\n", d.UpdateID, d.Kind, d.Attempt, d.Status, a.outcomes[d.UpdateID],
		d.Took.Round(10*time.Microsecond), does(d))
}

// does says what Telegram does after a delivery.
func does(d tghooktest.Delivery) string {
	switch {
	case d.Err != "":
		return "tries again: " + d.Err
	case !d.Done:
		return "tries again: the answer was lost"
	case d.Reply != "":
		return "calls " + d.Reply
	}
	return ""
}

// verdict compares what was handled with what was sent.
func (a *audit) verdict(calls []tghooktest.Call) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	lost, repeated, disordered, again := 0, 0, 0, 0
	last := map[int64]int{} // of each chat, the place of its last success
	slices.SortStableFunc(a.expected, func(u, v *tghook.Update) int {
		return cmp.Compare(slices.Index(a.arrived, u.ID), slices.Index(a.arrived, v.ID))
	})
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
	fmt.Fprintf(a.out, "\nWhat the bot called:\n")
	for _, c := range calls {
		if how := "by a request"; c.Method != "setWebhook" {
			if c.Reply {
				how = "in its response, for which it made no request"
			}
			fmt.Fprintf(a.out, "  %s %s: %s\n", c.Method, c.Params["text"], how)
		}
	}
	fmt.Fprintf(a.out, "\n%d updates delivered: %d lost, %d repeated, %d out of order; %d run again after a failure.\n",
		len(a.expected), lost, repeated, disordered, again)
	if lost+repeated+disordered > 0 {
		return errors.New("the promise is broken: please report it")
	}
	return nil
}
