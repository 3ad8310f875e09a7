package promise_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// The clauses by which an update is given up.
const (
	itself     = "each panicked or cannot heal"
	window     = "the window of the poll is full behind it"
	succeeding = "other updates succeed, or it has failed for an hour"
)

func refusedWith(code int) error {
	return fmt.Errorf("say hello: %w", &tghook.APIError{Method: "sendMessage", Code: code, Description: "Forbidden: bot was blocked by the user"})
}

func TestAHopelessUpdateIsGivenUpAtItsEighthAttempt(t *testing.T) {
	var nilMessage *struct{ text string }
	for name, fail := range map[string]func() error{
		"400":               func() error { return refusedWith(400) },
		"403":               func() error { return refusedWith(403) },
		"404":               func() error { return refusedWith(404) },
		"panic":             func() error { panic("broken") },
		"a nil dereference": func() error { return errors.New(nilMessage.text) },
		"Goexit":            func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) { return rig.Hello, fail() })
				start := time.Now()
				n, acked := r.Offered(rig.MessageIn(7, 1), time.Hour)
				assert.Equal(t, "8 true", fmt.Sprint(n, acked), "deliveries")
				if took := time.Since(start); took > 6*time.Minute {
					t.Errorf("it took %v", took)
				}
				r.Did(rig.Counts{Runs: 8, Letters: 1})
				assert.Equal(t, tghook.OutcomeDeadLettered, r.Last().Outcome, "outcome")
				for _, err := range []error{r.Letter(0).Err, r.Last().Err} {
					if err == nil || !strings.HasPrefix(err.Error(), "tghook: given up after 8 attempts, 8 of which count: "+itself+": ") {
						t.Errorf("the dead letter says %v", err)
					}
				}
				assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "again")
			})
		})
	}
}

func TestWhatMayHealIsNotGivenUpWhereNothingElseSucceeds(t *testing.T) {
	for _, code := range []int{401, 409, 429, 500, 502} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, refusedWith(code)))
				start := time.Now()
				if n, acked := r.Offered(rig.MessageIn(7, 1), 59*time.Minute); acked || n < 30 {
					t.Errorf("%d deliveries, acknowledged: %v", n, acked)
				}
				r.Did(rig.Counts{Runs: len(r.Order())})
				if _, acked := r.Offered(rig.MessageIn(7, 1), 2*time.Hour); !acked {
					t.Error("it is never given up")
				}
				// Each attempt after the hour counts.
				if took := time.Since(start); took < 60*time.Minute || took > 90*time.Minute {
					t.Errorf("given up after %v", took)
				}
				if err := r.Letter(0).Err; err == nil || !strings.Contains(err.Error(), succeeding) {
					t.Errorf("the dead letter says %v", err)
				}
			})
		})
	}
}

func TestAnUpdateThatFailsWhileOthersSucceedIsGivenUpAfterAQuarterOfAnHour(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return rig.Hello, rig.ErrBroken
			}
			return tghook.NoReply, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for id := int64(2); ctx.Err() == nil; id++ {
				r.Post(rig.MessageIn(8, id))
				time.Sleep(time.Second)
			}
		}()
		start := time.Now()
		_, acked := r.Offered(rig.MessageIn(7, 1), time.Hour)
		if took := time.Since(start); !acked || took < 15*time.Minute || took > 18*time.Minute {
			t.Errorf("acknowledged: %v, after %v", acked, took)
		}
		if err := r.Letter(0).Err; r.Letter(0).ID != 1 || !errors.Is(err, rig.ErrBroken) || !strings.Contains(err.Error(), succeeding) {
			t.Errorf("the dead letter is %v", r.Letter(0))
		}
	})
}

