package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestWithoutAResponseCallsPassThrough(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		h := func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.FromThere, lib.Call(ctx, "deleteMessage", "{}"), "the library gets")
			return tghook.NoReply, nil
		}
		tg := rig.NewTelegram(t)
		tg.Send(t, rig.MessageIn(7, 1))
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, h)
		rig.Pass(time.Second)
		p.End()
		assert.Equal(t, []string{"deleteMessage {}"}, api.All(), "calls of the poll")

		r := rig.NewBot(t, rig.LibraryConfig(), h)
		assert.Equal(t, "acknowledged", r.Queued(t.Context(), rig.MessageIn(7, 1)), "delivered")
		assert.Equal(t, []string{"deleteMessage {}", "deleteMessage {}"}, api.All(), "calls")
	})
}

func TestALateHandlersCallsPassThrough(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateAck} {
		inner := func(t *testing.T) {
			api := &rig.BotAPI{}
			lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
			cfg := rig.LibraryConfig()
			cfg.Late = policy
			r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				time.Sleep(9 * time.Second)
				assert.Equal(t, rig.FromThere, lib.Call(ctx, "deleteMessage", "{}"), "the library gets")
				return tghook.NoReply, nil
			})
			assert.Contains(t, []string{"503 after 2", "200"}, r.Post(rig.MessageIn(7, 1)), "answer")
			rig.Pass(2 * time.Second)
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			assert.Equal(t, []string{"deleteMessage {}"}, api.All(), "calls")
		}
		t.Run(fmt.Sprint(policy), func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

// What is held when the delivery is answered without it does not wait any longer.
func TestTheDeadlineSendsWhatIsHeld(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateAck} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				api := &rig.BotAPI{}
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := rig.LibraryConfig()
				cfg.Late = policy
				r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), "the library gets")
					time.Sleep(time.Minute)
					return tghook.NoReply, nil
				})
				r.Send(rig.MessageIn(7, 1))
				rig.Pass(8*time.Second - 1)
				assert.Nil(t, api.All(), "calls before")
				rig.Pass(1)
				assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls at the deadline")
				rig.Pass(time.Hour)
				assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
				assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
			})
		})
	}
}

// LateCancel has the update run again: what the first run said is not to be said.
func TestLateCancelSendsNothingThatIsHeld(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const calls = 20
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.Late = tghook.LateCancel
		var runs atomic.Int32
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), "the library gets")
			if runs.Add(1) > 1 {
				return tghook.NoReply, nil
			}
			<-ctx.Done()
			time.Sleep(time.Second)
			for range calls {
				assert.True(t, strings.HasSuffix(lib.Call(ctx, "deleteMessage", "{}"), tghook.ErrLate.Error()))
			}
			return tghook.NoReply, ctx.Err()
		})
		api.Do = func(req *http.Request) (*http.Response, error) { return nil, context.Cause(req.Context()) }
		assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "answer")
		rig.Pass(2 * time.Second)
		assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		assert.Equal(t, slices.Repeat([]string{"deleteMessage {}"}, calls), api.All(), "calls")
	})
}

// A redelivery that waits can carry what is called from then on.
func TestARedeliveryCarriesWhatIsCalledAfterIt(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), "the library gets")
			return tghook.NoReply, nil
		})
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "answer")
		rig.Pass(2 * time.Second)
		assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		assert.Nil(t, api.All(), "calls")
	})
}

// The deadline finds one call leaving and another behind it. When that is held, the
// redelivery has come, and carries it.
func TestARedeliveryCarriesWhatWasOnItsWayAtTheDeadline(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return rig.APIAnswer(200, rig.APIOK), nil
		}}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(6 * time.Second)
			_, err := rig.Calling(t, lib, nil, rig.Pressed, rig.Deleted)(ctx, u)
			time.Sleep(2 * time.Second)
			return tghook.NoReply, err
		})
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "answer")
		rig.Pass(2 * time.Second)
		assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
	})
}

// hangingUp is a handler that calls, and then loses the sender of its update.
func hangingUp(lib rig.Library, hangUp func()) tghook.HandlerFunc {
	return func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		hangUp()
		time.Sleep(time.Second)
		return tghook.NoReply, nil
	}
}

