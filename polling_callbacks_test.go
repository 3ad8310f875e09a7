package tghook_test

import (
	"bytes"
	"context"
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
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
	"github.com/tghook/tghook/tghooktest"
)

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
				p := &rig.Poll{Bot: &rig.Bot{TB: t}, Tg: tg, Done: make(chan error, 1)}
				p.Record(&cfg.Dispatch)
				set(&cfg, func() {
					begun.Add(1)
					if returned.Load() > 0 {
						t.Errorf("%s begins after Poll has returned", name)
					}
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
				if begun.Load() == 0 {
					t.Errorf("%s was not called", name)
				}
				start := time.Now()
				cancel()
				assert.NoError(t, <-p.Done, "Poll returned")
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
			if returned.Load() {
				t.Error("Observe is called after Poll has returned")
			}
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
		if !strings.Contains(text, "Observe was not called with a Delivery") {
			t.Error("the log does not say what Observe was not told")
		}
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
