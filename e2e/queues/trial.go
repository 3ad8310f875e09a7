package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/retry"
)

// patience is how long a trial waits for the next update to be handled.
const patience = 30 * time.Second

// trial is one trial of an engine.
type trial struct {
	engine        string
	updates       int
	chats         int
	faults        int
	receiversOnly bool          // all faults are kills of receivers
	rate          int           // updates each second
	work          time.Duration // that most handlers do
	lease         time.Duration
	seed          uint64
	journal       io.Writer   // gets all reports; may be nil
	breakage      string      // of the queue of the processes; empty: none
	tell          func(fault) // called with each fault; may be nil
}

// draw returns the random numbers of one part of the trial.
func (t trial) draw(part uint64) *rand.Rand { return rand.New(rand.NewPCG(t.seed, part)) } //nolint:gosec // they are not secret

// errStuck says that no update was handled for a long time.
var errStuck = errors.New("no update was handled for a long time")

// run delivers updates while the faults of the plan happen, waits for the rest of them, and
// audits.
func (t trial) run(ctx context.Context) (f found, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := newSite(ctx, t)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	sent := feed{drop: map[int64]bool{}}
	failed := make(chan error, 2)
	var working sync.WaitGroup
	for _, part := range []func() error{
		func() error { return t.feed(ctx, s, &sent) },
		func() error { return t.disturb(ctx, s) },
	} {
		working.Go(func() {
			err := part()
			if err != nil {
				cancel()
			}
			failed <- err
		})
	}
	working.Wait()
	if err = errors.Join(<-failed, <-failed); err != nil {
		return f, err
	}
	return t.conclude(ctx, s, sent)
}

// conclude waits for the rest of the updates, stops the processes, and audits.
func (t trial) conclude(ctx context.Context, s *site, sent feed) (f found, err error) {
	// The audit reports lost updates.
	if err := t.await(ctx, s, func() (bool, error) { return t.drained(ctx, s) }); err != nil && !errors.Is(err, errStuck) {
		return f, err
	}
	dead, err := t.dead(ctx, s)
	if err != nil {
		return f, err
	}
	var written *effects
	if s.queue.effects != nil {
		if written, err = s.queue.effects(ctx); err != nil {
			return f, err
		}
	}
	if err := errors.Join(s.alive(), s.stop()); err != nil {
		return f, err
	}
	s.ledger.close()
	f = s.ledger.audit(sent.ids, sent.drop)
	f.faults, f.effects, f.buried = map[mishap]int{}, written, dead
	for _, fault := range t.plan() {
		f.faults[fault.what]++
	}
	return f, nil
}

// drained reports whether no update is left, neither at Telegram nor in the queue.
func (t trial) drained(ctx context.Context, s *site) (bool, error) {
	if s.tg.Pending() > 0 {
		return false, s.alive()
	}
	state, err := s.queue.State(ctx, s.client.Bot())
	return state.Pending == 0, errors.Join(err, s.alive())
}

// dead counts the dead letters in the queue.
func (t trial) dead(ctx context.Context, s *site) (n int, err error) {
	for after := int64(0); ; {
		letters, err := s.queue.DeadLetters(ctx, s.client.Bot(), after, 100)
		if err != nil || len(letters) == 0 {
			return n, err
		}
		n += len(letters)
		after = letters[len(letters)-1].Key.ID
	}
}

// await returns when is reports true. If no update is handled for a long time, the error
// is errStuck.
func (t trial) await(ctx context.Context, s *site, is func() (bool, error)) error {
	done, moved := -1, time.Now()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		if now := s.ledger.count(); now != done {
			done, moved = now, time.Now()
		}
		if time.Since(moved) > patience+t.lease {
			return errStuck
		}
		if err := retry.Sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// feed is what Telegram was given.
type feed struct {
	ids  []int64
	drop map[int64]bool // updates that their handler drops
}

// feed sends messages, in bursts. The ids of a chat ascend. Some handlers take longer than
// most. Some fail at first, and a few drop their update.
func (t trial) feed(ctx context.Context, s *site, sent *feed) error {
	draw := t.draw(2)
	for len(sent.ids) < t.updates {
		burst := min(1+draw.IntN(20), t.updates-len(sent.ids))
		for range burst {
			text := t.work.String()
			switch n := draw.IntN(1000); {
			case n < 5:
				text = dropping
			case n < 20:
				text = failing
			case n < 30:
				text = "300ms"
			case n < 130:
				text = "20ms"
			}
			id, err := s.tg.Deliver(fmt.Appendf(nil,
				`{"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":%q}}`, 1+draw.IntN(t.chats), text))
			if err != nil {
				return err
			}
			sent.ids = append(sent.ids, id)
			sent.drop[id] = text == dropping
		}
		if err := retry.Sleep(ctx, time.Duration(burst)*time.Second/time.Duration(t.rate)); err != nil {
			return err
		}
	}
	return nil
}
