package tghooktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// consumeCases handle updates as a bot does.
var consumeCases = []queueCase{
	{"two processes consume what a publisher publishes, each chat in its order", anyQueue, func(c *queueTrial) {
		const chats, length = 5, 8
		s := c.newShop()
		s.consumes(c.Queue, s.handle)
		s.consumes(c.Other, s.handle)
		want := map[int64][]string{}
		for i := range chats * length {
			chat := int64(i%chats + 1)
			id := s.delivers(chat)
			want[chat] = append(want[chat], fmt.Sprint("start ", id), fmt.Sprint("end ", id))
		}
		for chat, lines := range want {
			s.did(chat, lines...)
		}
		s.close()
		c.nothing()
	}},
	{"an update whose handler fails is run again before the next one of its chat", anyQueue, func(c *queueTrial) {
		s := c.newShop()
		first, second := s.delivers(7), s.delivers(7)
		third, fourth := s.delivers(8), s.delivers(8)
		s.consumes(c.Queue, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if s.note(u, "start"); s.runs(u) > 1 || u.ID == second || u.ID == fourth {
				s.note(u, "end")
				return tghook.NoReply, nil
			}
			if u.ID == third {
				panic("the handler panics")
			}
			return tghook.NoReply, errors.New("the handler fails")
		})
		for chat, ids := range map[int64][2]int64{7: {first, second}, 8: {third, fourth}} {
			s.did(chat, fmt.Sprint("start ", ids[0]), fmt.Sprint("start ", ids[0]), fmt.Sprint("end ", ids[0]), fmt.Sprint("start ", ids[1]), fmt.Sprint("end ", ids[1]))
		}
		s.close()
		c.nothing()
	}},
	{"an update that is given up is a dead letter, and comes again when it is put back", anyQueue, func(c *queueTrial) {
		s := c.newShop()
		first, second := s.delivers(7), s.delivers(7)
		s.consumes(c.Queue, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == first && s.runs(u) == 0 {
				s.note(u, "start")
				return tghook.NoReply, tghook.Drop(errors.New("the reason"))
			}
			return s.handle(ctx, u)
		})
		lines := []string{fmt.Sprint("start ", first), fmt.Sprint("start ", second), fmt.Sprint("end ", second)}
		s.did(7, lines...)
		if letters, ok := c.Queue.(tghook.Letters); ok {
			page := c.page(letters, 0, 10)
			if len(page) != 1 || page[0].Key.ID != first || !strings.Contains(page[0].Why, "the reason") {
				c.Errorf("DeadLetters: got %+v, want update %d with the reason", page, first)
			}
			c.putsBack(tghook.Key{Bot: c.bot, ID: first}, success)
			s.did(7, append(lines, fmt.Sprint("start ", first), fmt.Sprint("end ", first))...)
		}
		s.close()
		c.nothing()
	}},
	{"a process that stops ends what runs, and gives the rest back", anyQueue, func(c *queueTrial) {
		s := c.newShop()
		started, release := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(c.Context())
		stop := s.consumesUntil(ctx, asBefore(c.Queue, slowReturns{c.Queue}), func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			s.note(u, "start")
			close(started)
			<-release
			s.note(u, "end")
			return tghook.NoReply, nil
		})
		first, second := s.delivers(7), s.delivers(7)
		await(c, started, "the start of the handler")
		time.Sleep(moment)
		cancel()
		time.AfterFunc(moment, func() { close(release) })
		stop()
		s.did(7, fmt.Sprint("start ", first), fmt.Sprint("end ", first))
		s.consumes(c.Other, s.handle)
		s.did(7, fmt.Sprint("start ", first), fmt.Sprint("end ", first), fmt.Sprint("start ", second), fmt.Sprint("end ", second))
		s.close()
		c.nothing()
	}},
	{"an update of a process that has died is handled by another one, before the next of its chat", anyQueue, func(c *queueTrial) {
		s := c.newShop()
		first, second := s.delivers(7), s.delivers(7)
		if taken := c.tryTake(c.Other, c.patience, 1, time.Second); len(taken) != 1 || taken[0].got.Key.ID != first {
			c.Fatalf("Take: got %s, want update %d", c.list(got(taken)), first)
		}
		s.consumes(c.Queue, s.handle)
		s.did(7, fmt.Sprint("start ", first), fmt.Sprint("end ", first), fmt.Sprint("start ", second), fmt.Sprint("end ", second))
		s.close()
		c.nothing()
	}},
	{"a handler that takes longer than the lease is run once", anyQueue, func(c *queueTrial) {
		c.generous(shopLease, func(lease time.Duration) string {
			s := newQueueTrial(c.judge, c.QueueBackend).newShop() // of a bot that has no other updates
			s.inFlight = 1                                        // so that only the other process could take it
			s.lease = lease
			slow := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				s.note(u, "start")
				time.Sleep(lease + time.Second)
				s.note(u, "end")
				return tghook.NoReply, nil
			}
			gaps := &leaseGaps{last: time.Now()}
			s.consumes(gaps.of(s.Queue), slow)
			s.consumes(gaps.of(s.Other), slow)
			first := s.delivers(7)
			got, want := s.awaitNotes(7, 2, lease+s.patience), fmt.Sprintf("start %d, end %d", first, first)
			if gap := gaps.max(); got != want && gap >= lease {
				s.close()
				return fmt.Sprintf("with a lease of %v, which was not renewed for %v: got %s, want %s; the machine may be too busy", lease, gap, short(got), short(want))
			}
			s.same("what was done in chat 7", got, want)
			s.close()
			s.nothing()
			return ""
		})
	}},
	{"a reply is sent before the next update of its chat is handled", anyQueue, func(c *queueTrial) {
		s := c.newShop()
		first, second := s.delivers(7), s.delivers(7)
		s.consumes(c.Queue, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			s.note(u, "start")
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": strconv.FormatInt(u.ID, 10)}}, nil
		})
		s.did(7, fmt.Sprint("start ", first), fmt.Sprint("reply ", first), fmt.Sprint("start ", second), fmt.Sprint("reply ", second))
		s.close()
		c.nothing()
	}},
}