func TestAnOutageDeadLettersNothing(t *testing.T) {
	const updates = 150
	// broken fails everything for three minutes, after a little while.
	broken := func() tghook.HandlerFunc {
		start := time.Now()
		return func(context.Context, *tghook.Update) (tghook.Reply, error) {
			if at := time.Since(start); at > 10*time.Second && at < 190*time.Second {
				return tghook.NoReply, rig.ErrBroken
			}
			return tghook.NoReply, nil
		}
	}
	t.Run("by webhook", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, broken())
			var all sync.WaitGroup
			for id := range int64(updates) {
				all.Go(func() {
					time.Sleep(time.Duration(id) * time.Second)
					if _, acked := r.Offered(rig.MessageIn(id+1, id+1), time.Hour); !acked {
						t.Errorf("%d is not acknowledged", id+1)
					}
				})
			}
			all.Wait()
			assert.Equal(t, 0, r.Buried(), "dead letters")
		})
	})
	for name, every := range map[string]time.Duration{"with a full window": 50 * time.Millisecond, "with room in the window": 3 * time.Second} {
		t.Run("by poll, "+name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				tg := rig.NewTelegram(t)
				p := rig.StartPoll(t, tg, tghook.PollConfig{}, broken())
				for id := range int64(updates) {
					time.Sleep(every)
					tg.Send(t, rig.MessageIn(id+1, id+1000))
				}
				for id := range int64(updates) { // in the outage
					time.Sleep(every)
					tg.Send(t, rig.MessageIn(id+1, id+2000))
				}
				nothingIsGivenUp(t, p)
			})
		})
	}
}

// nothingIsGivenUp lets the outage end, and then expects that all updates were handled.
func nothingIsGivenUp(t *testing.T, p *rig.Poll) {
	t.Helper()
	rig.Pass(20 * time.Minute)
	assert.Equal(t, 0, p.Buried(), "dead letters")
	assert.Equal(t, 0, p.Telegram.Pending(), "pending")
	p.End()
}

// An outage begins for some before it does for others: that one succeeds after another
// has failed says nothing of that.
func TestAnOutageThatBeginsGraduallyDeadLettersNothingThoughTheWindowIsFull(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		start := time.Now()
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID%10 == 0 && time.Since(start) < 10*time.Second { // has what it needs, and is slow
				time.Sleep(5 * time.Second)
				return tghook.NoReply, nil
			}
			if time.Since(start) < 3*time.Minute {
				return tghook.NoReply, rig.ErrBroken
			}
			return tghook.NoReply, nil
		})
		for id := range int64(200) {
			tg.Send(t, rig.MessageIn(id+1, id+1))
		}
		nothingIsGivenUp(t, p)
	})
}

func TestMaxAttemptsIsAPlainCount(t *testing.T) {
	for name, fail := range map[string]func() error{
		"soft": func() error { return rig.ErrBroken }, "hopeless": func() error { return refusedWith(403) }, "panic": func() error { panic("broken") },
	} {
		for _, most := range []int{1, 3, 20} {
			t.Run(fmt.Sprint(name, most), func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: most}},
						func(context.Context, *tghook.Update) (tghook.Reply, error) { return rig.Hello, fail() })
					n, acked := r.Offered(rig.MessageIn(7, 1), 24*time.Hour)
					assert.Equal(t, fmt.Sprint(most, true), fmt.Sprint(n, acked), "deliveries")
					r.Did(rig.Counts{Runs: most, Letters: 1})
					want := fmt.Sprintf("tghook: given up after %d attempts, by DispatchConfig.MaxAttempts: ", most)
					if err := r.Letter(0).Err; err == nil || !strings.HasPrefix(err.Error(), want) {
						t.Errorf("the dead letter says %v", err)
					}
				})
			})
		}
	}
}

func TestTheLogOfADeadLetterNamesTheClause(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{InsecureNoSecret: true}
		log := rig.Wordy(&cfg.Dispatch)
		w, err := tghook.New(rig.Taking(0, rig.Hello, refusedWith(403)), cfg)
		require.NoError(t, err)
		r := &rig.Bot{TB: t, Webhook: w}
		r.Offered(rig.MessageIn(7, 1), time.Hour)
		found := log.With("level=ERROR", "tghook: dead letter", "given up after 8 attempts, 8 of which count: "+itself, "update_id=1", "bot was blocked")
		assert.Lenf(t, found, 1, "the log has %d such lines:\n%s", len(found), log)
	})
}

func TestTheHistoryOfAnUpdateGoesOnInAnotherReplica(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		fail := func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("broken") }
		a, b := rig.NewBot(t, rig.Replica(shared), fail), rig.NewBot(t, rig.Replica(shared), fail)
		for i := range 8 {
			r := a
			if i%2 > 0 {
				r = b
			}
			want := "500"
			if i == 7 {
				want = "200"
			}
			assert.Equal(t, want, r.Post(rig.MessageIn(7, 1)), fmt.Sprint("attempt ", i+1))
			rig.Pass(time.Minute)
		}
		a.Did(rig.Counts{Runs: 4})
		b.Did(rig.Counts{Runs: 4, Letters: 1})
		if err := b.Letter(0).Err; err == nil || !strings.Contains(err.Error(), "given up after 8 attempts, 8 of which count: "+itself) {
			t.Errorf("the dead letter says %v", err)
		}
		assert.Equal(t, "200", a.Post(rig.MessageIn(7, 1)), "elsewhere")
	})
}