// A held call that nobody is there to carry waits for a redelivery, as a Reply
// does, and then is made by Base, with a Caller or without.
func TestAHeldCallThatNothingCarriesIsMadeOnce(t *testing.T) {
	for name, caller := range map[string]tghook.Caller{"without a Caller": nil, "with a Caller": &rig.Caller{}} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				api := &rig.BotAPI{}
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := rig.LibraryConfig()
				cfg.Dispatch.Caller = caller
				ctx, hangUp := context.WithCancel(t.Context())
				r := rig.NewBot(t, cfg, hangingUp(lib, hangUp))
				assert.Equal(t, "503 after 2", rig.MustWait(r.SendWith(ctx, rig.MessageIn(7, 1))), "answer")
				rig.Pass(11*time.Second - 1) // the handler takes one, and then ten pass
				assert.Nil(t, api.All(), "calls before")
				rig.Pass(1)
				assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
				assert.Equal(t, tghook.OutcomeReplied, r.Last().Outcome, "outcome")
				assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
				if caller != nil {
					assert.Nil(t, caller.(*rig.Caller).All(), "calls by Caller")
				}
			})
		})
	}
}

func TestAHeldCallThatNothingHasCarriedRidesTheRedelivery(t *testing.T) {
	for name, queue := range map[string]bool{"by webhook": false, "from a queue": true} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				api := &rig.BotAPI{}
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
				ctx, hangUp := context.WithCancel(t.Context())
				r := rig.NewBot(t, rig.LibraryConfig(), hangingUp(lib, hangUp))
				assert.Equal(t, "503 after 2", rig.MustWait(r.SendWith(ctx, rig.MessageIn(7, 1))), "answer")
				rig.Pass(time.Second)
				if queue { // which carries nothing
					assert.Equal(t, "acknowledged", r.Queued(t.Context(), rig.MessageIn(7, 1)), "from a queue")
					assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
				} else {
					assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
					assert.Nil(t, api.All(), "calls")
				}
				calls := len(api.All())
				rig.Pass(time.Minute)
				assert.Len(t, api.All(), calls, "calls")
			})
		})
	}
}

// The deadline meets a held call at the same moment, three thousand times.
func TestAHeldCallRidesOrIsMadeNeverBoth(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				const updates = 3000
				api := &rig.BotAPI{}
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
				cfg := rig.LibraryConfig()
				cfg.Late, cfg.Dispatch.MaxInFlight = policy, updates
				cfg.Dispatch.Caller = &rig.Caller{}
				r := rig.NewBot(t, cfg, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					lib.Call(context.WithoutCancel(ctx), "sendMessage", `{"chat_id":7,"text":"hello"}`)
					time.Sleep(8*time.Second + time.Duration(u.ID%3-1))
					return tghook.NoReply, nil
				})
				rig.Race(t, r, updates, updates)
				rig.Pass(time.Minute)
				assert.Equal(t, updates, r.Rode+len(api.All()), "rode or called")
				assert.Empty(t, r.API.All(), "by Caller")
				assert.Len(t, r.Order(), updates, "runs")
				assert.Equal(t, tghook.Stats{Remembered: updates}, r.Stats(), "stats")
			})
		})
	}
}

// The same on a real clock, with a call before it that is made in any case.
func TestHeldCallsRaceTheDeadline(t *testing.T) {
	t.Parallel()
	const updates = 2000
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
	cfg := rig.LibraryConfig()
	cfg.LateAfter = time.Millisecond
	r := rig.NewBot(t, cfg, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "deleteMessage", fmt.Sprintf(`{"message_id":%d}`, u.ID))
		<-time.After(time.Duration(u.ID%20) * 100 * time.Microsecond)
		lib.Call(ctx, "sendMessage", `{"chat_id":7,"text":"hello"}`)
		return tghook.NoReply, nil
	})
	rig.Race(t, r, updates, 100)
	deletions, messages := 0, 0
	for _, call := range api.All() {
		if strings.HasPrefix(call, "deleteMessage ") {
			deletions++
		} else {
			messages++
		}
	}
	assert.Equal(t, updates, deletions, "deletions")
	assert.Equal(t, updates, r.Rode+messages, "messages that rode or were called")
}

