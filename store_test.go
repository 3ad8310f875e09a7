package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

var errStoreDown = errors.New("store down")

// netStore is a Store at the other end of a network, with faults to switch on.
type netStore struct {
	mu   sync.Mutex
	rows map[tghook.Key]*storeRow
	ops  []string // that came to be applied, such as "Claim 1"

	down    bool          // nothing is applied, and errors returned
	latency time.Duration // before anything is applied
	lose    string        // this method is applied, and an error returned
	refuse  string        // this method returns ErrClaimLost and is not applied
	fail    string        // this method returns an error and is not applied
}

type storeRow struct {
	holder string // the fence of the claim that holds the update; "": none
	until  time.Time
	failed int
	note   []byte
	done   bool
	doneBy string // the fence of the claim that was
	reply  []byte
	forget time.Time
}

func newNetStore() *netStore { return &netStore{rows: make(map[tghook.Key]*storeRow)} }

// replica is the configuration of one of several processes that share s.
func replica(s *netStore) tghook.Config {
	return tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 1, Store: s}}
}

func (s *netStore) set(change func(*netStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *netStore) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.ops, ", ")
}

func (s *netStore) count(op string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, done := range s.ops {
		if done == op {
			n++
		}
	}
	return n
}

// call brings one method over the network.
func (s *netStore) call(ctx context.Context, method string, k tghook.Key, apply func() error) error {
	s.mu.Lock()
	latency := s.latency
	s.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("a method of the Store was called without a deadline")
	}
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down, s.fail == method:
		return errStoreDown
	case s.refuse == method:
		return fmt.Errorf("store: %w", tghook.ErrClaimLost)
	}
	s.ops = append(s.ops, fmt.Sprintf("%s %d", method, k.ID))
	err := apply()
	if s.lose == method {
		return errStoreDown
	}
	return err
}

func (s *netStore) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (res tghook.ClaimResult, err error) {
	k := c.Key
	err = s.call(ctx, "Claim", k, func() error {
		now := time.Now()
		row := s.rows[k]
		if row == nil || !row.forget.After(now) {
			row = &storeRow{}
			s.rows[k] = row
		}
		row.forget = now.Add(ttl)
		if row.holder != "" && row.holder != c.Fence && !now.Before(row.until) {
			row.holder = ""
			row.failed++
		}
		switch {
		case row.done:
			res = tghook.ClaimResult{State: tghook.ClaimDone, Reply: row.reply}
		case row.holder != "" && row.holder != c.Fence:
			res = tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: row.until.Sub(now)}
		default:
			row.holder, row.until = c.Fence, now.Add(lease)
			res = tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: row.failed + 1, Note: row.note}
		}
		return nil
	})
	if err != nil {
		return tghook.ClaimResult{}, err
	}
	return res, nil
}

// held applies what only the holder of a claim may do.
func (s *netStore) held(ctx context.Context, method string, c tghook.Claim, apply func(*storeRow)) error {
	return s.call(ctx, method, c.Key, func() error {
		row := s.rows[c.Key]
		if row == nil || row.holder != c.Fence {
			return fmt.Errorf("store: %w", tghook.ErrClaimLost)
		}
		apply(row)
		return nil
	})
}

func (s *netStore) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return s.held(ctx, "Renew", c, func(row *storeRow) { row.until = time.Now().Add(lease) })
}

func (s *netStore) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	s.mu.Lock()
	row := s.rows[c.Key]
	repeated := row != nil && row.doneBy == c.Fence
	s.mu.Unlock()
	if repeated {
		return nil
	}
	return s.held(ctx, "Done", c, func(row *storeRow) {
		row.holder, row.done, row.doneBy, row.reply = "", true, c.Fence, slices.Clone(reply)
	})
}

func (s *netStore) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return s.held(ctx, "Fail", c, func(row *storeRow) { row.holder, row.note = "", note; row.failed++ })
}

