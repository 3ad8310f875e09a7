package promise_test

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// What waits to come again needs neither its body nor the request's context: it
// brings both.
func TestWhatWaitsToComeAgainCostsLittle(t *testing.T) {
	const updates, bodyLen = 200, 100_000
	for name, gone := range map[string]bool{"failed": false, "succeeded without anybody knowing": true} {
		t.Run(name, func(t *testing.T) {
			c := rig.NewDispatcher(t, tghook.DispatchConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				if gone {
					return tghook.NoReply, nil
				}
				return tghook.NoReply, errors.New("broken")
			})
			before := rig.Heap()
			for id := range int64(updates) {
				ctx, cancel := context.WithCancel(context.Background())
				if gone {
					cancel()
				}
				body := fmt.Sprintf(`{"update_id":%d,"message":{"chat":{"id":%d},"text":"%s"}}`, id, id+1, strings.Repeat("x", bodyLen))
				_, _ = c.Do(ctx, rig.Parsed(t, body))
				cancel()
			}
			rig.Until(t, "all updates wait", func() bool {
				s := c.Stats()
				return s.Failed+s.Unacknowledged == updates
			})
			c.Forget()
			if each := (rig.Heap() - before) / updates; each > 4<<10 {
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
	require.NoError(t, err)
	before := rig.Heap()
	text := strings.Repeat("x", 1<<20)
	for round := range int64(30) {
		var all sync.WaitGroup
		for n := range int64(10) {
			u := rig.Parsed(t, fmt.Sprintf(`{"update_id":%d,"message":{"text":"%s"}}`, 10*round+n, text))
			all.Go(func() {
				if _, err := d.Do(t.Context(), u); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if more := rig.Heap() - before; more > 1<<19 {
		t.Errorf("%d bytes are kept", more)
	}
	runtime.KeepAlive(d)
}

func TestADoorLearnsWhetherAnAttemptWasMadeAndWhenToComeAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		c := rig.NewDispatcher(t, tghook.DispatchConfig{MaxInFlight: 1}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
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
		go func() { _, err := c.DoBody(t.Context(), rig.MessageIn(1, 1)); first <- err }()
		synctest.Wait()
		for _, want := range []struct {
			id     int64
			notRun bool
			least  time.Duration
			most   time.Duration
		}{{9, true, 2 * time.Second, 5 * time.Second}, {2, false, 0, 0}, {3, false, time.Hour, time.Hour}} {
			_, err := c.DoBody(t.Context(), rig.MessageIn(2, want.id))
			after, ok := tghook.RetryDelay(err)
			if err == nil || errors.Is(err, tghook.ErrNotRun) != want.notRun || ok != (want.most > 0) || after < want.least || after > want.most {
				t.Errorf("update %d: got %v, to come again after %s (%v)", want.id, err, after, ok)
			}
			if want.id == 9 {
				require.NoError(t, <-first, "the first")
			}
		}
		require.NoError(t, c.Shutdown(t.Context()), "of a shutdown")
		if _, err := c.DoBody(t.Context(), rig.MessageIn(1, 10)); !errors.Is(err, tghook.ErrShutdown) || !errors.Is(err, tghook.ErrNotRun) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheContextOfAHandlerCanBePrintedAtAnyTime(t *testing.T) {
	t.Parallel()
	c := rig.NewDispatcher(t, tghook.DispatchConfig{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		printed := make(chan string)
		go func() { printed <- fmt.Sprintf("%v %+v", ctx, ctx) }()
		<-time.After(0)
		_ = ctx.Done()
		assert.Equal(t, "tghook handler context tghook handler context", <-printed)
		return tghook.NoReply, nil
	})
	if _, err := c.DoBody(t.Context(), rig.MessageIn(1, 1)); err != nil {
		t.Error(err)
	}
}

func TestEndingTheGoroutineTimeAndAgainLeavesTheLaneUsable(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		c := rig.NewDispatcher(t, tghook.DispatchConfig{
			MaxAttempts: 1,
			DeadLetter:  func(context.Context, *tghook.Update, error) error { runtime.Goexit(); return nil },
		}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				runtime.Goexit()
			}
			return tghook.NoReply, nil
		})
		if _, err := c.DoBody(t.Context(), rig.MessageIn(1, 1)); err == nil {
			t.Error("a dead letter that ended its goroutine was accepted")
		}
		if _, err := c.DoBody(t.Context(), rig.MessageIn(1, 2)); err != nil {
			t.Error(err)
		}
		assert.Equal(t, 0, c.Stats().InFlight, "in flight")
	})
}

func TestAskingForALaterTimeHoldsAfterLateCancelToo(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateCancel}, rig.Taking(12*time.Second, tghook.NoReply, tghook.RetryAfter(10*time.Minute, errors.New("flood"))))
		assert.Equal(t, "503", r.Post(rig.MessageIn(1, 1)), "late")
		rig.Pass(2 * time.Second)
		assert.Equal(t, "503 after 600", r.Post(rig.MessageIn(1, 1)), "the redelivery")
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestWhatAnotherReplicaHasAnsweredIsNotWaitedFor(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		s := rig.NewStore()
		slow := rig.Taking(9*time.Second, tghook.Reply{Method: "sendMessage"}, nil)
		a, b := rig.NewBot(t, rig.Replica(s), slow), rig.NewBot(t, rig.Replica(s), slow)
		assert.Equal(t, "503 after 2", a.Post(rig.MessageIn(1, 1)), "here")
		rig.Pass(2 * time.Second)
		assert.Equal(t, `200 application/json {"method":"sendMessage"}`, b.Post(rig.MessageIn(1, 1)), "there")
		assert.Equal(t, 0, a.Stats().Unacknowledged, "unacknowledged")
		begun := time.Now()
		require.NoError(t, a.Shutdown(withTimeout(t)), "shutdown")
		assert.Equal(t, time.Duration(0), time.Since(begun), "time it took")
		assert.Equal(t, `200 application/json {"method":"sendMessage"}`, a.Post(rig.MessageIn(1, 1)), "here again")
	})
}

func TestShutdownReturnsWhenTheStoreHasBeenTold(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		s := rig.NewStore()
		r := rig.NewBot(t, rig.Replica(s), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return tghook.NoReply, ctx.Err()
		})
		for id := range int64(3) {
			r.Send(rig.MessageIn(1, id))
			synctest.Wait()
		}
		s.Set(func(s *rig.Store) { s.Latency = 20 * time.Millisecond })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, r.Shutdown(ctx), "no error")
		assert.Equal(t, 1, s.Count("Fail 0"), "failed")
		assert.Equal(t, 0, s.Count("Claim 1")+s.Count("Claim 2"), "claimed, though their turn has not come")
	})
}

// A Store that returns the zero Claim by mistake must not have every replica run
// the update.
func TestAClaimWithoutAStateIsNone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := rig.Replica(nil)
		cfg.Dispatch.Store = zeroStore{}
		r := rig.NewBot(t, cfg, rig.Nothing)
		assert.True(t, strings.HasPrefix(r.Post(rig.MessageIn(1, 1)), "503 after "))
		r.Did(rig.Counts{})
	})
}

type zeroStore struct{ tghook.Store }

func (zeroStore) Claim(context.Context, tghook.Claim, time.Duration, time.Duration) (tghook.ClaimResult, error) {
	return tghook.ClaimResult{}, nil
}

func TestTypedWithANilFunctionPanicsAtOnce(t *testing.T) {
	t.Parallel()
	defer func() {
		assert.NotNil(t, recover(), "no panic")
	}()
	tghook.Typed[struct{}](nil)
}