// A shop is a bot whose updates go through the Queue.
type shop struct {
	*queueTrial

	publisher tghook.Handler
	inFlight  int           // MaxInFlight of the processes
	lease     time.Duration // of the processes; long, so that no slow machine loses it
	stops     []func()

	mu    sync.Mutex
	ids   int64
	lines map[int64][]string // notes, by chat
	count map[int64]int      // runs, by update_id
}

// shopLease is the shortest lease of Consume.
const shopLease = 3 * time.Second

func (s *shop) config() tghook.DispatchConfig {
	return tghook.DispatchConfig{Bot: s.bot, Caller: s, MaxInFlight: s.inFlight, Logger: slog.New(slog.DiscardHandler)}
}

func (c *queueTrial) newShop() *shop {
	s := &shop{queueTrial: c, lease: longLease, lines: map[int64][]string{}, count: map[int64]int{}}
	publisher, err := tghook.NewPublisher(c.Queue, s.config())
	if err != nil {
		c.Fatalf("NewPublisher: %v", err)
	}
	s.publisher = publisher
	c.Cleanup(s.close)
	return s
}

// delivers publishes a message in a chat, and returns its update_id.
func (s *shop) delivers(chat int64) int64 {
	s.Helper()
	s.ids++
	raw := fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":%d,"date":%d,"chat":{"id":%d,"type":"private"},"text":"Zoë"}}`, s.ids, s.ids, time.Now().Unix(), chat)
	u, err := tghook.ParseUpdate(raw)
	if err == nil {
		_, err = s.publisher.HandleUpdate(s.Context(), u)
	}
	if err != nil {
		s.Fatalf("the publisher: %v", err)
	}
	return s.ids
}

// consumes starts a process that handles updates until the shop is closed.
func (s *shop) consumes(q tghook.Queue, handle tghook.HandlerFunc) {
	s.consumesUntil(context.WithoutCancel(s.Context()), q, handle)
}

