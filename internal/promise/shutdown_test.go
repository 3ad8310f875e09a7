package promise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// A success whose sender has left and whose redelivery goes to another process.
func TestShutdownWaitsForARedeliveryUntilItIsOverdue(t *testing.T) {
	// shutDown calls Shutdown, which has a day, and returns how long it took.
	shutDown := func(t *testing.T, r *rig.Bot) time.Duration {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		require.NoError(t, r.Shutdown(ctx), "Shutdown")
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
	// With LateCancel a run does not end when its sender leaves.
	t.Run("whose sender left while the handler ran", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Late: tghook.LateCancel}, rig.Taking(9*time.Second, tghook.NoReply, nil))
			assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "late") // at 8 s
			ctx, cancel := context.WithCancel(t.Context())
			again := r.SendWith(ctx, rig.MessageIn(7, 1))
			cancel()
			again.Wait() // until the handler has succeeded, at 9 s
			assert.Equal(t, 1, r.Stats().Unacknowledged, "unacknowledged")
			assert.Equal(t, 5*time.Second, shutDown(t, r), "took") // 9 + 2, and 3 more
		})
	})
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
			require.Error(t, r.Shutdown(ctx), "Shutdown returned nil")
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
}

func TestShutdownWaitsForWhatRuns(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(3 * time.Second)
			return rig.Hello, ctx.Err()
		})
		running, queued := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 2))
		down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		again := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		assert.Contains(t, rig.ShedAnswers, r.Send(rig.MessageIn(8, 3)).Now(), "unknown")
		joined := r.Send(rig.MessageIn(7, 2))
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(running), "running")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "replayed")
		assert.Equal(t, "200", rig.MustWait(queued), "queued")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(joined), "joined")
		got, took := down.Wait()
		assert.Equal(t, "<nil>", got, "Shutdown")
		assert.Equal(t, 6*time.Second, took, "took")
		assert.Equal(t, "<nil>", rig.MustWait(again), "Shutdown at the same time")
		require.NoError(t, r.Shutdown(t.Context()), "Shutdown once more")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, r.Shutdown(ended), "Shutdown with a ctx that has ended")
		r.Did(rig.Counts{Runs: 2})
	})
}

func TestShutdownOfWhatHasDoneNothing(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c := rig.NewDispatcher(t, tghook.DispatchConfig{}, rig.Nothing)
	require.NoError(t, c.Shutdown(ended), "Shutdown")
	if _, err := c.DoBody(t.Context(), rig.MessageIn(7, 1)); !errors.Is(err, tghook.ErrShutdown) {
		t.Errorf("Do: %v", err)
	}
}

func TestShutdownTurnsAwayWhatHadFailed(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, rig.ErrBroken))
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "failed")
	require.NoError(t, r.Shutdown(t.Context()), "Shutdown")
	assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "redelivery")
	r.Did(rig.Counts{Runs: 1})
}

func TestShutdownWaitsUntilEverySuccessHasBeenTold(t *testing.T) {
	for name, reply := range map[string]tghook.Reply{"with a reply": rig.Hello, "without a reply": tghook.NoReply} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, rig.Taking(9*time.Second, reply, nil))
				assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
				down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
				rig.Pass(3 * time.Second)
				assert.Empty(t, down.Now(), "Shutdown")
				want := "200"
				if reply != tghook.NoReply {
					want = rig.HelloAnswer
				}
				assert.Equal(t, want, r.Post(rig.MessageIn(7, 1)), "redelivery")
				assert.Equal(t, "<nil>", down.Now(), "Shutdown")
			})
		})
	}
	t.Run("though its reply went by Caller", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, rig.Taking(9*time.Second, rig.Hello, nil))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.Equal(t, "<nil>", down.Now(), "Shutdown")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
		})
	})
}

