package promise_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// A success whose sender has left and whose redelivery goes to another process.
func TestShutdownWaitsForARedeliveryUntilItIsOverdue(t *testing.T) {
	// shutDown calls Shutdown, which has a day, and returns how long it took.
	shutDown := func(t *testing.T, r *rig.Bot) time.Duration {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		assert.NoError(t, r.Shutdown(ctx), "Shutdown")
		return time.Since(start)
	}
	t.Run("after an answer with Retry-After", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			cfg := tghook.Config{}
			log := rig.Wordy(&cfg.Dispatch)
			r := rig.NewBot(t, cfg, rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late") // at 8 s
			rig.Pass(1500 * time.Millisecond)
			assert.Equal(t, 3500*time.Millisecond, shutDown(t, r), "took") // until 8 + 2 + 3
			if found := log.With("Telegram did not ask again", "update_ids=1"); len(found) != 1 {
				t.Errorf("the log has %d such lines:\n%s", len(found), log)
			}
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "afterwards")
		})
	})
	t.Run("when it is overdue already", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			rig.Pass(time.Minute)
			assert.Equal(t, 1, r.Stats().Unacknowledged, "unacknowledged")
			assert.Equal(t, time.Duration(0), shutDown(t, r), "took")
		})
	})
	t.Run("while the handler still runs", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(time.Minute, tghook.NoReply, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			assert.Equal(t, 52*time.Second, shutDown(t, r), "took")
		})
	})
	// Without an answer the pause depends on how often Telegram has offered it.
	for deliveries, after := range map[int]time.Duration{1: 0, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 120, 12: 120} {
		t.Run(fmt.Sprintf("after %d deliveries whose sender left", deliveries), func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{LateAfter: -1}, rig.Taking(time.Minute, tghook.NoReply, nil))
				for range deliveries { // one a second
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					r.SendWith(ctx, rig.MessageIn(7, 1)).Wait()
					cancel()
				}
				rig.Pass(time.Minute - time.Duration(deliveries)*time.Second)
				assert.Equal(t, 1, r.Stats().Unacknowledged, "unacknowledged")
				due := time.Duration(deliveries)*time.Second + after*time.Second //nolint:durationcheck // after is a number of seconds
				assert.Equal(t, max(0, due+3*time.Second-time.Minute), shutDown(t, r), "took")
			})
		})
	}
	t.Run("the last of several counts", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(9*time.Second, tghook.NoReply, nil))
			for id := range int64(4) {
				r.Send(rig.MessageIn(id+1, id+1))
				rig.Pass(500 * time.Millisecond)
			}
			rig.Pass(9 * time.Second)                                      // 11 s
			assert.Equal(t, 3500*time.Millisecond, shutDown(t, r), "took") // 1.5 + 8 + 2 + 3
		})
	})
	t.Run("and told by it at once", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			rig.Pass(time.Second)
			down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(t.Context())) })
			rig.Pass(time.Second)
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			_, took := down.Wait()
			assert.Equal(t, time.Second, took, "took")
		})
	})
	t.Run("and for the call of its reply", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			api := &rig.Caller{Do: func(context.Context, string) error { time.Sleep(5 * time.Second); return nil }}
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(9*time.Second, rig.Hello, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			rig.Pass(time.Second)
			assert.Equal(t, 15*time.Second, shutDown(t, r), "took") // ten for the redelivery, five for the call
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.Equal(t, "late/1/503/late replied/1/0/late", r.Outcomes(), "outcomes")
		})
	})
	t.Run("with LateAck for none", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck}, rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "late")
			assert.Equal(t, time.Second, shutDown(t, r), "took")
		})
	})
	t.Run("with a Store for none", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, rig.Replica(rig.NewStore()), rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			assert.Equal(t, time.Second, shutDown(t, r), "took")
		})
	})
	t.Run("after its ctx has ended for none", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			rig.Pass(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			if err := r.Shutdown(ctx); err == nil {
				t.Error("Shutdown returned nil")
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
}
