package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/tghooktest"
)

// speed is how much faster time passes for Telegram than for the receivers. A retry after
// a minute comes after two seconds, and a message is kept for 48 minutes.
const speed = 30

// patience is how long a trial waits for the rest of the updates after the last fault, apart
// from a lease.
const patience = 2 * time.Minute

// trial is one trial of a mode.
type trial struct {
	mode   string
	length time.Duration
	kills  int // at least
	chats  int
	rate   int // updates each second
	lease  time.Duration
	seed   uint64
}

// run delivers updates while receivers and their Store are killed, waits for the rest of
// them, and audits.
func (t trial) run(ctx context.Context) (f found, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := newSite(ctx, t.mode, t.seed, t.lease, nil)
	if err != nil {
		return f, err
	}
	s.Losses = 50
	sent := make(chan []int64, 1)
	calm := make(chan struct{}) // closed when the faults are over
	over := make(chan struct{}) // closed when no update is left
	failed := make(chan error, 4)
	var working sync.WaitGroup
	receivers := 1
	if modes[t.mode].open != nil {
		receivers = 2
	}
	for i := range receivers {
		working.Go(func() { failed <- t.disturb(ctx, s, i, calm, over) })
	}
	if s.server != nil {
		working.Go(func() { failed <- t.disturbStore(ctx, s, calm) })
	}
	working.Go(func() {
		defer close(calm)
		ids, err := t.feed(ctx, s)
		sent <- ids
		failed <- err
	})
	err = t.drain(ctx, s.tg, calm, failed)
	close(over)
	if err != nil {
		cancel()
	}
	working.Wait()
	close(failed)
	for failure := range failed {
		err = errors.Join(err, failure)
	}
	err = errors.Join(err, s.close())
	return s.ledger.audit(<-sent), err
}

// drain waits until all updates are delivered, or until something has failed.
func (t trial) drain(ctx context.Context, tg *tghooktest.Server, calm <-chan struct{}, failed <-chan error) error {
	for waiting := true; waiting; {
		select {
		case <-calm:
			waiting = false
		case err := <-failed:
			if err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience+t.lease)
	defer cancel()
	return tg.Delivered(ctx)
}

// draw returns the random numbers of one part of the trial.
func (t trial) draw(part uint64) *rand.Rand { return rand.New(rand.NewPCG(t.seed, part)) } //nolint:gosec // they are not secret

// feed sends messages, in bursts, and returns their ids. It ends when the time is over, and
// at least some processes were killed: a busy machine takes seconds to start one. The ids of
// a chat ascend. Most handlers take no time, some take some, and a few more than LateAfter.
func (t trial) feed(ctx context.Context, s *site) (ids []int64, err error) {
	draw := t.draw(0)
	for end := time.Now().Add(t.length); time.Now().Before(end) || s.ledger.killed() < t.kills; {
		burst := 1 + draw.IntN(20)
		for range burst {
			work := [...]time.Duration{300 * time.Millisecond, 20 * time.Millisecond, 0}[min(draw.IntN(50)+4, 10)/5]
			id, err := deliver(s.tg, int64(1+draw.IntN(t.chats)), work)
			if err != nil {
				return ids, err
			}
			ids = append(ids, id)
		}
		if err := retry.Sleep(ctx, time.Duration(burst)*time.Second/time.Duration(t.rate)); err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// deliver sends a message, whose handler takes a time.
func deliver(tg *tghooktest.Server, chat int64, work time.Duration) (id int64, err error) {
	return tg.Deliver(fmt.Appendf(nil,
		`{"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":%q}}`, chat, work.String()))
}

// disturb starts a receiver, and kills, stops or pauses it, again and again, until calm is
// closed. It keeps the last one until over is closed.
func (t trial) disturb(ctx context.Context, s *site, place int, calm, over <-chan struct{}) error {
	draw := t.draw(1 + uint64(place)) //nolint:gosec // it is 0 or 1
	for {
		p, err := s.start(ctx, place)
		if err != nil {
			return err
		}
		for ended := false; !ended; {
			select {
			case <-p.Ended:
				return fmt.Errorf("it has ended on its own: %w", errors.Join(p.Err()))
			case <-time.After(time.Duration(draw.Int64N(int64(time.Second)))):
				if ended, err = t.fault(ctx, s, p, draw); err != nil {
					return err
				}
			case <-calm:
				<-over
				return p.Stop()
			}
		}
		s.front.Put(place, "")
	}
}

// fault kills, stops or pauses a receiver. It reports whether the receiver has ended.
func (t trial) fault(ctx context.Context, s *site, p *process, draw *rand.Rand) (ended bool, err error) {
	switch n := draw.IntN(8); {
	case n == 0 && s.Lease > 0:
		s.ledger.count(func(c *counts) { c.paused++ })
		err := errors.Join(p.Pause(), retry.Sleep(ctx, s.Lease+time.Duration(draw.Int64N(int64(time.Second)))))
		return false, errors.Join(err, p.Resume())
	case n <= 2:
		s.ledger.count(func(c *counts) { c.stopped++ })
		return true, p.Stop()
	default:
		s.ledger.count(func(c *counts) { c.killed++ })
		p.Kill()
		return true, nil
	}
}

// disturbStore kills the Store's server and starts it again, again and again, until calm is
// closed.
func (t trial) disturbStore(ctx context.Context, s *site, calm <-chan struct{}) error {
	draw := t.draw(9)
	for {
		select {
		case <-calm:
			return nil
		case <-time.After(time.Second + time.Duration(draw.Int64N(int64(2*time.Second)))):
		}
		s.killStore()
		err := retry.Sleep(ctx, time.Duration(draw.Int64N(int64(time.Second))))
		if err = errors.Join(err, s.server.Restart(ctx)); err != nil {
			return err
		}
	}
}
