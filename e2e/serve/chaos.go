package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/retry"
)

// trial is one trial of an engine.
type trial struct {
	engine   string
	updates  int
	chats    int
	kills    int  // of each victim
	rate     int  // updates each second
	poll     bool // the gateways poll; else they get webhooks
	gentle   bool // nothing is killed: gateways are asked to end, or to read a changed configuration
	seed     uint64
	patience time.Duration // how long to wait for the next update to arrive
	breakage string        // between the gateway and the bot; empty: none
	tell     func(kill)    // called with each kill; may be nil
}

// draw returns the random numbers of one part of the trial.
func (t trial) draw(part uint64) *rand.Rand { return rand.New(rand.NewPCG(t.seed, part)) } //nolint:gosec // they are not secret

// stuckAfter is how long a trial waits for the next update to arrive, unless it says otherwise. A
// gateway waits at most a minute before it tries again.
const stuckAfter = 90 * time.Second

// errStuck says that no update has arrived for a long time.
var errStuck = errors.New("no update has arrived for a long time")

// run delivers updates while processes are killed, waits for the rest of them, and audits.
func (t trial) run(ctx context.Context) (f found, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := newSite(ctx, t)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var sent []int64
	kills := t.plan()
	failed := make(chan error, 2)
	var working sync.WaitGroup
	for _, part := range []func() error{
		func() (err error) { sent, err = t.feed(ctx, s); return err },
		func() error { return t.killAll(ctx, s, kills) },
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
	return t.conclude(ctx, s, sent, kills)
}

// feed sends messages, in bursts. The text of a message is its number in its chat, from 1.
func (t trial) feed(ctx context.Context, s *site) (sent []int64, err error) {
	draw := t.draw(2)
	last := make([]int, t.chats)
	for len(sent) < t.updates {
		burst := min(1+draw.IntN(20), t.updates-len(sent))
		for range burst {
			chat := draw.IntN(t.chats)
			last[chat]++
			id, err := s.tg.Deliver(fmt.Appendf(nil,
				`{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":"%d"}}`, last[chat], chat+1, last[chat]))
			if err != nil {
				return sent, err
			}
			sent = append(sent, id)
		}
		if err := retry.Sleep(ctx, time.Duration(burst)*time.Second/time.Duration(t.rate)); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// killAll kills what the plan says, when it says so. It notes the times in the plan.
func (t trial) killAll(ctx context.Context, s *site, kills []kill) error {
	for i := range kills {
		k := &kills[i]
		if err := t.await(ctx, s, func(p progress) bool { return p.updates >= k.after }); err != nil {
			return fmt.Errorf("%v: %w", k, err)
		}
		if t.tell != nil {
			t.tell(*k)
		}
		if err := s.strike(ctx, k); err != nil {
			return fmt.Errorf("%v: %w", k, err)
		}
	}
	return nil
}

// progress is how far a trial is.
type progress struct {
	updates int           // that have arrived
	quiet   time.Duration // since anything has arrived
}

// await returns when is reports true. If nothing arrives for a long time, the error is errStuck.
func (t trial) await(ctx context.Context, s *site, is func(p progress) bool) error {
	before, moved := -1, time.Now()
	for {
		updates, arrivals, err := s.journal.read()
		if err == nil {
			err = s.reviveGateways()
		}
		if arrivals != before {
			before, moved = arrivals, time.Now()
		}
		p := progress{updates, time.Since(moved)}
		if err != nil || is(p) {
			return err
		}
		if p.quiet > t.patience {
			return fmt.Errorf("%w: %d of %d have, and %d are at Telegram", errStuck, updates, t.updates, s.tg.Pending())
		}
		if err := retry.Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// conclude waits for the rest of the updates, and audits.
func (t trial) conclude(ctx context.Context, s *site, sent []int64, kills []kill) (f found, err error) {
	// The audit reports what is lost.
	err = t.await(ctx, s, func(p progress) bool {
		return p.updates == t.updates && p.quiet > counting && s.tg.Pending() == 0 && s.idle(ctx)
	})
	if err != nil && !errors.Is(err, errStuck) {
		return f, err
	}
	dead, err := s.gateways[0].gauge(ctx, deadLetters)
	if err != nil {
		return f, err
	}
	s.bot.Kill()
	if _, _, err := s.journal.read(); err != nil {
		return f, err
	}
	e := evidence{sent: sent, kills: kills, ended: s.ended}
	e.answered, e.given = s.heard()
	var torn int
	e.arrivals, torn = s.journal.arrivals()
	f = audit(e)
	f.dead, f.torn = int(dead), torn
	return f, nil
}
