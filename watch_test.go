package tghook_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// A watch notes the calls of Watch.
type watch struct {
	begun, ended atomic.Int64
	bot          int64
	stats        func() tghook.Stats
}

func (w *watch) Watch(bot int64, stats func() tghook.Stats) func() {
	w.bot, w.stats = bot, stats
	w.begun.Add(1)
	return func() { w.ended.Add(1) }
}

func (w *watch) check(t *testing.T, begun, ended int64) {
	t.Helper()
	assert.Equal(t, begun, w.begun.Load(), "Watch was called")
	assert.Equal(t, ended, w.ended.Load(), "and what it returned")
}

func TestWatchGetsTheStatsOfEachDoorUntilItsEnd(t *testing.T) {
	t.Run("a Webhook", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &watch{}
			bot := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 7, Watch: w.Watch}}, rig.Taking(time.Second, tghook.NoReply, nil))
			w.check(t, 1, 0)
			sent := bot.Send(rig.MessageIn(1, 1))
			assert.Equal(t, int64(7), w.bot)
			assert.Equal(t, tghook.Stats{InFlight: 1, Lanes: 1}, w.stats())
			sent.Wait()
			require.NoError(t, bot.Shutdown(t.Context()))
			require.NoError(t, bot.Shutdown(t.Context()))
			w.check(t, 1, 1)
		})
	})
	t.Run("a Dispatcher", func(t *testing.T) {
		w := &watch{}
		d, err := tghook.NewDispatcher(tghook.HandlerFunc(rig.Nothing), tghook.DispatchConfig{Watch: w.Watch})
		require.NoError(t, err)
		w.check(t, 1, 0)
		require.NoError(t, d.Shutdown(t.Context()))
		w.check(t, 1, 1)
	})
	t.Run("a poll", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &watch{}
			p := rig.StartPoll(t, rig.NewTelegram(t), tghook.PollConfig{Dispatch: tghook.DispatchConfig{Watch: w.Watch}}, rig.Nothing)
			synctest.Wait()
			w.check(t, 1, 0)
			time.Sleep(time.Minute)
			assert.Equal(t, 10*time.Second, time.Since(w.stats().Polled), "since getUpdates was answered")
			assert.Equal(t, int64(7244100913), w.bot)
			p.End()
			w.check(t, 1, 1)
		})
	})
	t.Run("a Mounted that is not made after all", func(t *testing.T) {
		w := &watch{}
		_, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), tghook.RunConfig{
			Token: rig.APIToken, URL: rig.HookURL, CertFile: "missing", KeyFile: "missing",
			Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Watch: w.Watch}},
		})
		require.Error(t, err)
		w.check(t, 0, 0)
	})
	t.Run("none for a mistake", func(t *testing.T) {
		w := &watch{}
		_, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Dispatch: tghook.DispatchConfig{Watch: w.Watch}})
		require.Error(t, err, "there is no secret")
		w.check(t, 0, 0)
	})
}

func TestABrokenWatchIsLoggedAndHoldsNothingUp(t *testing.T) {
	for name, broken := range map[string]func(int64, func() tghook.Stats) func(){
		"it panics":           func(int64, func() tghook.Stats) func() { panic("no gauges") },
		"it does not return":  func(int64, func() tghook.Stats) func() { time.Sleep(time.Hour); return nil },
		"its end panics":      func(int64, func() tghook.Stats) func() { return func() { panic("no end") } },
		"its end never comes": func(int64, func() tghook.Stats) func() { return func() { time.Sleep(time.Hour) } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				bot := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{
					Watch: broken, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				}}, rig.Nothing)
				assert.Equal(t, "200", bot.Post(rig.MessageIn(1, 1)))
				require.NoError(t, bot.Shutdown(t.Context()))
				assert.Equal(t, 1, strings.Count(log.String(), "tghook: DispatchConfig.Watch failed"), log.String())
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestAttemptFromContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []tghook.Attempt
		bot := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 7}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			type key struct{}
			a, ok := tghook.AttemptFromContext(context.WithValue(ctx, key{}, 1))
			assert.True(t, ok)
			attempts = append(attempts, a)
			return tghook.NoReply, rig.ErrBroken
		})
		bot.Post(rig.MessageIn(1, 1))
		bot.Post(rig.MessageIn(1, 1))
		assert.Equal(t, []tghook.Attempt{{Bot: 7, Number: 1}, {Bot: 7, Number: 2}}, attempts)
	})
	_, ok := tghook.AttemptFromContext(t.Context())
	assert.False(t, ok, "a context that is not a handler's")
}

// The values of a handler's context are looked up without making the part of it that can end.
func TestAValueIsFoundBesideTheEndOfAContext(t *testing.T) {
	type key struct{}
	cause := context.Canceled
	for name, look := range map[string]func(ctx context.Context){
		"before the end is asked for": func(context.Context) {},
		"after":                       func(ctx context.Context) { <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bot := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Second}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					look(ctx)
					assert.Equal(t, "of the request", ctx.Value(key{}))
					if ctx.Err() == nil {
						assert.Equal(t, error(nil), context.Cause(ctx), "the end of the request is not that of the handler")
						<-ctx.Done()
					}
					assert.ErrorIs(t, context.Cause(ctx), tghook.ErrHandlerTimeout)
					return tghook.NoReply, nil
				})
				request, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "of the request"))
				cancel(cause)
				bot.PostWith(request, rig.MessageIn(1, 1))
				time.Sleep(5 * time.Second)
			})
		})
	}
}
