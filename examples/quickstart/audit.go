package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A row is one delivery: as Telegram sees it, and what tghook says became of it.
type row struct {
	tghooktest.Delivery
	seen tghook.Delivery
}

// audit watches from outside whether the bot keeps tghook's promise.
type audit struct {
	out io.Writer

	mu        sync.Mutex
	rows      []row
	expected  []*tghook.Update
	arrived   []int64 // in this order; of Telegram's queues each has its own
	succeeded []int64
	started   map[int64]int             // how often each update's handler ran
	seen      map[int64]tghook.Delivery // the last one of each update, as tghook sees it
}

func newAudit(out io.Writer) *audit {
	return &audit{out: out, started: map[int64]int{}, seen: map[int64]tghook.Delivery{}}
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
		a.seen[d.Update.ID] = d
	}
}

// delivered notes each delivery, as Telegram sees it.
func (a *audit) delivered(d tghooktest.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows = append(a.rows, row{d, a.seen[d.UpdateID]})
}

// table prints the deliveries, those of each chat together: there is an order within a
// chat, and none between chats.
func (a *audit) table() {
	a.mu.Lock()
	defer a.mu.Unlock()
	byChat := map[int64][]row{}
	var chats []int64
	for _, r := range a.rows {
		chat := int64(0)
		if i := slices.IndexFunc(a.expected, func(u *tghook.Update) bool { return u.ID == r.UpdateID }); i >= 0 {
			chat = a.expected[i].ChatID
		}
		if _, known := byChat[chat]; !known {
			chats = append(chats, chat)
		}
		byChat[chat] = append(byChat[chat], r)
	}
	slices.SortFunc(chats, func(x, y int64) int { return cmp.Compare(y, x) }) // people, none, groups
	for _, chat := range chats {
		title := fmt.Sprintf("Chat %d: its updates are handled in order, one at a time.", chat)
		if chat == 0 {
			title = "Without a chat: these are in order for each user, or for each poll."
		}
		fmt.Fprintf(a.out, "%s\n", title)
		fmt.Fprintf(a.out, "  %-9s  %-26s  %-8s  %-6s  %-9s  %-11s  %s\n",
			"update", "kind", "delivery", "status", "outcome", "answered in", "what Telegram does then")
		for _, r := range byChat[chat] {
			line := fmt.Sprintf("  %-9d  %-26s  %-8d  %-6d  %-9s  %-11s  %s", r.UpdateID, r.Kind, r.Attempt, r.Status, r.seen.Outcome,
				r.Took.Round(100*time.Microsecond), r.then())
			fmt.Fprintln(a.out, strings.TrimRight(line, " "))
		}
		fmt.Fprintln(a.out)
	}
}

// then says what Telegram does after a delivery.
func (r row) then() string {
	switch {
	case r.seen.Outcome == tghook.OutcomeFailed:
		return fmt.Sprintf("delivers it again, because of the error %q", r.seen.Err)
	case r.Status == http.StatusServiceUnavailable:
		return "delivers it again"
	case r.Err != "":
		return "delivers it again: " + r.Err
	case !r.Done:
		return "delivers it again: the answer was lost"
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
	fmt.Fprintln(a.out, "The bot called:")
	for _, c := range calls {
		text := ""
		if c.Params["text"] != "" {
			text = fmt.Sprintf(" %q", c.Params["text"])
		}
		fmt.Fprintf(a.out, "  %s%s\n", c.Method, text)
	}
	fmt.Fprintf(a.out, "\n%d updates delivered: %d lost, %d repeated, %d out of order; %d run again after a failure.\n",
		len(a.expected), lost, repeated, disordered, again)
	if lost+repeated+disordered > 0 {
		return errors.New("the promise is broken: please report it")
	}
	return nil
}