func TestWhatAHandlerLeavesBehindPassesThrough(t *testing.T) {
	t.Parallel()
	for _, before := range [][]string{nil, {rig.Pressed}} {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		go1, done := make(chan struct{}), make(chan string)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			go func() {
				<-go1
				done <- lib.Call(context.WithoutCancel(ctx), "deleteMessage", "{}")
			}()
			return rig.Calling(t, lib, nil, before...)(ctx, u)
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1))[:3], "answer")
		close(go1)
		assert.Equal(t, rig.FromThere, <-done, "the library gets")
		assert.Equal(t, []string{"deleteMessage {}"}, api.All(), "calls")
	}
}

// The ctx of a handler ends with it. Of a goroutine that uses it then, nobody but
// this error tells what is wrong.
func TestACallAfterTheHandlerHasReturnedSaysWhyItFails(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	client := rig.Transport(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }).Client(t, tghook.ClientConfig{})
	for name, call := range map[string]func(ctx context.Context) error{
		"by a library": func(ctx context.Context) error {
			_, err := lib.Post(ctx, "deleteMessage", "application/json", strings.NewReader("{}"))
			return err
		},
		"with a ctx that is derived": func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := lib.Post(ctx, "sendMessage", "application/json", strings.NewReader("{}"))
			return err
		},
		"by a Client": func(ctx context.Context) error { return client.Call(ctx, "deleteMessage", nil, nil) },
	} {
		for _, bot := range []int64{rig.APIBot, 0} {
			if bot == 0 && name != "by a Client" {
				continue // a mistake that is told as such
			}
			returned, failed := make(chan struct{}), make(chan error, 1)
			logger, logged := rig.Logger()
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: bot, Logger: logger}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				go func() {
					<-returned
					failed <- call(ctx)
				}()
				return tghook.NoReply, nil
			})
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
			close(returned)
			err := <-failed
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the handler has returned") || !strings.Contains(err.Error(), "context.WithoutCancel(ctx)") {
				t.Errorf("%s: %v", name, err)
			}
			told := logged.With("is lost", "update_id=1", "the handler has returned", "level=ERROR")
			assert.Equal(t, name != "by a Client", len(told) == 1, "%s: the log says %v", name, told)
		}
	}
	assert.Nil(t, api.All(), "calls")
}

// Calls of many goroutines: each is made once, and one of them rides, behind all
// others.
func TestConcurrentCallsAreMadeOnceEachAndTheLastRides(t *testing.T) {
	t.Parallel()
	const calls = 100
	var underway, overlapped atomic.Int32
	api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) {
		if underway.Add(1) > 1 {
			overlapped.Add(1)
		}
		runtime.Gosched()
		underway.Add(-1)
		return rig.APIAnswer(200, rig.APIOK), nil
	}}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := rig.LibraryConfig()
	cfg.LateAfter = -1
	r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", fmt.Sprintf(`{"message_id":%d}`, i)), "the library gets")
			})
		}
		wg.Wait()
		return tghook.NoReply, nil
	})
	rode := r.Post(rig.MessageIn(7, 1))
	all := append(api.All(), "deleteMessage "+strings.TrimPrefix(rode, "200 application/json "))
	slices.Sort(all)
	assert.Len(t, slices.Compact(all), calls, "different calls")
	assert.Equal(t, int32(0), overlapped.Load(), "overlapping")
}

// Calls wait for the held one that leaves before them, and not for each other.
func TestCallsWaitForTheHeldOneAlone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{}
		api.Do = func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return rig.APIAnswer(200, rig.APIOK), nil
		}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			start := time.Now()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { lib.Call(ctx, "sendMessage", "{}") })
			}
			impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			time.Sleep(1 * time.Millisecond) // one of the others sends the held one
			lib.Call(impatient, "getMe", "{}")
			assert.Equal(t, 1100*time.Millisecond, time.Since(start), "the impatient one took")
			wg.Wait()
			assert.Equal(t, 2*time.Second, time.Since(start), "took")
			return tghook.NoReply, nil
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		calls := api.All()
		assert.Equal(t, rig.PressedCall, calls[0], "first")
		assert.Len(t, calls, 5, "calls")
	})
}

