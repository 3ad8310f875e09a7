package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

const (
	byItself = "each panicked or cannot heal"
	byWindow = "the window of the poll is full behind it"
	byOthers = "other updates succeed, or it has failed for an hour"
)

// offered delivers body as Telegram does, until it is acknowledged or limit has
// passed, and returns the number of deliveries. The pauses double up to two minutes;
// Retry-After replaces them.
func (r *rig) offered(body string, limit time.Duration) (deliveries int, acked bool) {
	for start := time.Now(); time.Since(start) < limit; {
		got := r.post(body)
		deliveries++
		if strings.HasPrefix(got, "200") {
			return deliveries, true
		}
		after := min(time.Second<<min(deliveries, 7), 2*time.Minute)
		var seconds int
		if _, err := fmt.Sscanf(got, "503 after %d", &seconds); err == nil {
			after = time.Duration(seconds) * time.Second
		}
		time.Sleep(after)
	}
	return deliveries, false
}

// buried is how many dead letters there were.
func (r *rig) buried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.letters)
}

// told is what Observe was told.
func (r *rig) told() []tghook.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.deliveries)
}

// wordy has a log.
func wordy(cfg *tghook.DispatchConfig) *lockedBuffer {
	b := &lockedBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(b, nil))
	return b
}

// with is the lines with all of words.
func (b *lockedBuffer) with(words ...string) (found []string) {
next:
	for line := range strings.Lines(b.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

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
			inBubble(t, func(t *testing.T) {
				r := newRig(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) { return hello, fail() })
				start := time.Now()
				n, acked := r.offered(messageIn(7, 1), time.Hour)
				same(t, "deliveries", fmt.Sprint(n, acked), "8 true")
				if took := time.Since(start); took > 6*time.Minute {
					t.Errorf("it took %v", took)
				}
				r.did(8, 1, 0)
				same(t, "outcome", r.last().Outcome, tghook.OutcomeDeadLettered)
				for _, err := range []error{r.letter(0).err, r.last().Err} {
					if err == nil || !strings.HasPrefix(err.Error(), "tghook: given up after 8 attempts, 8 of which count: "+byItself+": ") {
						t.Errorf("the dead letter says %v", err)
					}
				}
				same(t, "again", r.post(messageIn(7, 1)), "200")
			})
		})
	}
}

func TestWhatMayHealIsNotGivenUpWhereNothingElseSucceeds(t *testing.T) {
	for _, code := range []int{401, 409, 429, 500, 502} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, tghook.Config{}, taking(0, hello, refusedWith(code)))
				start := time.Now()
				if n, acked := r.offered(messageIn(7, 1), 59*time.Minute); acked || n < 30 {
					t.Errorf("%d deliveries, acknowledged: %v", n, acked)
				}
				r.did(len(r.order()), 0, 0)
				if _, acked := r.offered(messageIn(7, 1), 2*time.Hour); !acked {
					t.Error("it is never given up")
				}
				// Each attempt after the hour counts.
				if took := time.Since(start); took < 60*time.Minute || took > 90*time.Minute {
					t.Errorf("given up after %v", took)
				}
				if err := r.letter(0).err; err == nil || !strings.Contains(err.Error(), byOthers) {
					t.Errorf("the dead letter says %v", err)
				}
			})
		})
	}
}

func TestAnUpdateThatFailsWhileOthersSucceedIsGivenUpAfterAQuarterOfAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return hello, errBroken
			}
			return tghook.NoReply, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for id := int64(2); ctx.Err() == nil; id++ {
				r.post(messageIn(8, id))
				time.Sleep(time.Second)
			}
		}()
		start := time.Now()
		_, acked := r.offered(messageIn(7, 1), time.Hour)
		if took := time.Since(start); !acked || took < 15*time.Minute || took > 18*time.Minute {
			t.Errorf("acknowledged: %v, after %v", acked, took)
		}
		if err := r.letter(0).err; r.letter(0).id != 1 || !errors.Is(err, errBroken) || !strings.Contains(err.Error(), byOthers) {
			t.Errorf("the dead letter is %v", r.letter(0))
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
				return tghook.NoReply, errBroken
			}
			return tghook.NoReply, nil
		}
	}
	t.Run("by webhook", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{}, broken())
			var all sync.WaitGroup
			for id := range int64(updates) {
				all.Go(func() {
					time.Sleep(time.Duration(id) * time.Second)
					if _, acked := r.offered(messageIn(id+1, id+1), time.Hour); !acked {
						t.Errorf("%d is not acknowledged", id+1)
					}
				})
			}
			all.Wait()
			same(t, "dead letters", r.buried(), 0)
		})
	})
	for name, every := range map[string]time.Duration{"with a full window": 50 * time.Millisecond, "with room in the window": 3 * time.Second} {
		t.Run("by poll, "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				tg := newTelegram(t)
				p := startPoll(t, tg, tghook.PollConfig{}, broken())
				for id := range int64(updates) {
					time.Sleep(every)
					tg.send(t, messageIn(id+1, id+1000))
				}
				for id := range int64(updates) { // in the outage
					time.Sleep(every)
					tg.send(t, messageIn(id+1, id+2000))
				}
				pass(20 * time.Minute)
				same(t, "dead letters", p.buried(), 0)
				same(t, "pending", tg.Pending(), 0)
				p.end()
			})
		})
	}
}