// consumesUntil is consumes for a process that also stops when ctx ends. stop stops it and waits for
// its end.
func (s *shop) consumesUntil(ctx context.Context, q tghook.Queue, handle tghook.HandlerFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- tghook.Consume(ctx, q, handle, tghook.ConsumeConfig{Dispatch: s.config(), Lease: s.lease, OnError: func(context.Context, error) {}})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				s.Errorf("Consume: %v", err)
			}
		case <-time.After(patience): // Consume waits for some seconds
			s.Errorf("Consume has not returned %v after the end of its context", patience)
		}
	})
	s.stops = append(s.stops, stop)
	return stop
}

func (s *shop) close() {
	for _, stop := range s.stops {
		stop()
	}
}

// handle is a handler that succeeds.
func (s *shop) handle(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	s.note(u, "start")
	s.note(u, "end")
	return tghook.NoReply, nil
}

// note adds a line to the notes of a chat.
func (s *shop) note(u *tghook.Update, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[u.ChatID] = append(s.lines[u.ChatID], fmt.Sprint(what, " ", u.ID))
	if what == "start" {
		s.count[u.ID]++
	}
}

// runs returns how often an update was started.
func (s *shop) runs(u *tghook.Update) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[u.ID]
}

// Call implements [tghook.Caller]. It gets the replies.
func (s *shop) Call(_ context.Context, _ string, params, _ any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	var reply struct {
		ChatID int64  `json:"chat_id"`
		Text   string `json:"text"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[reply.ChatID] = append(s.lines[reply.ChatID], "reply "+reply.Text)
	return nil
}

// did waits for the notes of a chat, and checks them.
func (s *shop) did(chat int64, want ...string) {
	s.Helper()
	s.same(fmt.Sprintf("what was done in chat %d", chat), s.awaitNotes(chat, len(want), s.patience), strings.Join(want, ", "))
}

// awaitNotes waits until a chat has n notes, or until a time is over, and returns its notes.
func (s *shop) awaitNotes(chat int64, n int, within time.Duration) string {
	for began := time.Now(); ; time.Sleep(pollStore) {
		s.mu.Lock()
		lines := slices.Clone(s.lines[chat])
		s.mu.Unlock()
		if len(lines) >= n || time.Since(began) > within {
			return strings.Join(lines, ", ")
		}
	}
}

// leaseGaps notes the longest time in which nobody took an update or renewed a lease.
type leaseGaps struct {
	mu      sync.Mutex
	last    time.Time // the lease of an update that is held has not begun before
	longest time.Duration
}

// answered notes a call that began at a time, and has begun leases.
func (g *leaseGaps) answered(asked time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.longest = max(g.longest, time.Since(g.last))
	if asked.After(g.last) { // Take may have waited
		g.last = asked
	}
}

func (g *leaseGaps) max() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.longest
}

// of returns q, whose calls are noted.
func (g *leaseGaps) of(q tghook.Queue) tghook.Queue { return asBefore(q, gappedQueue{q, g}) }

type gappedQueue struct {
	tghook.Queue

	gaps *leaseGaps
}

func (q gappedQueue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	asked := time.Now()
	taken, err := q.Queue.Take(ctx, bot, limit, lease)
	if len(taken) > 0 {
		q.gaps.answered(asked)
	}
	return taken, err
}

func (q gappedQueue) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	asked := time.Now()
	lost, err := q.Queue.Renew(ctx, updates, lease)
	if err == nil {
		q.gaps.answered(asked)
	}
	return lost, err
}

// slowReturns is a Queue that takes updates back even after the second that Consume gives it.
type slowReturns struct{ tghook.Queue }

func (q slowReturns) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	return q.Queue.Return(context.WithoutCancel(ctx), updates)
}

// asBefore returns q, which wraps a Queue, with the transactions of that Queue if it has some.
func asBefore(wrapped, q tghook.Queue) tghook.Queue {
	tx, ok := wrapped.(tghook.TxQueue)
	if !ok {
		return q
	}
	return struct {
		tghook.Queue
		transactions
	}{q, tx}
}

// transactions are the methods that a [tghook.TxQueue] adds to a Queue.
type transactions interface {
	Commit(ctx context.Context, u tghook.QueuedUpdate, reply []byte) error
	Rollback(ctx context.Context, u tghook.QueuedUpdate)
}