// A call whose ctx ends does not wait until the held one, which hangs, is given up.
func TestACallWaitsForTheHeldOneNoLongerThanItsContext(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{Do: func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			start := time.Now()
			impatient := rig.Library{Client: &http.Client{Transport: lib.Transport, Timeout: time.Second}, Base: lib.Base}
			_, err := impatient.Post(ctx, "deleteMessage", "application/json", strings.NewReader("{}"))
			require.ErrorIs(t, err, context.DeadlineExceeded, "it is the client's timeout")
			assert.Equal(t, time.Second, time.Since(start), "took")
			return tghook.NoReply, nil
		})
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, "503 after 2", got, "answer") // the end of a handler does wait
		assert.Equal(t, 8*time.Second, took, "took")
		rig.Pass(time.Minute)
		assert.Equal(t, []string{rig.PressedCall, "deleteMessage {}"}, api.All(), "calls")
		assert.Equal(t, "late/1/503/late call_lost/1/0 handled/1/0/late", r.Outcomes(), "outcomes")
	})
}

// Many libraries end the ctx of each call when they have its answer.
func TestACallStaysHeldWhenItsOwnContextEnds(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		lib.Timeout = 100 * time.Millisecond
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			for _, call := range []string{rig.Pressed, rig.Deleted} {
				own, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				_, _ = rig.Calling(t, lib, nil, call)(own, u)
				time.Sleep(time.Second)
				cancel()
			}
			return tghook.NoReply, nil
		})
		assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
	})
}

// The library has been told that the call succeeded: what became of it is
// Observe's to hear.
func TestAHeldCallThatFailsIsObserved(t *testing.T) {
	for name, do := range map[string]func(*http.Request) (*http.Response, error){
		"refused": func(*http.Request) (*http.Response, error) {
			return rig.APIAnswer(400, `{"ok":false,"error_code":400,"description":"Bad Request: query is too old"}`), nil
		},
		"network": func(r *http.Request) (*http.Response, error) {
			return nil, &tellingError{r.URL.String(), rig.ErrBroken}
		},
		"panic": func(*http.Request) (*http.Response, error) { panic(rig.ErrBroken) },
		"exit":  func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"redirected": func(*http.Request) (*http.Response, error) { // followed, it would hand the token on
			res := rig.APIAnswer(307, "")
			res.Header.Set("Location", "https://elsewhere.test/")
			return res, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				api := &rig.BotAPI{Do: do}
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := rig.LibraryConfig()
				cfg.LateAfter = -1
				r := rig.NewBot(t, cfg, rig.Calling(t, lib, nil, rig.Pressed, rig.Deleted))
				assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
				assert.Equal(t, "call_lost/1/0 replied/1/200/rode", r.Outcomes(), "outcomes")
				lost := r.Deliveries[0]
				assert.Equal(t, int64(1), lost.Update.ID, "update")
				calls := api.All()
				if again := len(calls) > 1; again != (name == "network") { // within 15 s of a press
					t.Errorf("%d calls", len(calls))
				}
				assert.Equal(t, []string{rig.PressedCall}, slices.Compact(calls), "calls")
				rig.KeepsToken(t, lost.Err)
				var refused *tghook.APIError
				if !errors.As(lost.Err, &refused) && !errors.Is(lost.Err, rig.ErrBroken) && name != "exit" {
					t.Errorf("%v is not what went wrong", lost.Err)
				}
			})
		})
	}
}

// A Base that ends its goroutine fails the call that it makes, as one that panics.
func TestABaseThatEndsItsGoroutineFailsItsCallAlone(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		return rig.Hello, nil // behind the call
	})
	assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
	assert.Equal(t, "call_lost/1/0 replied/1/200/rode duplicate/0/200/rode", r.Outcomes(), "outcomes")
}

