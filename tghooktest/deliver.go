package tghooktest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// Delivery is an attempt to deliver an update to the webhook, when it has ended.
type Delivery struct {
	UpdateID int64
	Kind     string
	Attempt  int // from 1
	At       time.Time
	Took     time.Duration
	Status   int    // of the answer; 0: none was read
	Err      string // as getWebhookInfo's last_error_message has it; empty also where Telegram records nothing
	Done     bool   // the update was delivered
	Dropped  bool   // it was not, and is given up
	Reply    string // the method that the answer called; empty: none was
}

func deliveryOf(a sender.Attempt) Delivery {
	return Delivery{
		UpdateID: a.Update.ID, Kind: a.Update.Kind, Attempt: a.Number, At: a.Start, Took: a.Took,
		Status: a.Status, Err: a.Err, Done: a.Done, Dropped: a.Dropped, Reply: a.Reply,
	}
}

// observe is told of each attempt by the sender.
func (s *Server) observe(a sender.Attempt) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(deliveryOf(a))
	}
	if a.Done || a.Dropped {
		s.moved.ring()
	}
}

// Deliver has the bot get an update of any kind, and returns its id: the update_id that it
// has, where that is above all before or no update has had one yet, so that what was recorded
// comes as it was; else the next one. A date that is in the future, or too old to be
// delivered, stands in it, but counts as now. An update that Telegram would not make is an
// error: one of a kind that is not among the allowed updates, or too large.
func (s *Server) Deliver(update []byte) (id int64, err error) {
	own, kind, object, err := partsOf(update)
	if err != nil {
		return 0, fmt.Errorf("tghooktest: Deliver: %w", err)
	}
	s.world.Meet(kind, object)
	u, err := s.queue.Deliver(own, kind, object)
	if err != nil {
		return 0, fmt.Errorf("tghooktest: Deliver: %w", err)
	}
	return u.ID, nil
}

// partsOf finds the one object that an update is about, and its id; 0 if there is none.
func partsOf(update []byte) (id int64, kind string, object json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(update))
	var members map[string]json.RawMessage
	if err := d.Decode(&members); err != nil {
		return 0, "", nil, fmt.Errorf("the update is no JSON object: %w", err)
	}
	if d.More() {
		return 0, "", nil, errors.New("something follows the update's JSON object")
	}
	if json.Unmarshal(members["update_id"], &id) != nil {
		id = 0
	}
	delete(members, "update_id")
	if len(members) != 1 {
		return 0, "", nil, fmt.Errorf("an update has one member beside update_id, such as message, and not %d", len(members))
	}
	for kind, object = range members {
		if !bytes.HasPrefix(object, []byte("{")) {
			return 0, "", nil, fmt.Errorf("the update's %s is no JSON object", kind)
		}
	}
	return id, kind, object, nil
}

// Pending is how many updates have neither been delivered, nor confirmed by getUpdates,
// nor expired.
func (s *Server) Pending() int { return s.queue.Len() }

// PendingIDs are the ids of those updates, in ascending order.
func (s *Server) PendingIDs() []int64 {
	ids := []int64{}
	for u := range s.pending() {
		ids = append(ids, u.ID)
	}
	return ids
}

// WaitDelivered waits until no update is pending or on its way, for Patience in all: set that to more
// where retries take long. It fails the test with what waits.
func (s *Server) WaitDelivered(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), s.cfg.Patience)
	defer cancel()
	if err := s.Delivered(ctx); err != nil {
		tb.Fatalf("%v", err)
	}
}

// Delivered is WaitDelivered without a test: it waits until ctx ends, and then its error
// tells what waits.
func (s *Server) Delivered(ctx context.Context) error {
	expired := time.NewTimer(s.untilExpired())
	defer expired.Stop()
	for {
		moved, soon := s.moved.rings(), (<-chan time.Time)(nil)
		if s.queue.Len() == 0 {
			if !s.delivers() {
				return nil
			}
			soon = time.After(time.Millisecond) // copies end without a bell
		}
		select {
		case <-moved:
		case <-soon:
		case <-expired.C:
			expired.Reset(s.untilExpired())
		case <-ctx.Done():
			return fmt.Errorf("tghooktest: %s: %w", s.whatWaits(), context.Cause(ctx))
		}
	}
}

// delivers reports whether a request to the webhook is on its way.
func (s *Server) delivers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sender != nil && s.sender.InFlight() > 0
}

// untilExpired is how long it takes, in real time, until all that waits now has expired.
func (s *Server) untilExpired() time.Duration {
	last := s.clock.Now()
	for u := range s.pending() {
		if u.Expires.After(last) {
			last = u.Expires
		}
	}
	return s.clock.Real(last.Sub(s.clock.Now()) + time.Millisecond)
}

// pending yields what waits.
func (s *Server) pending() iter.Seq[queue.Update] {
	return func(yield func(queue.Update) bool) {
		u, ok := s.queue.Next(0)
		for ok && yield(u) {
			u, ok = s.queue.Next(u.ID)
		}
	}
}

// whatWaits is for those who waited in vain.
func (s *Server) whatWaits() string {
	const some = 10
	var names []string
	for u := range s.pending() {
		if len(names) == some {
			break
		}
		names = append(names, fmt.Sprintf("%d (%s)", u.ID, u.Kind))
	}
	s.mu.Lock()
	h := s.webhook
	s.mu.Unlock()
	why := "no webhook is set, and getUpdates has not confirmed them"
	if h.url != "" {
		why = "the webhook's last error is: " + cmp.Or(h.lastError, "none")
	}
	return fmt.Sprintf("%d updates wait, first %s; %s", s.queue.Len(), strings.Join(names, ", "), why)
}