func (s *netStore) Release(ctx context.Context, c tghook.Claim) error {
	return s.held(ctx, "Release", c, func(row *storeRow) { row.holder = "" })
}

// steal gives every update that is held to a process which is not there.
func (s *netStore) steal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.rows {
		if row.holder != "" {
			row.holder = "a process that is not there"
			row.until = time.Now().Add(time.Hour)
		}
	}
}

func TestReplicasReplayWhatWasDoneElsewhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		a := newRig(t, replica(shared), taking(0, hello, nil))
		b := newRig(t, replica(shared), taking(0, hello, nil))
		same(t, "here", a.post(messageIn(7, 1)), helloAnswer)
		for range 2 { // the second time from b's own memory
			same(t, "there", b.post(messageIn(7, 1)), helloAnswer)
		}
		same(t, "outcomes", b.outcomes(), "duplicate/0/200/rode duplicate/0/200/rode")
		b.did(0, 0, 0)
		same(t, "store", shared.log(), "Claim 1, Done 1, Claim 1")
	})
}

func TestTwoBotsInOneStoreDoNotMeet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		first, second := replica(shared), replica(shared)
		second.Dispatch.Bot = 2
		a, b := newRig(t, first, taking(0, hello, nil)), newRig(t, second, taking(0, hello, nil))
		same(t, "one", a.post(messageIn(7, 1)), helloAnswer)
		same(t, "the other", b.post(messageIn(7, 1)), helloAnswer)
		a.did(1, 0, 0)
		b.did(1, 0, 0)
		same(t, "bot", b.last().Bot, int64(2))
	})
}

func TestAStoreThatDoesNotAnswerIsDownAfterFiveSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		shared.latency = time.Minute
		r := newRig(t, replica(shared), taking(0, hello, nil))
		got, took := r.send(messageIn(7, 1)).wait()
		oneOf(t, "answer", got, shedAnswers...)
		same(t, "took", took, 5*time.Second)
		r.did(0, 0, 0)
		r.clean(r.Stats())
	})
}

func TestALostClaimEndsTheHandlerAndDiscardsItsReply(t *testing.T) {
	for _, how := range []string{"stolen", "refused"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				shared := newNetStore()
				cfg := replica(shared)
				cfg.LateAfter = -1
				api := &apiCalls{}
				cfg.Dispatch.Caller = api
				cause := make(chan error, 1)
				r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					<-ctx.Done()
					cause <- context.Cause(ctx)
					return hello, nil // all the same
				})
				first := r.send(messageIn(7, 1))
				pass(time.Second)
				if how == "stolen" {
					shared.steal()
				} else {
					shared.set(func(s *netStore) { s.refuse = "Renew" })
				}
				got, took := first.wait()
				oneOf(t, "answer", got, shedAnswers...)
				same(t, "took", took, 10*time.Second)
				same(t, "cause", <-cause, tghook.ErrClaimLost)
				same(t, "outcomes", r.outcomes(), "failed/1/503")
				if !errors.Is(r.last().Err, tghook.ErrClaimLost) {
					t.Errorf("Observe is told %v", r.last().Err)
				}
				same(t, "store", shared.count("Done 1")+shared.count("Fail 1")+shared.count("Release 1"), 0)
				if how == "stolen" { // the other owner's result stands
					shared.set(func(s *netStore) {
						row := s.rows[tghook.Key{Bot: 1, ID: 1}]
						row.done, row.reply = true, []byte(`{"method":"sendDice","chat_id":7}`)
					})
					same(t, "redelivery", r.post(messageIn(7, 1)), `200 application/json {"method":"sendDice","chat_id":7}`)
				}
				pass(time.Minute)
				r.did(1, 0, 0)
				r.clean(r.Stats())
			})
		})
	}
}