// A bot whose library ignores errors would be mute, and nobody would know why.
func TestAForgottenBotIsLoggedOnce(t *testing.T) {
	t.Parallel()
	logged := new(rig.Log)
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
	cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Logger: slog.New(slog.NewTextHandler(logged, nil))}}
	r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "deleteMessage", "{}")
		return tghook.NoReply, nil
	})
	for id := range int64(3) {
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, id+1)), "answer")
	}
	assert.Equal(t, 1, strings.Count(logged.String(), "DispatchConfig.Bot"), "lines that name the field")
}

// A transport whose Base is another one of the same bot's holds the call twice, and
// makes it once.
func TestAReplyTransportOnAnotherDoesNotWaitForItself(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	beneath := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, beneath.Transport)
	r := rig.NewBot(t, rig.LibraryConfig(), rig.Calling(t, lib, nil, rig.Pressed, rig.Deleted))
	assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
}

func TestAnotherProcessGivesTheHeldCallAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		store := rig.NewStore()
		cfg := rig.Replica(store)
		api := &rig.BotAPI{}
		cfg.Dispatch = rig.ForBot(cfg.Dispatch)
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		here, there := rig.NewBot(t, cfg, rig.Calling(t, lib, nil, rig.Pressed)), rig.NewBot(t, cfg, rig.Calling(t, lib, nil, rig.Pressed))
		assert.Equal(t, rig.PressedAnswer, here.Post(rig.MessageIn(7, 1)), "here")
		assert.Equal(t, rig.PressedAnswer, there.Post(rig.MessageIn(7, 1)), "there")
		assert.Nil(t, api.All(), "calls")
		there.Did(rig.Counts{})
	})
}

// With a Store, and no Caller, a Reply that nothing carries waits there. A held call
// need not: it can be made.
func TestAHeldCallThatNothingCarriesDoesNotWaitInTheStore(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := rig.Replica(rig.NewStore())
		cfg.Dispatch = rig.ForBot(cfg.Dispatch)
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		ctx, hangUp := context.WithCancel(t.Context())
		r := rig.NewBot(t, cfg, hangingUp(lib, hangUp))
		assert.Equal(t, "503 after 2", rig.MustWait(r.SendWith(ctx, rig.MessageIn(7, 1))), "answer")
		rig.Pass(time.Minute)
		assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
	})
}

func TestALostClaimDiscardsWhatIsHeld(t *testing.T) {
	for _, reply := range []tghook.Reply{tghook.NoReply, rig.Hello} {
		t.Run(reply.Method, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				store := rig.NewStore()
				cfg := rig.Replica(store)
				cfg.LateAfter = -1
				api := &rig.BotAPI{}
				cfg.Dispatch = rig.ForBot(cfg.Dispatch)
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
				r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", "{}"), "the library gets")
					store.Steal()
					<-ctx.Done()
					return reply, nil
				})
				assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "answer")
				rig.Pass(time.Minute)
				assert.Nil(t, api.All(), "calls")
			})
		})
	}
}

func TestALibraryThatTakesNoContextGetsAClientThatHasIt(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	transport := &tghook.ReplyTransport{}
	lib := rig.NewLibrary(t, transport, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		bound := rig.Library{Client: transport.With(ctx), Base: lib.Base}
		return rig.Calling(t, bound, nil, rig.Pressed)(context.Background(), u)
	})
	assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Nil(t, api.All(), "calls")
}

