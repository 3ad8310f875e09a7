package promise_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
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

// loud is a slog.Handler of the user's.
type loud func()

func (loud) Enabled(context.Context, slog.Level) bool    { return true }
func (h loud) Handle(context.Context, slog.Record) error { h(); return nil }
func (h loud) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h loud) WithGroup(string) slog.Handler             { return h }
func letterOf(f func()) func(context.Context, *tghook.Update, error) error {
	return func(context.Context, *tghook.Update, error) error { f(); return nil }
}

// Whatever a function of the user's does, the other chats are handled, nothing is
// lost, and Poll ends in time and quietly.
func TestPollSurvivesWhatItCalls(t *testing.T) {
	functions := map[string]func(cfg *tghook.PollConfig, f func()){
		"Observe": func(cfg *tghook.PollConfig, f func()) {
			cfg.Dispatch.Observe = func(context.Context, tghook.Delivery) { f() }
		},
		"OnError":    func(cfg *tghook.PollConfig, f func()) { cfg.OnError = func(context.Context, error) { f() } },
		"DeadLetter": func(cfg *tghook.PollConfig, f func()) { cfg.Dispatch.DeadLetter = letterOf(f) },
		"Logger":     func(cfg *tghook.PollConfig, f func()) { cfg.Dispatch.Logger = slog.New(loud(f)) },
		"Lane": func(cfg *tghook.PollConfig, f func()) {
			cfg.Dispatch.Lane = func(u *tghook.Update) string {
				if u.ID == 50 {
					f()
				}
				return ""
			}
		},
	}
	harms := map[string]func(end <-chan struct{}){
		"panic":    func(<-chan struct{}) { panic("broken") },
		"Goexit":   func(<-chan struct{}) { runtime.Goexit() },
		"a minute": func(<-chan struct{}) { time.Sleep(time.Minute) },
		"for ever": func(end <-chan struct{}) { <-end },
	}
	for name, set := range functions {
		for what, harm := range harms {
			inner := func(t *testing.T) {
				tg := rig.NewTelegram(t)
				end := make(chan struct{})
				defer close(end)
				var returned, begun atomic.Int64
				cfg := tghook.PollConfig{Grace: 2 * time.Second}
				p := &rig.Poll{Bot: &rig.Bot{TB: t}, Telegram: tg, Done: make(chan error, 1)}
				p.Record(&cfg.Dispatch)
				set(&cfg, func() {
					begun.Add(1)
					assert.LessOrEqualf(t, returned.Load(), int64(0), "%s begins after Poll has returned", name)
					harm(end)
				})
				ctx, cancel := context.WithCancel(t.Context())
				tg.Instead = func(method string, n int) *http.Response {
					switch {
					case method == "getUpdates" && n == 1: // a failure, and what is no update
						return rig.APIAnswer(500, "<html>")
					case method == "getUpdates" && n == 2:
						return rig.APIAnswer(200, `{"ok":true,"result":[{"message":{}},`+rig.MessageIn(1, 1)+`]}`)
					}
					return nil
				}
				h := p.Recorded(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					if u.ID%40 == 0 {
						return tghook.NoReply, tghook.Drop(rig.ErrBroken)
					}
					return tghook.NoReply, nil
				})
				client := tg.Client(t, tghook.ClientConfig{})
				go func() {
					err := tghook.Poll(ctx, client, h, cfg)
					returned.Add(1)
					p.Done <- err
				}()
				for id := range int64(90) {
					tg.Send(t, rig.MessageIn(1+id, 1+id))
				}
				rig.Pass(20 * time.Second)
				ran := map[int64]bool{}
				for _, id := range p.Order() {
					ran[id] = true
				}
				for id := int64(1); id <= 90; id++ {
					if !ran[id] && id != 50 {
						t.Errorf("%d has not run", id)
					}
				}
				assert.NotEqualf(t, int64(0), begun.Load(), "%s was not called", name)
				start := time.Now()
				cancel()
				require.NoError(t, <-p.Done, "Poll returned")
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("the end took %v, with a Grace of 2 s", took)
				}
				pending := tg.PendingIDs()
				if !slices.Contains(pending, 50) && !ran[50] && p.Letter(0).ID != 50 && p.Letter(1).ID != 50 && p.Letter(2).ID != 50 && p.Letter(3).ID != 50 {
					t.Error("50 is lost")
				}
				if name != "DeadLetter" && len(pending) > 0 {
					t.Errorf("not confirmed: %v", pending)
				}
				rig.Pass(2 * time.Minute)
			}
			t.Run(name+"/"+what, func(t *testing.T) { rig.Bubble(t, inner) })
		}
	}
}

