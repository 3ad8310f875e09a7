package promise_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// doors are the ways by which an update comes to a dispatcher of cfg, and what ends that.
func doors(t *testing.T, h tghook.Handler, cfg tghook.DispatchConfig) map[string]doorway {
	t.Helper()
	d, err := tghook.NewDispatcher(h, cfg)
	require.NoError(t, err)
	webhook := func() *tghook.Webhook {
		w, err := tghook.New(h, tghook.Config{InsecureNoSecret: true, LateAfter: time.Second, Dispatch: cfg})
		require.NoError(t, err)
		return w
	}
	serving, delivering := webhook(), webhook()
	return map[string]doorway{
		"Do":      {func(ctx context.Context, u *tghook.Update) { _, _ = d.Do(ctx, u) }, d.Shutdown},
		"Serve":   {func(ctx context.Context, u *tghook.Update) { serving.Serve(ctx, rig.FromTelegram(u.Raw)) }, serving.Shutdown},
		"Deliver": {func(ctx context.Context, u *tghook.Update) { _ = delivering.Deliver(ctx, u) }, delivering.Shutdown},
	}
}

type doorway struct {
	enter func(ctx context.Context, u *tghook.Update)
	stop  func(ctx context.Context) error
}

// On real goroutines: deliveries race with Shutdown.
func TestObserveIsToldOfAllBeforeShutdownReturnsAndOfNothingAfterwards(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Do", "Serve", "Deliver"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 50 {
				raceWithShutdown(t, name)
			}
		})
	}
}

func raceWithShutdown(t *testing.T, name string) {
	t.Helper()
	var mu sync.Mutex
	ran, told := map[int64]bool{}, map[int64]bool{}
	var returned atomic.Bool
	h := tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		mu.Lock()
		defer mu.Unlock()
		ran[u.ID] = true
		if u.ID%5 == 0 {
			return tghook.NoReply, rig.ErrBroken
		}
		return tghook.NoReply, nil
	})
	door := doors(t, h, tghook.DispatchConfig{
		Logger: slog.New(slog.DiscardHandler),
		Observe: func(_ context.Context, v tghook.Delivery) {
			assert.False(t, returned.Load(), "Observe is called after Shutdown has returned")
			runtime.Gosched()
			mu.Lock()
			defer mu.Unlock()
			told[v.Update.ID] = true
		},
	})[name]
	var senders sync.WaitGroup
	var over atomic.Int64 // deliveries
	before := map[int64]bool{}
	for sender := range int64(8) {
		senders.Go(func() {
			for n := range int64(100) {
				id := sender + 8*n + 1
				u := rig.Parsed(t, rig.MessageIn(id%20, id))
				if id%3 == 0 { // a sender leaves, so that nobody may carry what comes of the run
					ctx, cancel := context.WithCancel(context.Background())
					cancel()
					door.enter(ctx, u)
				}
				door.enter(context.Background(), u)
				over.Add(1)
				mu.Lock()
				before[id] = true
				mu.Unlock()
			}
		})
	}
	rig.Until(t, "some deliveries are over", func() bool { return over.Load() > 100 })
	mu.Lock()
	due := make([]int64, 0, len(before))
	for id := range before {
		due = append(due, id)
	}
	mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), rig.InTime)
	defer cancel()
	err := door.stop(ctx)
	returned.Store(true)
	mu.Lock()
	require.NoError(t, err, "Shutdown")
	for _, id := range due {
		if !told[id] {
			t.Errorf("Observe was not told of delivery %d, which was over before Shutdown", id)
		}
	}
	for id := range ran {
		if !told[id] {
			t.Errorf("Observe was not told of the run of %d", id)
		}
	}
	mu.Unlock()
	senders.Wait()
}

// A blocked Observe cannot keep Shutdown from returning, which says so.
func TestShutdownDoesNotWaitForABlockedObserveForEver(t *testing.T) {
	for _, name := range []string{"Do", "Serve", "Deliver"} {
		for what, reply := range map[string]tghook.Reply{"without a reply": tghook.NoReply, "with a reply that waits": rig.Hello} {
			for how, leave := range map[string]time.Duration{"while a delivery waits": time.Hour, "when the sender has left": time.Second} {
				t.Run(fmt.Sprintf("%s, %s, %s", name, what, how), func(t *testing.T) {
					rig.Bubble(t, func(t *testing.T) {
						end := make(chan struct{})
						defer close(end)
						door := doors(t, rig.Taking(2*time.Second, reply, nil), tghook.DispatchConfig{
							Logger: slog.New(slog.DiscardHandler), Caller: new(rig.Caller),
							Observe: func(context.Context, tghook.Delivery) { <-end },
						})[name]
						ctx, cancel := context.WithTimeout(t.Context(), leave)
						defer cancel()
						go door.enter(ctx, rig.Parsed(t, rig.MessageIn(1, 1)))
						rig.Pass(3 * time.Second)
						err := shutDown(t, door.stop, 5*time.Second)
						if err == nil || !strings.Contains(err.Error(), "calls of Observe have not returned") {
							t.Errorf("Shutdown returned %v, want that Observe has not", err)
						}
					})
				})
			}
		}
	}
}

// At its end Shutdown itself has something to tell: a reply that nobody carries is lost,
// and a success is untold.
func TestShutdownOutlivesWhatItTells(t *testing.T) {
	for what, harm := range harms {
		for _, name := range []string{"Observe", "slog.Handler, of a lost reply", "slog.Handler, of an untold success"} {
			t.Run(name+" "+what, func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					b := newFoulBot(t, harm)
					b.cfg.LateAfter = time.Second
					b.handle = rig.Taking(2*time.Second, rig.Hello, nil)
					given := 5 * time.Second
					if name == "Observe" {
						b.cfg.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) {
							if v.Outcome == tghook.OutcomeReplyLost {
								b.must()
							}
						}
					} else {
						b.cfg.Dispatch.Logger = slog.New(ownLog{b, "Handle"})
						b.mu.Lock()
						b.calm = true
						b.mu.Unlock()
					}
					if name == "slog.Handler, of an untold success" {
						b.handle = rig.Taking(2*time.Second, tghook.NoReply, nil)
						given = 20 * time.Second
					}
					b.start()
					assert.Equal(t, "503 after 2", b.once(1, 1), "answer")
					rig.Pass(2 * time.Second)
					b.mu.Lock()
					b.calm = false
					b.mu.Unlock()
					_ = b.shutDown(given)
					b.called()
				})
			})
		}
	}
}

// The count of refused requests is written when the Webhook ends.
func TestShutdownOutlivesTheCountOfRefusals(t *testing.T) {
	for what, harm := range harms {
		t.Run(what, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newFoulBot(t, harm)
				b.calm = true
				w, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: "right", Dispatch: tghook.DispatchConfig{Logger: slog.New(ownLog{b, "Handle"})}})
				require.NoError(t, err)
				for range 20 {
					assert.Equal(t, 401, w.Serve(t.Context(), rig.FromTelegram([]byte(rig.MessageIn(1, 1)))).Status, "status")
				}
				b.mu.Lock()
				b.calm = false
				b.mu.Unlock()
				start := time.Now()
				require.NoError(t, shutDown(t, w.Shutdown, 5*time.Second))
				if took := time.Since(start); took > 0 && what == "exits" {
					t.Errorf("Shutdown took %v", took)
				}
				b.called()
			})
		})
	}
}