// An outage begins for some before it does for others: that one succeeds after another
// has failed says nothing of that.
func TestAnOutageThatBeginsGraduallyDeadLettersNothingThoughTheWindowIsFull(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := newTelegram(t)
		start := time.Now()
		p := startPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID%10 == 0 && time.Since(start) < 10*time.Second { // has what it needs, and is slow
				time.Sleep(5 * time.Second)
				return tghook.NoReply, nil
			}
			if time.Since(start) < 3*time.Minute {
				return tghook.NoReply, errBroken
			}
			return tghook.NoReply, nil
		})
		for id := range int64(200) {
			tg.send(t, messageIn(id+1, id+1))
		}
		pass(20 * time.Minute)
		same(t, "dead letters", p.buried(), 0)
		same(t, "pending", tg.Pending(), 0)
		p.end()
	})
}

func TestMaxAttemptsIsAPlainCount(t *testing.T) {
	for name, fail := range map[string]func() error{
		"soft": func() error { return errBroken }, "hopeless": func() error { return refusedWith(403) }, "panic": func() error { panic("broken") },
	} {
		for _, most := range []int{1, 3, 20} {
			t.Run(fmt.Sprint(name, most), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: most}},
						func(context.Context, *tghook.Update) (tghook.Reply, error) { return hello, fail() })
					n, acked := r.offered(messageIn(7, 1), 24*time.Hour)
					same(t, "deliveries", fmt.Sprint(n, acked), fmt.Sprint(most, true))
					r.did(most, 1, 0)
					want := fmt.Sprintf("tghook: given up after %d attempts, by DispatchConfig.MaxAttempts: ", most)
					if err := r.letter(0).err; err == nil || !strings.HasPrefix(err.Error(), want) {
						t.Errorf("the dead letter says %v", err)
					}
				})
			})
		}
	}
}

func TestTheLogOfADeadLetterNamesTheClause(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{InsecureNoSecret: true}
		log := wordy(&cfg.Dispatch)
		w, err := tghook.New(taking(0, hello, refusedWith(403)), cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{tb: t, Webhook: w}
		r.offered(messageIn(7, 1), time.Hour)
		found := log.with("level=ERROR", "tghook: dead letter", "given up after 8 attempts, 8 of which count: "+byItself, "update_id=1", "bot was blocked")
		if len(found) != 1 {
			t.Errorf("the log has %d such lines:\n%s", len(found), log)
		}
	})
}

func TestTheHistoryOfAnUpdateGoesOnInAnotherReplica(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		fail := func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("broken") }
		a, b := newRig(t, replica(shared), fail), newRig(t, replica(shared), fail)
		for i := range 8 {
			r := a
			if i%2 > 0 {
				r = b
			}
			want := "500"
			if i == 7 {
				want = "200"
			}
			same(t, fmt.Sprint("attempt ", i+1), r.post(messageIn(7, 1)), want)
			pass(time.Minute)
		}
		a.did(4, 0, 0)
		b.did(4, 1, 0)
		if err := b.letter(0).err; err == nil || !strings.Contains(err.Error(), "given up after 8 attempts, 8 of which count: "+byItself) {
			t.Errorf("the dead letter says %v", err)
		}
		same(t, "elsewhere", a.post(messageIn(7, 1)), "200")
	})
}

// With a Store an update that fails while others succeed, in another replica too.
func TestAnUpdateThatMayHealIsGivenUpWithAStoreToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		handle := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return hello, errBroken
			}
			return tghook.NoReply, nil
		}
		rigs := []*rig{newRig(t, replica(shared), handle), newRig(t, replica(shared), handle)}
		start, n := time.Now(), 0
		for ; rigs[n%2].post(messageIn(7, 1)) != "200"; n++ {
			if time.Since(start) > time.Hour {
				t.Fatal("it is never given up")
			}
			pass(time.Minute)
			for i, r := range rigs {
				same(t, "another", r.post(messageIn(8, int64(100+2*n+i))), "200")
			}
			pass(time.Minute)
		}
		same(t, "after", time.Since(start), 16*time.Minute)
	})
}