// With a Store an update that fails while others succeed, in another replica too.
func TestAnUpdateThatMayHealIsGivenUpWithAStoreToo(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		handle := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return rig.Hello, rig.ErrBroken
			}
			return tghook.NoReply, nil
		}
		rigs := []*rig.Bot{rig.NewBot(t, rig.Replica(shared), handle), rig.NewBot(t, rig.Replica(shared), handle)}
		start, n := time.Now(), 0
		for ; rigs[n%2].Post(rig.MessageIn(7, 1)) != "200"; n++ {
			require.LessOrEqual(t, time.Since(start), time.Hour, "it is never given up")
			rig.Pass(time.Minute)
			for i, r := range rigs {
				assert.Equal(t, "200", r.Post(rig.MessageIn(8, int64(100+2*n+i))), "another")
			}
			rig.Pass(time.Minute)
		}
		assert.Equal(t, 16*time.Minute, time.Since(start), "after")
	})
}

// 100 updates behind one that fails are a full window: it is given up soon.
func TestPollGivesAPoisonUpdateUpSoonWhereItsWindowIsFull(t *testing.T) {
	for name, fail := range map[string]error{"soft": rig.ErrBroken, "hopeless": refusedWith(403), "asks for an hour": tghook.RetryAfter(time.Hour, rig.ErrBroken)} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				tg := rig.NewTelegram(t)
				start := time.Now()
				var attempts, handled []time.Duration
				var mu sync.Mutex
				p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					if u.ID == 1 {
						time.Sleep(100 * time.Millisecond) // all others have succeeded before
					}
					mu.Lock()
					defer mu.Unlock()
					if u.ID == 1 {
						attempts = append(attempts, time.Since(start))
						return tghook.NoReply, fail
					}
					handled = append(handled, time.Since(start))
					return tghook.NoReply, nil
				})
				for id := range int64(300) {
					tg.Send(t, rig.MessageIn(id+1, id+1))
				}
				rig.Pass(5 * time.Minute)
				assert.Len(t, handled, 299, "handled")
				assert.Equal(t, 0, tg.Pending(), "pending")
				p.Did(rig.Counts{Runs: 299 + len(attempts), Letters: 1})
				for i := range attempts[1:] {
					if pause := attempts[i+1] - attempts[i]; pause > 1200*time.Millisecond || pause < 900*time.Millisecond {
						t.Errorf("%v between two attempts: %v", pause, attempts)
					}
				}
				if last := handled[len(handled)-1]; last > 15*time.Second || len(attempts) > 10 {
					t.Errorf("others were held up until %v, by attempts at %v", last, attempts)
				}
				p.End()
			})
		})
	}
}

// The window fills up while the update rests for a minute: then it rests no longer.
func TestPollDoesNotLetAnUpdateRestWhenItsWindowFillsUp(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		start := time.Now()
		var attempts []time.Duration
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				attempts = append(attempts, time.Since(start))
				return tghook.NoReply, rig.ErrBroken
			}
			return tghook.NoReply, nil
		})
		tg.Send(t, rig.MessageIn(1, 1))
		rig.Pass(70 * time.Second) // it rests until 123 s
		assert.Len(t, attempts, 7, "attempts")
		for id := range int64(300) {
			tg.Send(t, rig.MessageIn(id+2, id+2))
		}
		rig.Pass(20 * time.Second)
		assert.Equal(t, 300, len(p.Order())-len(attempts), "handled")
		assert.Equal(t, 0, tg.Pending(), "pending")
		assert.Equal(t, 1, p.Buried(), "dead letters")
		if err := p.Letter(0).Err; err == nil || !strings.Contains(err.Error(), window) {
			t.Errorf("the dead letter says %v", err)
		}
		p.End()
	})
}