func TestPollHasToldObserveOfAllWhenItReturns(t *testing.T) {
	t.Parallel()
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			tg := rig.NewTelegram(t)
			var told, after atomic.Int64
			var returned atomic.Bool
			cfg := tghook.PollConfig{Dispatch: tghook.DispatchConfig{Observe: func(context.Context, tghook.Delivery) {
				if returned.Load() {
					after.Add(1)
				}
				time.Sleep(100 * time.Millisecond)
				told.Add(1)
			}}}
			p := rig.StartPoll(t, tg, cfg, rig.Taking(time.Second, tghook.NoReply, nil))
			for id := range int64(90) {
				tg.Send(t, rig.MessageIn(1+id, 1+id))
			}
			rig.Pass(1500 * time.Millisecond)
			p.End()
			returned.Store(true)
			assert.Equal(t, int64(len(p.Order())), told.Load(), "Observe was told")
			rig.Pass(time.Minute)
			assert.Equal(t, int64(0), after.Load(), "Observe began after Poll had returned")
		})
	}
}

// A handler that Poll has given up ends after Poll: Observe is not told then.
func TestPollTellsObserveNothingAfterItsEnd(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var returned atomic.Bool
		p := rig.StartPoll(t, tg, tghook.PollConfig{Grace: time.Second, Dispatch: tghook.DispatchConfig{Observe: func(context.Context, tghook.Delivery) {
			assert.False(t, returned.Load(), "Observe is called after Poll has returned")
		}}}, rig.Taking(time.Minute, tghook.NoReply, nil))
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		start := time.Now()
		p.End()
		returned.Store(true)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the end took %v", took)
		}
		rig.Pass(2 * time.Minute)
		assert.Empty(t, p.Outcomes(), "Observe was told")
	})
}

func TestPollBoundsTheGoroutinesOfABlockedObserve(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		end := make(chan struct{})
		defer close(end)
		var blocked atomic.Int64
		var mu sync.Mutex
		var lines bytes.Buffer
		logger := slog.New(slog.NewTextHandler(writer(func(line []byte) {
			mu.Lock()
			defer mu.Unlock()
			lines.Write(line)
		}), nil))
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Logger: logger, Observe: func(context.Context, tghook.Delivery) {
			blocked.Add(1)
			<-end
		}}}, rig.Nothing)
		for id := range int64(1500) {
			tg.Send(t, rig.MessageIn(1+id, 1+id))
		}
		rig.Pass(time.Minute)
		assert.Len(t, p.Order(), 1500, "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
		if n := blocked.Load(); n < 900 || n > 1001 {
			t.Errorf("%d goroutines wait for Observe", n)
		}
		mu.Lock()
		text := lines.String()
		mu.Unlock()
		assert.Contains(t, text, "Observe was not called with a Delivery", "the log does not say what Observe was not told")
		p.Stop()
		assert.NoError(t, <-p.Done, "Poll returned")
	})
}

type writer func([]byte)

func (w writer) Write(line []byte) (int, error) { w(line); return len(line), nil }

func TestPollTellsErrorsInOrder(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		codes := []int{500, 501, 502, 503, 504}
		for _, code := range codes {
			tg.FailCalls(1, tghooktest.CallError{Code: code}, "getUpdates")
		}
		var told []string
		p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(_ context.Context, err error) {
			time.Sleep(20 * time.Second)
			told = append(told, err.Error())
		}}, rig.Nothing)
		rig.Pass(5 * time.Minute)
		for i, code := range []string{" 500 ", " 501 ", " 502 ", " 503 ", " 504 "} {
			if i >= len(told) || !strings.Contains(told[i], code) {
				t.Errorf("OnError was told %v", told)
			}
		}
		p.End()
	})
}
