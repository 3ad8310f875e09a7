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

// Delivery is an attempt to deliver an update to the webhook.
//
// ServerConfig.Observe gets it after the attempt has ended. The function of OnDelivery
// gets it before the attempt is made, with Bot, UpdateID, Kind, Attempt, At, Queued and Update alone.
type Delivery struct {
	Bot      int64 // the bot's id
	UpdateID int64
	Kind     string
	Attempt  int           // counted from 1
	At       time.Time     // start of the attempt, in the Server's time
	Took     time.Duration // from the start to the end, in the Server's time
	Status   int           // HTTP status of the answer; 0 if no answer was read
	Err      string        // as in last_error_message of getWebhookInfo; empty also where Telegram records no error
	Done     bool          // the update was delivered
	Dropped  bool          // the update was not delivered, and will not be tried again
	Reply    string        // method of the webhook reply; empty if there was none
	CallID   int64         // the call that the reply made: see Call.ID
	Refused  string        // why Telegram refused or ignored the reply; empty if it did not
	Queued   time.Time     // when the update was made
	Update   []byte        // the update, which must not be changed
	Copy     bool          // it is the second delivery of AgainAtOnce
	HTTP     *Exchange     // the request and the answer, if ServerConfig.Record is set
}

// size is about how many bytes of memory a delivery takes.
func (d *Delivery) size() int {
	const fixed = 300
	return fixed + len(d.Refused) + d.HTTP.size()
}

func (b *bot) deliveryOf(a sender.Attempt) Delivery {
	return Delivery{
		Bot: b.id, UpdateID: a.Update.ID, Kind: a.Update.Kind, Attempt: a.Number, At: a.Start, Took: a.Took,
		Status: a.Status, Err: a.Err, Done: a.Done, Dropped: a.Dropped, Reply: a.Reply,
		CallID: a.Call, Refused: a.Refused, Queued: a.Update.Queued, Update: a.Update.Body, Copy: a.Copy, HTTP: deliveredOf(a).without(b.cfg.Token),
	}
}

// observe takes each attempt from the sender when it has ended.
func (s *Server) observe(a sender.Attempt) {
	if s.cfg.Observe != nil || s.watchers.watched() {
		d := s.deliveryOf(a)
		s.noteDelivery(d)
		if s.cfg.Observe != nil {
			s.cfg.Observe(d)
		}
	}
	s.attempts.count(a)
	if a.Done || a.Dropped {
		s.moved.ring()
	}
}

// Deliver queues an update of any kind for the bot and returns its id.
//
// The id is the update's own update_id if that is higher than all ids before, or if the
// Server has not given out an id yet. So a recorded update arrives unchanged. Otherwise it
// is the next free id.
//
// The same update may be delivered again, also with changes: it gets a new id. A query in it can be
// answered again until its time is over, though users see the first answer alone.
//
// A date in the future, or one too old for a delivery, stays in the update, but the Server
// treats the update as sent now.
//
// Deliver returns an error for an update that Telegram would not make: one whose kind is
// not in allowed_updates, or one that is too large.
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

// partsOf returns the kind and object of an update, and its update_id; 0 if it has none.
func partsOf(update []byte) (id int64, kind string, object json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(update))
	var members map[string]json.RawMessage
	if err := d.Decode(&members); err != nil {
		return 0, "", nil, fmt.Errorf("the update is not a JSON object: %w", err)
	}
	if d.More() {
		return 0, "", nil, errors.New("the update has data behind its JSON object; pass one update at a time")
	}
	if json.Unmarshal(members["update_id"], &id) != nil {
		id = 0
	}
	delete(members, "update_id")
	if len(members) != 1 {
		return 0, "", nil, fmt.Errorf("the update has %d fields beside update_id; give it exactly one, such as message", len(members))
	}
	for kind, object = range members {
		if !bytes.HasPrefix(object, []byte("{")) {
			return 0, "", nil, fmt.Errorf("the update's field %s is not a JSON object", kind)
		}
	}
	return id, kind, object, nil
}

// Pending returns the number of pending updates. An update is pending until it was
// delivered, was confirmed by getUpdates, or expired.
func (s *Server) Pending() int { return s.queue.Len() }

// PendingIDs returns the ids of the pending updates, in ascending order.
func (s *Server) PendingIDs() []int64 {
	ids := []int64{}
	for u := range s.pending() {
		ids = append(ids, u.ID)
	}
	return ids
}

// WaitDelivered waits until no update is pending or on its way. If that takes longer than
// ServerConfig.Patience, the test fails, and the message lists the pending updates. Set a
// longer Patience where retries take long.
func (s *Server) WaitDelivered(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), s.cfg.Patience)
	defer cancel()
	if err := s.Delivered(ctx); err != nil {
		tb.Fatalf("%v", err)
	}
}

// Delivered waits until no update is pending or on its way, like WaitDelivered, but without
// a test. When ctx ends first, it returns an error that lists the pending updates.
func (s *Server) Delivered(ctx context.Context) error {
	expired := s.clock.NewTimer(s.untilExpired())
	defer expired.Stop()
	for {
		moved, soon := s.moved.rings(), (<-chan time.Time)(nil)
		if s.queue.Len() == 0 {
			if !s.delivers() {
				return nil
			}
			soon = time.After(time.Millisecond) // the end of a repeated delivery does not ring moved
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

// untilExpired returns how long it takes until all updates that are pending now have expired.
func (s *Server) untilExpired() time.Duration {
	last := s.clock.Now()
	for u := range s.pending() {
		if u.Expires.After(last) {
			last = u.Expires
		}
	}
	return last.Sub(s.clock.Now()) + time.Second
}

// pending yields the pending updates, oldest first.
func (s *Server) pending() iter.Seq[queue.Update] {
	return func(yield func(queue.Update) bool) {
		u, ok := s.queue.Next(0)
		for ok && yield(u) {
			u, ok = s.queue.Next(u.ID)
		}
	}
}

// whatWaits describes the pending updates and why they wait.
func (s *Server) whatWaits() string {
	const some = 10
	var names []string
	for u := range s.pending() {
		names = append(names, fmt.Sprintf("%d (%s)", u.ID, u.Kind))
	}
	s.mu.Lock()
	h := s.webhook
	s.mu.Unlock()
	why := "no webhook is set, and getUpdates has not confirmed them"
	if h.url != "" {
		why = "the webhook's last error: " + cmp.Or(h.lastError, "none")
	}
	switch n := len(names); {
	case n == 0:
		return "no update waits, but a request to the webhook has not ended; " + why
	case n == 1:
		return fmt.Sprintf("1 update waits: %s; %s", names[0], why)
	case n > some:
		return fmt.Sprintf("%d updates wait: %s and %d more; %s", n, strings.Join(names[:some], ", "), n-some, why)
	default:
		return fmt.Sprintf("%d updates wait: %s; %s", n, strings.Join(names, ", "), why)
	}
}