func TestAHandlerThatLateCancelNeverLetsFinishIsGivenUp(t *testing.T) {
	slow := func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID != 1 {
			return tghook.NoReply, nil
		}
		select {
		case <-time.After(12 * time.Second):
			return rig.Hello, nil
		case <-ctx.Done():
			return tghook.NoReply, fmt.Errorf("work: %w", context.Cause(ctx))
		}
	}
	for name, cfg := range map[string]tghook.Config{"LateCancel": {Late: tghook.LateCancel}, "Ephemeral": {Ephemeral: true}} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, cfg, slow)
				start := time.Now()
				assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "answer")
				if n, acked := r.Offered(rig.MessageIn(7, 1), 2*time.Hour); !acked || n > 60 {
					t.Errorf("acknowledged: %v, after %d deliveries", acked, n)
				}
				if took := time.Since(start); took < time.Hour {
					t.Errorf("given up after %v, though nothing else has succeeded", took)
				}
				assert.Equal(t, 1, r.Buried(), "dead letters")
				if err := r.Letter(0).Err; !errors.Is(err, tghook.ErrLate) || !strings.Contains(err.Error(), "it was given 8s by Config.LateAfter") {
					t.Errorf("the dead letter says %v", err)
				}
			})
		})
		t.Run(name+", while others succeed", func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, cfg, slow)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					for id := int64(2); ctx.Err() == nil; id++ {
						r.Post(rig.MessageIn(8, id))
						time.Sleep(time.Second)
					}
				}()
				start := time.Now()
				_, acked := r.Offered(rig.MessageIn(7, 1), 2*time.Hour)
				if took := time.Since(start); !acked || took < 15*time.Minute || took > 18*time.Minute {
					t.Errorf("acknowledged: %v, after %v", acked, took)
				}
			})
		})
		t.Run(name+", MaxAttempts", func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				cfg := cfg
				cfg.Dispatch.MaxAttempts = 3
				r := rig.NewBot(t, cfg, slow)
				n, acked := r.Offered(rig.MessageIn(7, 1), 2*time.Hour)
				r.Did(rig.Counts{Runs: 3, Letters: 1})
				if !acked || n > 4 { // one more gets what became of the third
					t.Errorf("acknowledged: %v, after %d deliveries", acked, n)
				}
			})
		})
	}
}

func TestTheLogOfACancelledAttemptSaysHowLongItWasGivenAndBySetting(t *testing.T) {
	never := func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		<-ctx.Done()
		return tghook.NoReply, context.Cause(ctx)
	}
	message, inline := rig.MessageIn(7, 1), rig.KindBy(tghook.KindInlineQuery, 7, 1)
	for name, test := range map[string]struct {
		cfg    tghook.Config
		body   string
		within time.Duration // of the context; 0: no deadline
		want   string
	}{
		"LateAfter, the default": {tghook.Config{Late: tghook.LateCancel}, message, 0, "it was given 8s by Config.LateAfter"},
		"LateAfter":              {tghook.Config{Late: tghook.LateCancel, LateAfter: 20 * time.Second}, message, 0, "it was given 20s by Config.LateAfter"},
		"Deadline":               {tghook.Config{Deadline: always(3*time.Second, tghook.LateCancel)}, message, 0, "it was given 3s by Config.Deadline"},
		"the policy of Deadline alone": {
			tghook.Config{Deadline: always(0, tghook.LateCancel)}, message, 0, "it was given 8s by Config.LateAfter",
		},
		"the kind": {tghook.Config{Late: tghook.LateCancel}, inline, 0, "it was given 5s by the bound for its kind"},
		"the context": {
			tghook.Config{Ephemeral: true}, message, 6 * time.Second, "it was given 5.5s by the deadline of the context that it arrived with",
		},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				cfg := test.cfg
				log := rig.Wordy(&cfg.Dispatch)
				r := rig.NewBot(t, cfg, never)
				ctx := t.Context()
				if test.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.within)
					defer cancel()
				}
				assert.Equal(t, strconv.Itoa(http.StatusServiceUnavailable), r.PostWith(ctx, test.body), "answer")
				rig.Pass(time.Second)
				if found := log.With("outcome=failed", "attempt=1", "cancelled because it was late: "+test.want); len(found) != 1 {
					t.Errorf("the log has %d such lines:\n%s", len(found), log)
				}
				if found := log.With("outcome=late", test.want); len(found) != 1 {
					t.Errorf("the log has %d lines that say so of the answer:\n%s", len(found), log)
				}
			})
		})
	}
}