func TestAClaimLostAtTheVeryEndDiscardsTheReply(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		r := newRig(t, replica(shared), func(context.Context, *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Second)
			shared.steal()
			return hello, nil
		})
		oneOf(t, "answer", r.post(messageIn(7, 1)), shedAnswers...)
		same(t, "outcomes", r.outcomes(), "failed/1/503")
		oneOf(t, "redelivery", r.post(messageIn(7, 1)), shedAnswers...)
		r.did(1, 0, 0)
	})
}

func TestALeaseThatRunsOutWhileTheStoreIsDownIsALostClaim(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.LateAfter = -1
		var ended time.Duration
		start := time.Now()
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			ended = time.Since(start)
			return hello, context.Cause(ctx)
		})
		first := r.send(messageIn(7, 1))
		pass(25 * time.Second) // two renewals, the last at 20 s
		same(t, "renewals", shared.count("Renew 1"), 2)
		shared.set(func(s *netStore) { s.down = true })
		oneOf(t, "answer", mustWait(first), shedAnswers...)
		same(t, "the handler ends with the lease", ended, 50*time.Second)
		if !errors.Is(r.last().Err, tghook.ErrClaimLost) {
			t.Errorf("Observe is told %v", r.last().Err)
		}
	})
}

func TestARenewalThatFailsOnceIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.LateAfter = -1
		r := newRig(t, cfg, taking(65*time.Second, hello, nil))
		first := r.send(messageIn(7, 1))
		pass(15 * time.Second)
		shared.set(func(s *netStore) { s.fail = "Renew" })
		pass(10 * time.Second)
		shared.set(func(s *netStore) { s.fail = "" })
		same(t, "answer", mustWait(first), helloAnswer)
		same(t, "renewals", shared.count("Renew 1"), 5)
		pass(time.Minute)
		same(t, "renewals later", shared.count("Renew 1"), 5)
	})
}

func TestDoneThatFailsLeavesTheLocalRecord(t *testing.T) {
	for _, fault := range []string{"not applied", "answer lost"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				shared := newNetStore()
				r := newRig(t, replica(shared), taking(time.Second, hello, nil))
				if fault == "not applied" {
					shared.fail = "Done"
				} else {
					shared.lose = "Done"
				}
				same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
				same(t, "outcomes", r.outcomes(), "replied/1/200/rode")
				if !errors.Is(r.last().Err, errStoreDown) {
					t.Errorf("Observe is told %v", r.last().Err)
				}
				same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
				r.did(1, 0, 0)
			})
		})
	}
}

func TestAttemptsAreCountedAcrossReplicas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.Dispatch.MaxAttempts = 3
		a := newRig(t, cfg, taking(0, hello, errBroken))
		b := newRig(t, cfg, taking(0, hello, errBroken))
		same(t, "first", a.post(messageIn(7, 1)), "500")
		same(t, "second", b.post(messageIn(7, 1)), "500")
		same(t, "third", a.post(messageIn(7, 1)), "200")
		same(t, "over", b.post(messageIn(7, 1)), "200")
		same(t, "outcomes of one", a.outcomes(), "failed/1/500 dead_lettered/3/200")
		same(t, "outcomes of the other", b.outcomes(), "failed/2/500 duplicate/0/200")
		a.did(2, 1, 0)
		b.did(1, 0, 0)
		same(t, "store", shared.log(), "Claim 1, Fail 1, Claim 1, Fail 1, Claim 1, Done 1, Claim 1")
	})
}

func TestADeadLetterThatFailedIsDueOnEveryReplica(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.Dispatch.MaxAttempts = 1
		var refuse atomic.Bool
		refuse.Store(true)
		cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error {
			if refuse.Load() {
				return errBroken
			}
			return nil
		}
		a := newRig(t, cfg, taking(0, hello, errBroken))
		b := newRig(t, cfg, taking(0, hello, errBroken))
		same(t, "first", a.post(messageIn(7, 1)), "500")
		same(t, "elsewhere", b.post(messageIn(7, 1)), "500")
		same(t, "here again", a.post(messageIn(7, 1)), "500")
		a.did(1, 2, 0)
		b.did(0, 1, 0)
		refuse.Store(false)
		same(t, "accepted", b.post(messageIn(7, 1)), "200")
		b.did(0, 2, 0)
		same(t, "over", a.post(messageIn(7, 1)), "200")
		a.did(1, 2, 0)
	})
}

