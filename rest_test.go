package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
)

// What waits to come again needs neither its body nor the request's context: it
// brings both.
func TestWhatWaitsToComeAgainCostsLittle(t *testing.T) {
	const updates, bodyLen = 200, 100_000
	for name, gone := range map[string]bool{"failed": false, "succeeded without anybody knowing": true} {
		t.Run(name, func(t *testing.T) {
			c := newCore(t, tghook.DispatchConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				if gone {
					return tghook.NoReply, nil
				}
				return tghook.NoReply, errors.New("broken")
			})
			before := heap()
			for id := range int64(updates) {
				ctx, cancel := context.WithCancel(context.Background())
				if gone {
					cancel()
				}
				body := fmt.Sprintf(`{"update_id":%d,"message":{"chat":{"id":%d},"text":"%s"}}`, id, id+1, strings.Repeat("x", bodyLen))
				_, _ = c.Do(ctx, parsed(t, body))
				cancel()
			}
			until(t, "all updates wait", func() bool {
				s := c.Stats()
				return s.Failed+s.Unacknowledged == updates
			})
			c.forget()
			if each := (heap() - before) / updates; each > 4<<10 {
				t.Errorf("%d bytes each, want at most 4 KiB", each)
			}
			runtime.KeepAlive(c)
		})
	}
}

// Not parallel: what others allocate would count.
func TestNothingIsKeptOfWhatIsOver(t *testing.T) {
	d, err := tghook.NewDispatcher(tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, nil
	}), tghook.DispatchConfig{})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	text := strings.Repeat("x", 1<<20)
	for round := range int64(30) {
		var all sync.WaitGroup
		for n := range int64(10) {
			u := parsed(t, fmt.Sprintf(`{"update_id":%d,"message":{"text":"%s"}}`, 10*round+n, text))
			all.Go(func() {
				if _, err := d.Do(t.Context(), u); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if more := heap() - before; more > 1<<19 {
		t.Errorf("%d bytes are kept", more)
	}
	runtime.KeepAlive(d)
}

// forget drops what the rig has recorded.
func (r *rig) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries, r.letters, r.runs = nil, nil, nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestADoorLearnsWhetherAnAttemptWasMadeAndWhenToComeAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCore(t, tghook.DispatchConfig{MaxInFlight: 1}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			switch u.ID {
			case 1:
				time.Sleep(time.Minute)
			case 2:
				return tghook.NoReply, errors.New("broken")
			case 3:
				return tghook.NoReply, tghook.RetryAfter(90*time.Minute, errors.New("flood"))
			}
			return tghook.NoReply, nil
		})
		first := make(chan error)
		go func() { _, err := c.do(t.Context(), messageIn(1, 1)); first <- err }()
		synctest.Wait()
		for _, want := range []struct {
			id     int64
			notRun bool
			least  time.Duration
			most   time.Duration
		}{{9, true, 2 * time.Second, 5 * time.Second}, {2, false, 0, 0}, {3, false, time.Hour, time.Hour}} {
			_, err := c.do(t.Context(), messageIn(2, want.id))
			after, ok := tghook.RetryDelay(err)
			if err == nil || errors.Is(err, tghook.ErrNotRun) != want.notRun || ok != (want.most > 0) || after < want.least || after > want.most {
				t.Errorf("update %d: got %v, to come again after %s (%v)", want.id, err, after, ok)
			}
			if want.id == 9 {
				same(t, "the first", <-first, nil)
			}
		}
		same(t, "of a shutdown", c.Shutdown(t.Context()), nil)
		if _, err := c.do(t.Context(), messageIn(1, 10)); !errors.Is(err, tghook.ErrShutdown) || !errors.Is(err, tghook.ErrNotRun) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheContextOfAHandlerCanBePrintedAtAnyTime(t *testing.T) {
	t.Parallel()
	c := newCore(t, tghook.DispatchConfig{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		printed := make(chan string)
		go func() { printed <- fmt.Sprintf("%v %+v", ctx, ctx) }()
		<-time.After(0)
		_ = ctx.Done()
		if got := <-printed; got != "tghook handler context tghook handler context" {
			t.Errorf("got %q", got)
		}
		return tghook.NoReply, nil
	})
	if _, err := c.do(t.Context(), messageIn(1, 1)); err != nil {
		t.Error(err)
	}
}

func TestEndingTheGoroutineTimeAndAgainLeavesTheLaneUsable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCore(t, tghook.DispatchConfig{
			MaxAttempts: 1,
			DeadLetter:  func(context.Context, *tghook.Update, error) error { runtime.Goexit(); return nil },
		}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				runtime.Goexit()
			}
			return tghook.NoReply, nil
		})
		if _, err := c.do(t.Context(), messageIn(1, 1)); err == nil {
			t.Error("a dead letter that ended its goroutine was accepted")
		}
		if _, err := c.do(t.Context(), messageIn(1, 2)); err != nil {
			t.Error(err)
		}
		same(t, "in flight", c.Stats().InFlight, 0)
	})
}

func TestAskingForALaterTimeHoldsAfterLateCancelToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Late: tghook.LateCancel}, taking(12*time.Second, tghook.NoReply, tghook.RetryAfter(10*time.Minute, errors.New("flood"))))
		same(t, "late", r.post(messageIn(1, 1)), "503")
		pass(2 * time.Second)
		same(t, "the redelivery", r.post(messageIn(1, 1)), "503 after 600")
		r.did(1, 0, 0)
	})
}

func TestWhatAnotherReplicaHasAnsweredIsNotWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newNetStore()
		slow := taking(9*time.Second, tghook.Reply{Method: "sendMessage"}, nil)
		a, b := newRig(t, replica(s), slow), newRig(t, replica(s), slow)
		same(t, "here", a.post(messageIn(1, 1)), "503 after 2")
		pass(2 * time.Second)
		same(t, "there", b.post(messageIn(1, 1)), `200 application/json {"method":"sendMessage"}`)
		same(t, "unacknowledged", a.Stats().Unacknowledged, 0)
		begun := time.Now()
		same(t, "shutdown", a.Shutdown(withTimeout(t)), nil)
		same(t, "time it took", time.Since(begun), 0)
		same(t, "here again", a.post(messageIn(1, 1)), `200 application/json {"method":"sendMessage"}`)
	})
}

func TestShutdownReturnsWhenTheStoreHasBeenTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newNetStore()
		r := newRig(t, replica(s), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return tghook.NoReply, ctx.Err()
		})
		for id := range int64(3) {
			r.send(messageIn(1, id))
			synctest.Wait()
		}
		s.set(func(s *netStore) { s.latency = 20 * time.Millisecond })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err == nil {
			t.Error("no error")
		}
		same(t, "failed", s.count("Fail 0"), 1)
		same(t, "claimed, though their turn has not come", s.count("Claim 1")+s.count("Claim 2"), 0)
	})
}

// A Store that returns the zero Claim by mistake must not have every replica run
// the update.
func TestAClaimWithoutAStateIsNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := replica(nil)
		cfg.Dispatch.Store = zeroStore{}
		r := newRig(t, cfg, nothing)
		if got := r.post(messageIn(1, 1)); !strings.HasPrefix(got, "503 after ") {
			t.Errorf("got %s", got)
		}
		r.did(0, 0, 0)
	})
}

type zeroStore struct{ tghook.Store }

func (zeroStore) Claim(context.Context, tghook.Claim, time.Duration, time.Duration) (tghook.ClaimResult, error) {
	return tghook.ClaimResult{}, nil
}

func TestTypedWithANilFunctionPanicsAtOnce(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	tghook.Typed[struct{}](nil)
}