func TestShutdownThatRunsOutOfTimeCancelsAndNamesTheIDs(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		causes := make(chan error, 10)
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 4 {
				return rig.Hello, rig.ErrBroken
			}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return rig.Hello, context.Cause(ctx)
		})
		assert.Equal(t, "500", r.Post(rig.MessageIn(9, 4)), "failed before")
		running, other, queued := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(8, 3)), r.Send(rig.MessageIn(7, 2))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, rig.ErrBroken)
		defer cancel()
		err := r.Shutdown(ctx)
		if !errors.Is(err, rig.ErrBroken) || !strings.HasSuffix(err.Error(), "3 updates stay unacknowledged: 1 2 3") {
			t.Errorf("Shutdown: %v", err)
		}
		assert.Contains(t, rig.ShedAnswers, rig.MustWait(running), "running")
		assert.Contains(t, rig.ShedAnswers, rig.MustWait(other), "other")
		assert.Contains(t, rig.ShedAnswers, rig.MustWait(queued), "queued")
		assert.Equal(t, []error{tghook.ErrShutdown, tghook.ErrShutdown}, []error{<-causes, <-causes}, "causes")
		r.Did(rig.Counts{Runs: 3})
		r.Clean(r.Stats())
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "redelivery")
		r.Did(rig.Counts{Runs: 3})
	})
}

// Each of several callers may be the one that logs it.
func TestEveryShutdownThatRunsOutOfTimeNamesTheSameIDs(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			return rig.Hello, context.Cause(ctx)
		})
		r.Send(rig.MessageIn(7, 1))
		r.Send(rig.MessageIn(7, 2))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		text := func() string { return fmt.Sprint(r.Shutdown(ctx)) }
		one, other := rig.Eventually(text), rig.Eventually(text)
		assert.True(t, strings.HasSuffix(rig.MustWait(one), ": 1 2"), "ids")
		assert.Equal(t, rig.MustWait(one), rig.MustWait(other), "the other's")
	})
}

func TestShutdownNamesWhatSucceededUntold(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, rig.Taking(9*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasSuffix(err.Error(), ": 1") {
			t.Errorf("Shutdown: %v", err)
		}
		rig.Pass(time.Minute)
		r.Did(rig.Counts{Runs: 1})
		// Each run is counted once, and a reply that is not sent is lost.
		assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
	})
}

func TestShutdownAwaitsWhatLateAckLeftBehind(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{Do: func(context.Context, string) error { time.Sleep(3 * time.Second); return nil }}
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck, Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(20*time.Second, rig.Hello, nil))
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "acknowledged")
		down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		got, took := down.Wait()
		assert.Equal(t, "<nil>", got, "Shutdown")
		assert.Equal(t, 15*time.Second, took, "took")
		r.Did(rig.Counts{Runs: 1, Calls: 1})
	})
}

func TestAHardStopBuriesWhatLateAckLeftBehind(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return rig.Hello, context.Cause(ctx)
		})
		running, queued := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 2))
		assert.Equal(t, "200", rig.MustWait(running), "running")
		assert.Equal(t, "200", rig.MustWait(queued), "queued")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
		rig.Pass(time.Second)
		r.Did(rig.Counts{Runs: 1, Letters: 2})
		for _, letter := range r.Letters {
			require.ErrorIs(t, letter.Err, tghook.ErrShutdown)
		}
		r.Clean(r.Stats())
	})
}

// Shutdown is the last that a program waits for: what it was promised to be
// told of must have been told when it returns.
func TestAHardStopIsOverWhenItsDeadLettersAreWritten(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{Late: tghook.LateAck}
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return rig.Hello, context.Cause(ctx)
		})
		r.Send(rig.MessageIn(7, 1))
		rig.MustWait(r.Send(rig.MessageIn(7, 2)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = r.Shutdown(ctx)
		r.Did(rig.Counts{Runs: 1, Letters: 2})
	})
}

func TestShutdownDuringACallIsNotOverBeforeIt(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{Do: func(context.Context, string) error { time.Sleep(10 * time.Second); return nil }}}}
		r := rig.NewBot(t, cfg, rig.Taking(9*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
		rig.Pass(12 * time.Second) // the call has begun
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
		down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		got, took := down.Wait()
		assert.Equal(t, "<nil>", got, "Shutdown")
		assert.Equal(t, 9*time.Second, took, "took")
	})
}