func TestAnotherReplicaRunsWhatAKilledOneHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		// The process that is killed is a claim that nobody renews.
		if _, err := shared.Claim(withTimeout(t), tghook.Claim{Key: tghook.Key{Bot: 1, ID: 1}, Fence: "killed"}, 30*time.Second, time.Hour); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, replica(shared), taking(0, hello, nil))
		oneOf(t, "before its lease runs out", r.post(messageIn(7, 1)), shedAnswers...)
		pass(29*time.Second + 500*time.Millisecond)
		same(t, "half a second before", r.post(messageIn(7, 1)), "503 after 1")
		pass(500 * time.Millisecond)
		same(t, "afterwards", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "outcomes", r.outcomes(), "shed/0/503 shed/0/503 replied/2/200/rode")
	})
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What waits in its lane is not claimed, so that a crash costs attempts only to what ran.
func TestAnUpdateIsClaimedWhenItsTurnHasCome(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.LateAfter = -1
		a := newRig(t, cfg, taking(100*time.Second, hello, nil))
		first, second := a.send(messageIn(7, 1)), a.send(messageIn(7, 2))
		pass(95 * time.Second)
		same(t, "renewals while it runs", shared.count("Renew 1"), 9)
		same(t, "claims while it waits", shared.count("Claim 2"), 0)
		same(t, "first", mustWait(first), helloAnswer)
		same(t, "second", mustWait(second), helloAnswer)
		a.did(2, 0, 0)
		same(t, "attempt", a.last().Attempt, 1)
	})
}

// Three processes die while an update waits behind another in its lane. It has spent no
// attempt.
func TestACrashCostsNoAttemptToWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.Dispatch.MaxAttempts, cfg.LateAfter = 3, -1
		for range 3 {
			dying := newRig(t, cfg, taking(20*time.Second, hello, nil))
			ctx, die := context.WithCancel(t.Context())
			eventually(func() string { return dying.postWith(ctx, messageIn(7, 1)) })
			eventually(func() string { return dying.postWith(ctx, messageIn(7, 2)) })
			shared.set(func(s *netStore) { s.down = true }) // nothing that it does reaches the Store any more
			die()
			pass(time.Minute)
			shared.set(func(s *netStore) { s.down = false })
		}
		r := newRig(t, cfg, taking(0, hello, nil))
		same(t, "answer", r.post(messageIn(7, 2)), helloAnswer)
		same(t, "attempt", r.last().Attempt, 1)
	})
}

// Three lost answers to Claim do not spend an attempt each, and a Shutdown during a slow
// Claim gives it back.
func TestAClaimWhoseHandlerNeverStartsSpendsNoAttempt(t *testing.T) {
	t.Run("answers lost", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			shared := newNetStore()
			cfg := replica(shared)
			cfg.Dispatch.MaxAttempts = 3
			r := newRig(t, cfg, taking(0, hello, nil))
			shared.set(func(s *netStore) { s.lose = "Claim" })
			for range 3 {
				oneOf(t, "answer lost", r.post(messageIn(7, 1)), shedAnswers...)
				pass(time.Second)
			}
			r.did(0, 0, 0)
			shared.set(func(s *netStore) { s.lose = "" })
			same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
			same(t, "attempt", r.last().Attempt, 1)
			same(t, "claims given back", shared.count("Release 1"), 3)
		})
	})
	t.Run("shutdown", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			shared := newNetStore()
			shared.latency = 2 * time.Second
			cfg := replica(shared)
			a, b := newRig(t, cfg, taking(0, hello, nil)), newRig(t, cfg, taking(0, hello, nil))
			waiting := a.send(messageIn(7, 1))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			down := eventually(func() string { return fmt.Sprint(a.Shutdown(ctx)) })
			oneOf(t, "answer", mustWait(waiting), shedAnswers...)
			mustWait(down)
			a.did(0, 0, 0)
			pass(5 * time.Second)
			same(t, "claims given back", shared.count("Release 1"), 1)
			same(t, "elsewhere", b.post(messageIn(7, 1)), helloAnswer)
			same(t, "attempt", b.last().Attempt, 1)
		})
	})
}