func TestWithoutABaseTheDefaultTransportMakesTheCalls(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"ok":true,"result":"`+strings.TrimPrefix(r.URL.Path, "/bot"+rig.APIToken)+`"}`)
	}))
	defer server.Close()
	client := rig.NewClient(t, tghook.ClientConfig{BaseURL: server.URL + "/"})
	lib := rig.Library{Client: &http.Client{Transport: &tghook.ReplyTransport{Client: client}}, Base: server.URL + "/bot" + rig.APIToken + "/"}
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", "{}"), "the library gets")
		assert.Equal(t, `{"ok":true,"result":"/sendMessage"}`, lib.Call(ctx, "sendMessage", "{}"), "the library gets")
		return tghook.NoReply, nil
	})
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, "handled/1/200", r.Outcomes(), "outcomes")
}

// A body that is still on its way when the deadline passes comes too late to ride.
func TestACallThatIsReadyOnlyAfterTheDeadlinePassesThrough(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(7500 * time.Millisecond)
			got, err := lib.Post(ctx, "deleteMessage", "application/json", &rig.SlowReader{Reader: strings.NewReader("{}")})
			assert.Equal(t, rig.FromThere, got, "the library gets")
			return tghook.NoReply, err
		})
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "answer")
		rig.Pass(3 * time.Second)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
		assert.Equal(t, []string{"deleteMessage {}"}, api.All(), "calls")
	})
}

// A goroutine that a handler has left behind calls while the handler's end is dealt
// with: its call is made, not kept for a response that has been decided on.
func TestACallThatMeetsTheEndOfTheHandlerIsNotLost(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		second := func() { time.Sleep(time.Second) }
		api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) {
			second()
			return rig.APIAnswer(200, rig.FromThere), nil
		}}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.Dispatch.Caller = &rig.Caller{Do: func(context.Context, string) error { second(); return nil }}
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			time.AfterFunc(500*time.Millisecond, func() { lib.Call(context.WithoutCancel(ctx), "deleteMessage", "{}") })
			return tghook.Reply{Method: "getMe"}, nil // behind the held call, for a second each
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		rig.Pass(time.Minute)
		assert.Equal(t, []string{rig.PressedCall, "deleteMessage {}"}, api.All(), "calls")
		r.Did(rig.Counts{Runs: 1, Calls: 1})
	})
}

func TestDoReturnsTheFilesOfTheHeldCall(t *testing.T) {
	t.Parallel()
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": []byte("a file")})
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
	c := rig.NewDispatcher(t, rig.ForBot(tghook.DispatchConfig{}), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, setPhoto(ctx, lib, contentType, body)
	})
	reply, err := c.Do(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1)))
	require.NoError(t, err, "error")
	assert.Equal(t, "setChatPhoto", reply.Method, "method")
	params := reply.Params.(map[string]any)
	assert.Equal(t, any("7"), params["chat_id"], "chat_id")
	file := params["photo"].(tghook.File)
	content, err := io.ReadAll(file.Body)
	require.NoError(t, err, "error")
	assert.Equal(t, "photo.bin: a file", file.Name+": "+string(content), "file")
}

// A call that hangs is given up, so that the handler's end is not held up for ever.
func TestAHeldCallThatHangsIsGivenUp(t *testing.T) {
	for name, stop := range map[string]bool{"after fifteen seconds": false, "when the dispatcher is stopped": true} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				api := &rig.BotAPI{Do: func(req *http.Request) (*http.Response, error) {
					<-req.Context().Done()
					return nil, req.Context().Err()
				}}
				lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := rig.LibraryConfig()
				cfg.LateAfter = -1
				r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
					return rig.Hello, nil
				})
				p := r.Send(rig.MessageIn(7, 1))
				want := 15 * time.Second
				if stop {
					want = 3 * time.Second
					ctx, cancel := context.WithTimeout(t.Context(), want)
					defer cancel()
					go func() { _ = r.Shutdown(ctx) }()
				}
				got, took := p.Wait()
				assert.Equal(t, rig.HelloAnswer, got, "answer")
				assert.Equal(t, want, took, "took")
				assert.Equal(t, "call_lost/1/0 replied/1/200/rode", r.Outcomes(), "outcomes")
			})
		})
	}
}

// A handler may need the message that it has sent.
func TestACallWithResultIsMadeAtOnceAndInItsPlace(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`))
		assert.Equal(t, rig.FromThere, lib.Call(tghook.WithResult(ctx), "sendMessage", `{"chat_id":7,"text":"hello"}`))
		assert.Len(t, api.All(), 2, "calls so far")
		assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", `{"chat_id":7,"message_id":1}`))
		return tghook.NoReply, nil
	})
	assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)))
	assert.Equal(t, []string{rig.PressedCall, `sendMessage {"chat_id":7,"text":"hello"}`}, api.All())
}