// 100 updates behind one that fails are a full window: it is given up soon.
func TestPollGivesAPoisonUpdateUpSoonWhereItsWindowIsFull(t *testing.T) {
	for name, fail := range map[string]error{"soft": errBroken, "hopeless": refusedWith(403), "asks for an hour": tghook.RetryAfter(time.Hour, errBroken)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				tg := newTelegram(t)
				start := time.Now()
				var attempts, handled []time.Duration
				var mu sync.Mutex
				p := startPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
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
					tg.send(t, messageIn(id+1, id+1))
				}
				pass(5 * time.Minute)
				same(t, "handled", len(handled), 299)
				same(t, "pending", tg.Pending(), 0)
				p.did(299+len(attempts), 1, 0)
				for i := range attempts[1:] {
					if pause := attempts[i+1] - attempts[i]; pause > 1200*time.Millisecond || pause < 900*time.Millisecond {
						t.Errorf("%v between two attempts: %v", pause, attempts)
					}
				}
				if last := handled[len(handled)-1]; last > 15*time.Second || len(attempts) > 10 {
					t.Errorf("others were held up until %v, by attempts at %v", last, attempts)
				}
				p.end()
			})
		})
	}
}

// The window fills up while the update rests for a minute: then it rests no longer.
func TestPollDoesNotLetAnUpdateRestWhenItsWindowFillsUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := newTelegram(t)
		start := time.Now()
		var attempts []time.Duration
		p := startPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				attempts = append(attempts, time.Since(start))
				return tghook.NoReply, errBroken
			}
			return tghook.NoReply, nil
		})
		tg.send(t, messageIn(1, 1))
		pass(70 * time.Second) // it rests until 123 s
		same(t, "attempts", len(attempts), 7)
		for id := range int64(300) {
			tg.send(t, messageIn(id+2, id+2))
		}
		pass(20 * time.Second)
		same(t, "handled", len(p.order())-len(attempts), 300)
		same(t, "pending", tg.Pending(), 0)
		same(t, "dead letters", p.buried(), 1)
		if err := p.letter(0).err; err == nil || !strings.Contains(err.Error(), byWindow) {
			t.Errorf("the dead letter says %v", err)
		}
		p.end()
	})
}

func TestAHandlerThatLateCancelNeverLetsFinishIsGivenUp(t *testing.T) {
	slow := func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID != 1 {
			return tghook.NoReply, nil
		}
		select {
		case <-time.After(12 * time.Second):
			return hello, nil
		case <-ctx.Done():
			return tghook.NoReply, fmt.Errorf("work: %w", context.Cause(ctx))
		}
	}
	for name, cfg := range map[string]tghook.Config{"LateCancel": {Late: tghook.LateCancel}, "Ephemeral": {Ephemeral: true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, cfg, slow)
				start := time.Now()
				same(t, "answer", r.post(messageIn(7, 1)), "503")
				if n, acked := r.offered(messageIn(7, 1), 2*time.Hour); !acked || n > 60 {
					t.Errorf("acknowledged: %v, after %d deliveries", acked, n)
				}
				if took := time.Since(start); took < time.Hour {
					t.Errorf("given up after %v, though nothing else has succeeded", took)
				}
				same(t, "dead letters", r.buried(), 1)
				if err := r.letter(0).err; !errors.Is(err, tghook.ErrLate) || !strings.Contains(err.Error(), "it was given 8s by Config.LateAfter") {
					t.Errorf("the dead letter says %v", err)
				}
			})
		})
		t.Run(name+", while others succeed", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, cfg, slow)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					for id := int64(2); ctx.Err() == nil; id++ {
						r.post(messageIn(8, id))
						time.Sleep(time.Second)
					}
				}()
				start := time.Now()
				_, acked := r.offered(messageIn(7, 1), 2*time.Hour)
				if took := time.Since(start); !acked || took < 15*time.Minute || took > 18*time.Minute {
					t.Errorf("acknowledged: %v, after %v", acked, took)
				}
			})
		})
		t.Run(name+", MaxAttempts", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				cfg := cfg
				cfg.Dispatch.MaxAttempts = 3
				r := newRig(t, cfg, slow)
				n, acked := r.offered(messageIn(7, 1), 2*time.Hour)
				r.did(3, 1, 0)
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
	message, inline := messageIn(7, 1), kindBy(tghook.KindInlineQuery, 7, 1)
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
			inBubble(t, func(t *testing.T) {
				cfg := test.cfg
				log := wordy(&cfg.Dispatch)
				r := newRig(t, cfg, never)
				ctx := t.Context()
				if test.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.within)
					defer cancel()
				}
				same(t, "answer", r.postWith(ctx, test.body), strconv.Itoa(http.StatusServiceUnavailable))
				pass(time.Second)
				if found := log.with("outcome=failed", "attempt=1", "cancelled since it was late: "+test.want); len(found) != 1 {
					t.Errorf("the log has %d such lines:\n%s", len(found), log)
				}
				if found := log.with("outcome=late", test.want); len(found) != 1 {
					t.Errorf("the log has %d lines that say so of the answer:\n%s", len(found), log)
				}
			})
		})
	}
}