func TestWhatLateCancelWithdrawsIsNotClaimed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				return -1, 0
			}
			return 0, tghook.LateCancel
		}
		a, b := newRig(t, cfg, taking(20*time.Second, hello, nil)), newRig(t, cfg, taking(0, hello, nil))
		first := a.send(messageIn(7, 1))
		same(t, "queued", a.post(messageIn(7, 2)), "503 after 2")
		pass(time.Second)
		same(t, "claims of what had no turn", shared.count("Claim 2"), 0)
		same(t, "elsewhere", b.post(messageIn(7, 2)), helloAnswer)
		same(t, "attempt", b.last().Attempt, 1)
		same(t, "first", mustWait(first), helloAnswer)
		a.did(1, 0, 0)
	})
}

func TestAClaimGrantedTooLateIsReleased(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		shared.latency = 4 * time.Second
		cfg := replica(shared)
		cfg.Late, cfg.LateAfter = tghook.LateCancel, 2*time.Second
		r := newRig(t, cfg, taking(0, hello, nil))
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "answer", got, "503 after 2")
		same(t, "took", took, 2*time.Second)
		pass(10 * time.Second)
		same(t, "store", shared.log(), "Claim 1, Release 1")
		r.did(0, 0, 0)
		r.clean(r.Stats())
	})
}

func TestLateAckPromisesNothingBeforeTheStoreHasAgreed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		shared.latency = 4 * time.Second
		cfg := replica(shared)
		cfg.Late, cfg.LateAfter = tghook.LateAck, 2*time.Second
		r := newRig(t, cfg, taking(0, hello, nil))
		same(t, "answer", r.post(messageIn(7, 1)), "503 after 2")
	})
}

func TestJoinsStayInTheProcess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		a := newRig(t, replica(shared), taking(5*time.Second, hello, nil))
		b := newRig(t, replica(shared), taking(5*time.Second, hello, nil))
		first, joined := a.send(messageIn(7, 1)), a.send(messageIn(7, 1))
		oneOf(t, "elsewhere", b.post(messageIn(7, 1)), shedAnswers...)
		same(t, "first", mustWait(first), "200")
		same(t, "joined", mustWait(joined), helloAnswer)
		same(t, "claims", shared.count("Claim 1"), 2)
	})
}

func TestAClaimThatIsDoneElsewhereIsToldToAllThatWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		a, b := newRig(t, replica(shared), taking(0, hello, nil)), newRig(t, replica(shared), taking(0, hello, nil))
		a.post(messageIn(7, 1))
		shared.set(func(s *netStore) { s.latency = time.Second })
		first, second := b.send(messageIn(7, 1)), b.send(messageIn(7, 1))
		same(t, "older", mustWait(first), "200")
		same(t, "newer", mustWait(second), helloAnswer)
		b.did(0, 0, 0)
	})
}

// With a Caller, a reply that no delivery of this process waits for is not given
// to the Store: it would ride there and be called here.
func TestAReplyRidesHereOrThereOrIsCalledNeverTwo(t *testing.T) {
	const late = 9 * time.Second
	start := func(t *testing.T) (shared *netStore, a, b *rig) {
		shared = newNetStore()
		cfg := replica(shared)
		cfg.Dispatch.Caller = &apiCalls{}
		a = newRig(t, cfg, taking(late, hello, nil))
		cfg.Dispatch.Caller = &apiCalls{}
		b = newRig(t, cfg, taking(late, hello, nil))
		same(t, "late", a.post(messageIn(7, 1)), "503 after 2")
		pass(2 * time.Second)
		return shared, a, b
	}
	t.Run("the redelivery comes here", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			_, a, b := start(t)
			same(t, "here", a.post(messageIn(7, 1)), helloAnswer)
			pass(time.Minute)
			a.did(1, 0, 0)
			b.did(0, 0, 0)
		})
	})
	t.Run("the redelivery goes there", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			_, a, b := start(t)
			same(t, "there", b.post(messageIn(7, 1)), "200")
			pass(time.Minute)
			a.did(1, 0, 1)
			b.did(0, 0, 0)
			same(t, "back here", a.post(messageIn(7, 1)), "200")
		})
	})
	t.Run("the redelivery leaves while the Store is told", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			shared := newNetStore()
			cfg := replica(shared)
			cfg.Dispatch.Caller = &apiCalls{}
			a := newRig(t, cfg, taking(7*time.Second, hello, nil))
			b := newRig(t, cfg, nothing)
			first := a.send(messageIn(7, 1))
			shared.set(func(s *netStore) { s.latency = 2 * time.Second })
			same(t, "late while the Store is told", mustWait(first), "503 after 2")
			pass(5 * time.Second)
			same(t, "there", b.post(messageIn(7, 1)), helloAnswer)
			pass(time.Minute)
			a.did(1, 0, 0)
		})
	})
	t.Run("without a Caller any replica carries it", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			shared := newNetStore()
			a := newRig(t, replica(shared), taking(late, hello, nil))
			b := newRig(t, replica(shared), nothing)
			same(t, "late", a.post(messageIn(7, 1)), "503 after 2")
			pass(2 * time.Second)
			same(t, "there", b.post(messageIn(7, 1)), helloAnswer)
			b.did(0, 0, 0)
		})
	})
}

func TestTheRedeliveryAfterLateCancelClaimsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.Late = tghook.LateCancel
		var runs atomic.Int32
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			if runs.Add(1) == 1 {
				time.Sleep(12 * time.Second) // deaf to its ctx
				return hello, ctx.Err()
			}
			return hello, nil
		})
		same(t, "first", r.post(messageIn(7, 1)), "503")
		pass(2 * time.Second)
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "redelivery", got, helloAnswer)
		same(t, "took", took, 2*time.Second)
		same(t, "attempt", r.last().Attempt, 2)
		same(t, "store", shared.log(), "Claim 1, Renew 1, Fail 1, Claim 1, Done 1")
	})
}

func TestLateAckKeepsItsClaimUntilTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.Late = tghook.LateAck
		cfg.Dispatch.Caller = &apiCalls{}
		a := newRig(t, cfg, taking(35*time.Second, hello, nil))
		b := newRig(t, replica(shared), nothing)
		same(t, "acknowledged", a.post(messageIn(7, 1)), "200")
		oneOf(t, "elsewhere", b.post(messageIn(7, 1)), shedAnswers...)
		pass(30 * time.Second)
		a.did(1, 0, 1)
		same(t, "elsewhere, afterwards", b.post(messageIn(7, 1)), "200")
		b.did(0, 0, 0)
	})
}

// LateAck promises nothing while an update waits in its lane, where it is not claimed.
func TestLateAckPromisesNothingInTheLaneWithAStore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := replica(newNetStore())
		cfg.Late, cfg.LateAfter = tghook.LateAck, 2*time.Second
		r := newRig(t, cfg, taking(20*time.Second, tghook.NoReply, nil))
		first := r.send(messageIn(7, 1))
		same(t, "in the lane", r.post(messageIn(7, 2)), "503 after 2")
		same(t, "first", mustWait(first), "200")
		pass(19 * time.Second)
		same(t, "its turn has come", r.post(messageIn(7, 2)), "200")
	})
}

func TestTwoReplicasRacingForAnUpdateRunItOnce(t *testing.T) {
	t.Parallel()
	const updates = 2000
	shared := newNetStore()
	ran := make([]atomic.Int32, updates)
	h := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		ran[u.ID].Add(1)
		return hello, nil
	}
	cfg := replica(shared)
	cfg.LateAfter = -1
	replicas := []*rig{newRig(t, cfg, h), newRig(t, cfg, h)}
	var wg sync.WaitGroup
	limit := make(chan struct{}, 32)
	for id := range int64(updates) {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			var both sync.WaitGroup
			answers := make([]string, 2)
			for i, r := range replicas {
				both.Go(func() { answers[i] = r.post(messageIn(id%50, id)) })
			}
			both.Wait()
			rode := 0
			for i, got := range answers {
				switch {
				case got == helloAnswer:
					rode++
				case strings.HasPrefix(got, "503"):
					if again := replicas[i].post(messageIn(id%50, id)); again != helloAnswer {
						t.Errorf("update %d: redelivery is answered %s", id, again)
					}
				default:
					t.Errorf("update %d is answered %s", id, got)
				}
			}
			if rode == 0 || ran[id].Load() != 1 {
				t.Errorf("update %d: %d handlers, %d replies", id, ran[id].Load(), rode)
			}
		})
	}
	wg.Wait()
	for _, r := range replicas {
		r.clean(r.Stats())
	}
}

func TestShutdownReleasesWhatHasNotRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		cfg := replica(shared)
		cfg.LateAfter = -1
		a := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return hello, context.Cause(ctx)
		})
		b := newRig(t, cfg, taking(0, hello, nil))
		first, queued := a.send(messageIn(7, 1)), a.send(messageIn(7, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), ": 1 2") {
			t.Errorf("Shutdown: %v", err)
		}
		oneOf(t, "running", mustWait(first), shedAnswers...)
		oneOf(t, "queued", mustWait(queued), shedAnswers...)
		pass(time.Second)
		same(t, "running, elsewhere", b.post(messageIn(7, 1)), helloAnswer)
		same(t, "queued, elsewhere", b.post(messageIn(7, 2)), helloAnswer)
		same(t, "outcomes", b.outcomes(), "replied/2/200/rode replied/1/200/rode")
	})
}

func TestTheStoreForgetsAndLearnsAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		a := newRig(t, replica(shared), taking(0, hello, nil))
		b := newRig(t, replica(shared), taking(0, hello, nil))
		query := kindBy(tghook.KindInlineQuery, 5, 1)
		same(t, "here", a.post(query), helloAnswer)
		pass(30*time.Second + 3*time.Minute + 5*time.Minute - 1) // HandlerTimeout is remembered on top
		same(t, "there, in time", b.post(query), helloAnswer)
		b.did(0, 0, 0)
		pass(30*time.Second + 3*time.Minute + 5*time.Minute) // from the last claim
		same(t, "here, when its life is over", a.post(query), helloAnswer)
		a.did(2, 0, 0)
	})
}

// A Store may forget an update that runs for longer than it is remembered.
func TestWithAStoreHandlersEndWithinADay(t *testing.T) {
	t.Parallel()
	for timeout, wrong := range map[time.Duration]bool{0: false, 24 * time.Hour: false, 24*time.Hour + 1: true, -1: true} {
		cfg := tghook.DispatchConfig{Bot: 1, Store: newNetStore(), HandlerTimeout: timeout}
		_, err := tghook.NewDispatcher(tghook.HandlerFunc(nothing), cfg)
		if got := err != nil && strings.Contains(err.Error(), "DispatchConfig.HandlerTimeout"); got != wrong {
			t.Errorf("HandlerTimeout %v: %v", timeout, err)
		}
	}
}
