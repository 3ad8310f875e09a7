package tghook_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

func TestPollRunsLanesInParallelInOrderAndConfirmsWhatIsHandled(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var mu sync.Mutex
		order := map[int64][]int64{}
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			order[u.ChatID] = append(order[u.ChatID], u.ID)
			return rig.Hello, nil
		})
		for id := range int64(90) {
			tg.Send(t, rig.MessageIn(1+id%30, 1+id))
		}
		start := time.Now()
		for tg.Pending() > 0 {
			rig.Pass(100 * time.Millisecond)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("three updates of a second in each of 30 chats took %v", took)
		}
		for chat, ids := range order {
			if !slices.IsSorted(ids) || len(ids) != 3 {
				t.Errorf("chat %d: %v", chat, ids)
			}
		}
		p.End()
		assert.Len(t, tg.Calls("sendMessage"), 90, "replies by API call")
	})
}

// slowOnly is a handler that takes a minute for update id, and no time for all others.
func slowOnly(id int64) tghook.HandlerFunc {
	return func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == id {
			time.Sleep(time.Minute)
		}
		return tghook.NoReply, nil
	}
}

func TestPollGoesOnWhileOneChatTakesAMinute(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, slowOnly(1))
		for id := range int64(150) {
			tg.Send(t, rig.MessageIn(1+id, 1+id))
		}
		rig.Pass(59 * time.Second)
		assert.Len(t, p.Order(), 100, "runs meanwhile")
		if n := tg.Polls(); n > 5 { // then the window is full
			t.Errorf("getUpdates was called %d times with a full window", n)
		}
		rig.Pass(3 * time.Second)
		assert.Len(t, p.Order(), 150, "runs in the end")
		p.End()
		assert.Equal(t, 0, tg.Pending(), "pending")
	})
}

func TestPollRetriesInTheLaneAndBuriesAfterEightPanics(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2))
		var starts []time.Duration
		begin := time.Now()
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxAttempts: 8}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				starts = append(starts, time.Since(begin))
				panic(rig.ErrBroken)
			}
			return tghook.NoReply, nil
		})
		rig.Pass(3 * time.Minute)
		assert.Equal(t, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second, 63 * time.Second, 123 * time.Second}, starts, "starts")
		assert.Equal(t, []int64{1, 1, 1, 1, 1, 1, 1, 1, 2}, p.Order(), "order")
		p.Did(rig.Counts{Runs: 9, Letters: 1})
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}

func TestPollBuriesWhatHasNoKindAndGoesOn(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Send(t, rig.MessageIn(7, 2))
		tg.Instead = func(method string, n int) *http.Response {
			if method == "getUpdates" && n == 0 {
				return rig.APIAnswer(200, `{"ok":true,"result":[{"update_id":1},`+rig.MessageIn(7, 2)+`]}`)
			}
			return nil
		}
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
		rig.Pass(time.Minute)
		p.Did(rig.Counts{Runs: 1, Letters: 1})
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}

func TestPollBuriesWhatIsNoUpdateOnceAndDoesNotSpin(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Instead = func(method string, _ int) *http.Response {
			if method == "getUpdates" {
				return rig.APIAnswer(200, `{"ok":true,"result":[{"message":{}}]}`)
			}
			return nil
		}
		var errs []error
		p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(_ context.Context, err error) { errs = append(errs, err) }}, rig.Nothing)
		rig.Pass(10 * time.Minute)
		p.Did(rig.Counts{Letters: 1})
		if n := tg.Polls(); n > 20 || len(errs) == 0 {
			t.Errorf("getUpdates was called %d times in ten minutes, OnError %d times", n, len(errs))
		}
		p.End()
	})
}

func TestPollRefusesToStartBesideAWebhookUnlessTold(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		hook := tghook.WebhookRequest{URL: "https://bot.example.org/x", MaxConnections: 7}
		tg.Set(t, hook)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
		if err := <-p.Done; !errors.Is(err, tghook.ErrWebhookSet) || !strings.Contains(err.Error(), hook.URL) {
			t.Errorf("Poll returned %v", err)
		}
		assert.Empty(t, tg.Calls("deleteWebhook"), "webhooks deleted")

		p = rig.StartPoll(t, tg, tghook.PollConfig{TakeOver: true, PutBackSecret: "the-secret", AllowedUpdates: []string{"message"}}, rig.Nothing)
		rig.Pass(time.Second)
		assert.Len(t, tg.Calls("deleteWebhook"), 1, "webhooks deleted")
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		p.End()
		assert.Equal(t, []int64{1}, p.Order(), "runs")
		assert.Equal(t, "the-secret", tg.Calls("setWebhook")[1].Params["secret_token"], "secret put back")
		info, err := tg.Client(t, tghook.ClientConfig{}).GetWebhookInfo(t.Context())
		require.NoError(t, err, "error")
		assert.Equal(t, tghook.WebhookInfo{URL: hook.URL, MaxConnections: 7, IPAddress: info.IPAddress}, info, "put back") // all kinds, as it was
	})
}

func TestPollDeletesNothingThatItCannotPutBack(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Set(t, tghook.WebhookRequest{URL: "https://bot.example.org/x", Certificate: certified(t, nil, named("bot.example.org")).pem})
		p := rig.StartPoll(t, tg, tghook.PollConfig{TakeOver: true, PutBackSecret: "the-secret"}, rig.Nothing)
		var mistake *tghook.ConfigError
		if err := <-p.Done; !errors.As(err, &mistake) || mistake.Field != "PollConfig.PutBackCertificate" {
			t.Errorf("Poll returned %v", err)
		}
		assert.Empty(t, tg.Calls("deleteWebhook"), "webhooks deleted")
	})
}

// The webhook had an address of its own, of which Telegram does not tell that it was given.
func TestPollTellsThatItCouldNotPutTheWebhookBack(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Set(t, tghook.WebhookRequest{URL: "https://unknown.example.org/x", IPAddress: "149.154.167.220"})
		p := rig.StartPoll(t, tg, tghook.PollConfig{TakeOver: true, PutBackSecret: "the-secret"}, rig.Nothing)
		rig.Pass(time.Second)
		p.Stop()
		var refused *tghook.APIError
		if err := <-p.Done; !errors.As(err, &refused) || !strings.Contains(refused.Description, "Failed to resolve host") {
			t.Errorf("Poll returned %v", err)
		}
	})
}

func TestPollDropsWhatIsPending(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Send(t, rig.MessageIn(7, 1))
		p := rig.StartPoll(t, tg, tghook.PollConfig{DropPending: true}, rig.Nothing)
		rig.Pass(time.Second)
		tg.Send(t, rig.MessageIn(7, 2))
		rig.Pass(time.Second)
		assert.Equal(t, []int64{2}, p.Order(), "runs")
		p.End()
	})
}

func TestPollTellsConflictsApartAndRecovers(t *testing.T) {
	for name, c := range map[string]struct {
		want     error
		conflict func(t *testing.T, tg *rig.Telegram) // for a while
	}{
		"a webhook": {tghook.ErrWebhookSet, func(t *testing.T, tg *rig.Telegram) {
			tg.Set(t, tghook.WebhookRequest{URL: "https://bot.example.org/x"})
			rig.Pass(20 * time.Second)
			assert.NoError(t, tg.Client(t, tghook.ClientConfig{}).DeleteWebhook(t.Context(), false))
		}},
		"another poller": {tghook.ErrOtherPoller, func(t *testing.T, tg *rig.Telegram) {
			other := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(context.Context, error) {}}, rig.Nothing)
			rig.Pass(20 * time.Second)
			other.End()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				tg := rig.NewTelegram(t)
				var errs []error
				var at []time.Time
				p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(_ context.Context, err error) {
					errs, at = append(errs, err), append(at, time.Now())
				}}, rig.Nothing)
				rig.Pass(time.Second)
				c.conflict(t, tg)
				n := len(errs)
				tg.Send(t, rig.MessageIn(7, 1))
				rig.Pass(time.Minute)
				assert.Equal(t, []int64{1}, p.Order(), "runs")
				if n < 2 || n > 7 || len(errs) > n+1 { // once in three seconds, and less often then
					t.Errorf("%d errors in 20 s, then %d", n, len(errs)-n)
				}
				for i, err := range errs {
					var refused *tghook.APIError
					if !errors.Is(err, c.want) || !errors.As(err, &refused) || refused.Code != 409 {
						t.Errorf("got %v, want %v", err, c.want)
					}
					if i > 0 && at[i].Sub(at[i-1]) < 3*time.Second {
						t.Errorf("asked again after %v", at[i].Sub(at[i-1]))
					}
				}
				p.End()
			})
		})
	}
}

func TestPollWaitsAsLongAs429SaysAndBacksOffFrom5xx(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.FailCalls(1, tghooktest.CallError{RetryAfter: 17 * time.Second}, "getUpdates")
		tg.FailCalls(12, tghooktest.CallError{Code: 502}, "getUpdates")
		tg.Send(t, rig.MessageIn(7, 1))
		var errs int
		p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(context.Context, error) { errs++ }}, rig.Nothing)
		rig.Pass(20 * time.Minute)
		calls := tg.Calls("getUpdates")
		if d := calls[1].At.Sub(calls[0].At); d != 17*time.Second {
			t.Errorf("after 429 it waited %v, want 17 s", d)
		}
		for i := 2; i <= 12; i++ {
			wait := calls[i].At.Sub(calls[i-1].At)
			nominal := min(time.Second<<min(i-1, 10), time.Minute)
			if wait < nominal*3/4 || wait > nominal*5/4 {
				t.Errorf("wait %d is %v, want %v give or take a quarter", i, wait, nominal)
			}
		}
		assert.Equal(t, []int64{1}, p.Order(), "runs")
		assert.Equal(t, 13, errs, "errors")
		p.End()
	})
}

func TestPollTellsTelegramWhichKindsItsHandlerWants(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for _, c := range []struct {
			configured []string
			want       string
		}{
			{nil, `["chat_member","message"]`}, {[]string{}, `[]`}, {[]string{"poll"}, `["poll"]`},
		} {
			tg := rig.NewTelegram(t)
			kinds := tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(rig.Nothing), tghook.KindChatMember: tghook.HandlerFunc(rig.Nothing)}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- tghook.Poll(ctx, tg.Client(t, tghook.ClientConfig{}), tghook.Chain(kinds), tghook.PollConfig{AllowedUpdates: c.configured})
			}()
			rig.Pass(time.Second)
			cancel()
			require.NoError(t, <-done)
			rig.Pass(time.Minute) // the call waits still
			assert.Equal(t, c.want, tg.Calls("getUpdates")[0].Params["allowed_updates"], "allowed_updates")
		}
	})
}

func TestPollKeepsTheOrderWhileTheStoreIsDown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		store := &downStore{until: time.Now().Add(20 * time.Second)}
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Store: store}}, rig.Nothing)
		tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2), rig.MessageIn(7, 3))
		rig.Pass(time.Minute)
		assert.Equal(t, []int64{1, 2, 3}, p.Sorted(), "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}

// downStore cannot be reached for a while, and then grants everything.
type downStore struct{ until time.Time }

func (s *downStore) Claim(context.Context, tghook.Claim, time.Duration, time.Duration) (tghook.ClaimResult, error) {
	if time.Now().Before(s.until) {
		return tghook.ClaimResult{}, rig.ErrBroken
	}
	return tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}, nil
}

func (*downStore) Renew(context.Context, tghook.Claim, time.Duration) error { return nil }

func (*downStore) Done(context.Context, tghook.Claim, []byte) error { return nil }

func (*downStore) Fail(context.Context, tghook.Claim, []byte) error { return nil }

func (*downStore) Release(context.Context, tghook.Claim) error { return nil }

func TestPollBuriesWhatLaneCannotPlace(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Lane: func(u *tghook.Update) string {
			if u.ID == 1 {
				panic("no lane")
			}
			return ""
		}}}, rig.Nothing)
		tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2))
		rig.Pass(time.Second)
		p.Did(rig.Counts{Runs: 1, Letters: 1})
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}

func TestPollTakesNoMoreThanMaxInFlight(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var running, most int
		var mu sync.Mutex
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxInFlight: 3}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return tghook.NoReply, nil
		})
		for id := range int64(20) {
			tg.Send(t, rig.MessageIn(id, id+1))
		}
		rig.Pass(time.Minute)
		assert.Equal(t, 3, most, "most at once")
		assert.Len(t, p.Order(), 20, "runs")
		p.End()
	})
}

func TestPollOffersADeadLetterUntilItIsAccepted(t *testing.T) {
	refusals := map[string]func() error{
		"an error": func() error { return rig.ErrBroken },
		"a panic":  func() error { panic("no") },
		"Goexit":   func() error { runtime.Goexit(); return nil },
	}
	bodies := map[string]string{"no kind": `{"update_id":1}`, "a failure": rig.MessageIn(7, 1), "no lane": rig.MessageIn(13, 1)}
	for name, refuse := range refusals {
		for what, body := range bodies {
			inner := func(t *testing.T) {
				tg := rig.NewTelegram(t)
				updates, want := []string{body, rig.MessageIn(7, 2)}, []int64{1, 2}
				if what == "no kind" { // Telegram has none of these
					updates, want = updates[1:], want[1:]
					tg.Instead = func(method string, n int) *http.Response {
						if method == "getUpdates" && n == 0 {
							return rig.APIAnswer(200, `{"ok":true,"result":[`+body+`]}`)
						}
						return nil
					}
				}
				tg.Send(t, updates...)
				var at []time.Duration
				begin := time.Now()
				p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{
					Lane: func(u *tghook.Update) string {
						if u.ChatID == 13 {
							panic("no lane")
						}
						return "all"
					},
					DeadLetter: func(context.Context, *tghook.Update, error) error {
						if at = append(at, time.Since(begin)); len(at) < 4 {
							return refuse()
						}
						return nil
					},
				}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					if u.ID == 1 {
						return tghook.NoReply, tghook.Drop(rig.ErrBroken)
					}
					return tghook.NoReply, nil
				})
				rig.Pass(6 * time.Second)
				assert.Equal(t, want, tg.PendingIDs(), "pending")
				rig.Pass(2 * time.Second)
				assert.Equal(t, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second}, at, "dead letters")
				assert.Equal(t, int64(2), p.Order()[len(p.Order())-1], "the last run")
				assert.Equal(t, 0, tg.Pending(), "pending")
				p.End()
			}
			t.Run(name+"/"+what, func(t *testing.T) { rig.Bubble(t, inner) })
		}
	}
}

// Nobody waits for the answer to a query that is over: the user's next one is not
// to wait for that.
func TestPollGivesUpOnWhatTelegramWouldNotDeliverAgain(t *testing.T) {
	const s = time.Second
	for kind, want := range map[tghook.Kind][]time.Duration{
		tghook.KindInlineQuery:   {0, 1 * s, 3 * s, 7 * s, 15 * s},
		tghook.KindCallbackQuery: {0, 1 * s, 3 * s, 7 * s, 15 * s, 31 * s, 63 * s, 123 * s},
		tghook.KindMessage:       {0, 1 * s, 3 * s, 7 * s, 15 * s, 31 * s, 63 * s, 123 * s, 183 * s, 243 * s, 303 * s, 363 * s},
	} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Send(t, rig.KindBy(kind, 7, 1), rig.KindBy(kind, 7, 2))
			var starts []time.Duration
			begin := time.Now()
			p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxAttempts: 12}},
				func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					if u.ID == 1 {
						starts = append(starts, time.Since(begin))
						return tghook.NoReply, rig.ErrBroken
					}
					return tghook.NoReply, nil
				})
			rig.Pass(want[len(want)-1] + time.Second)
			assert.Equal(t, want, starts, "starts")
			assert.Equal(t, int64(2), p.Order()[len(p.Order())-1], "the next one runs")
			if letter := p.Letter(0); letter.ID != 1 || !errors.Is(letter.Err, rig.ErrBroken) {
				t.Errorf("the dead letter is %v", letter)
			}
			assert.Equal(t, 0, tg.Pending(), "pending")
			p.End()
		}
		t.Run(string(kind), func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestPollGoesOnWhenObserveEndsItsGoroutine(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{
			Observe: func(_ context.Context, v tghook.Delivery) {
				if v.Outcome == tghook.OutcomeHandled {
					runtime.Goexit()
				}
			},
		}}, slowOnly(1))
		for id := range int64(150) {
			tg.Send(t, rig.MessageIn(1+id, 1+id))
		}
		rig.Pass(2 * time.Minute)
		assert.Len(t, p.Order(), 150, "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}

func TestPollGoesOnWhenOnErrorPanics(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.FailCalls(3, tghooktest.CallError{}, "getUpdates")
		p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(context.Context, error) { panic("OnError") }}, rig.Nothing)
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(time.Minute)
		assert.Equal(t, []int64{1}, p.Order(), "runs")
		p.End()
	})
}

// Goexit, as of a test's FailNow, in Lane and in the transport of the poll's own calls.
func TestPollGoesOnWhenItsGoroutineIsEnded(t *testing.T) {
	for name, harm := range map[string]func(){"Goexit": runtime.Goexit, "a panic": func() { panic("broken") }} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Instead = func(method string, n int) *http.Response {
				if method == "getUpdates" && n == 1 {
					harm()
				}
				return nil
			}
			var errs []error
			p := rig.StartPoll(t, tg, tghook.PollConfig{
				OnError: func(_ context.Context, err error) { errs = append(errs, err) },
				Dispatch: tghook.DispatchConfig{Lane: func(u *tghook.Update) string {
					if u.ID == 2 {
						harm()
					}
					return ""
				}},
			}, rig.Taking(time.Second, tghook.NoReply, nil))
			tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2))
			rig.Pass(time.Minute)
			tg.Send(t, rig.MessageIn(7, 3))
			rig.Pass(time.Minute)
			assert.Equal(t, []int64{1, 3}, p.Order(), "runs")
			assert.Equal(t, int64(2), p.Letter(0).ID, "dead letter")
			assert.Equal(t, 0, tg.Pending(), "pending")
			assert.Len(t, errs, 1, "OnError")
			p.End()
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

// A server, or a cache before it, that neither waits nor minds the offset.
func TestPollDoesNotSpinWhateverIsAnswered(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "null": "null", "no update": `{"message":{}}`,
		"the same": rig.MessageIn(7, 1), "no order": rig.MessageIn(7, 2) + "," + rig.MessageIn(7, 1),
	} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Instead = func(method string, _ int) *http.Response {
				if method == "getUpdates" {
					return rig.APIAnswer(200, `{"ok":true,"result":[`+answer+`]}`)
				}
				return nil
			}
			p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(context.Context, error) {}}, rig.Nothing)
			rig.Pass(30 * time.Second)
			if n := tg.Polls(); n > 45 {
				t.Errorf("getUpdates was called %d times in 30 s", n)
			}
			p.End()
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

// A connection that has died without a word must not be waited for.
func TestPollGivesUpACallThatHangs(t *testing.T) {
	for _, method := range []string{"getWebhookInfo", "deleteWebhook", "getUpdates"} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			hung := false
			client, err := tghook.NewClient(rig.APIToken, tghook.ClientConfig{BaseURL: tg.URL, HTTP: &http.Client{Transport: rig.Transport(func(r *http.Request) (*http.Response, error) {
				if !hung && strings.HasSuffix(r.URL.Path, method) {
					hung = true
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return tg.RoundTrip(r)
			})}})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			var errs []error
			r := &rig.Bot{TB: t}
			cfg := tghook.PollConfig{DropPending: true, OnError: func(_ context.Context, err error) { errs = append(errs, err) }}
			go func() { done <- tghook.Poll(ctx, client, r.Recorded(rig.Nothing), cfg) }()
			rig.Pass(70 * time.Second)
			tg.Send(t, rig.MessageIn(7, 1))
			rig.Pass(time.Second)
			assert.Equal(t, []int64{1}, r.Order(), "runs")
			if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) {
				t.Errorf("OnError was told %v", errs)
			}
			cancel()
			assert.NoError(t, <-done, "Poll returned")
		}
		t.Run(method, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestPollBuriesEachThatIsNoUpdateOnce(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Instead = func(method string, _ int) *http.Response {
			if method == "getUpdates" {
				return rig.APIAnswer(200, `{"ok":true,"result":[{"message":{}},{"update_id":"2"},null]}`)
			}
			return nil
		}
		p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(context.Context, error) {}}, rig.Nothing)
		rig.Pass(10 * time.Minute)
		p.Did(rig.Counts{Letters: 3})
		p.End()
	})
}

func TestPollNamesEveryMistakeAtOnce(t *testing.T) {
	err := tghook.Poll(t.Context(), nil, nil, tghook.PollConfig{
		Dispatch: tghook.DispatchConfig{MaxLane: -1}, Wait: 1500 * time.Millisecond, Grace: -1,
		PutBackSecret: "no blanks", PutBackCertificate: []byte("pem"),
	})
	for _, field := range []string{
		"Handler", "PollConfig.Dispatch.MaxLane", "Client", "PollConfig.Wait", "PollConfig.Grace",
		"PollConfig.PutBackSecret: is set without TakeOver", "PollConfig.PutBackSecret: must",
	} {
		if err == nil || !strings.Contains(err.Error(), "tghook: "+field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	err = tghook.Poll(t.Context(), rig.NewTelegram(t).Client(t, tghook.ClientConfig{}), tghook.HandlerFunc(rig.Nothing),
		tghook.PollConfig{PutBackCertificate: []byte("pem")})
	var mistake *tghook.ConfigError
	if !errors.As(err, &mistake) || mistake.Field != "PollConfig.PutBackCertificate" {
		t.Errorf("Poll returned %v", err)
	}
}

// The webhook is one that only a server run with --local takes.
func TestPollDeletesNoWebhookThatWouldBeRefused(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Instead = func(method string, _ int) *http.Response {
			if method == "getWebhookInfo" {
				return rig.APIAnswer(200, `{"ok":true,"result":{"url":"http://bot.example.org:8081/x"}}`)
			}
			return nil
		}
		p := rig.StartPoll(t, tg, tghook.PollConfig{TakeOver: true, PutBackSecret: "the-secret"}, rig.Nothing)
		var mistake *tghook.ConfigError
		if err := <-p.Done; !errors.As(err, &mistake) {
			t.Errorf("Poll returned %v", err)
		}
		assert.Empty(t, tg.Calls("deleteWebhook"), "webhooks deleted")
	})
}

func TestPollLogsWhatIsNoUpdateWhereNobodyTakesDeadLetters(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Send(t, rig.MessageIn(7, 1))
		tg.Instead = func(method string, n int) *http.Response {
			if method == "getUpdates" && n == 0 {
				return rig.APIAnswer(200, `{"ok":true,"result":[{"message":{}},`+rig.MessageIn(7, 1)+`]}`)
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		r := &rig.Bot{TB: t}
		go func() {
			done <- tghook.Poll(ctx, tg.Client(t, tghook.ClientConfig{}), r.Recorded(rig.Nothing), tghook.PollConfig{})
		}()
		rig.Pass(500 * time.Millisecond)
		assert.Equal(t, []int64{1}, r.Order(), "runs")
		cancel()
		require.NoError(t, <-done, "Poll returned")
		assert.Equal(t, 0, tg.Pending(), "pending")
	})
}

func TestPollGoesOnBehindALaneThatIsLongerThanMaxLane(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxLane: 2}}, rig.Taking(time.Minute, tghook.NoReply, nil))
		tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2), rig.MessageIn(7, 3), rig.MessageIn(8, 4))
		rig.Pass(5 * time.Second)
		assert.Equal(t, []int64{1, 4}, p.Sorted(), "runs")
		for _, call := range tg.Calls("getUpdates")[1:] {
			assert.Empty(t, call.Params["timeout"], "timeout while updates are held")
		}
		rig.Pass(4 * time.Minute)
		p.End()
		assert.Equal(t, 0, tg.Pending(), "pending")
	})
}

func TestPollEndsADeadLetterOfWhatIsNoUpdateAfterHandlerTimeout(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Instead = func(method string, n int) *http.Response {
			if method == "getUpdates" && n == 0 {
				return rig.APIAnswer(200, `{"ok":true,"result":[null]}`)
			}
			return nil
		}
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{
			HandlerTimeout: time.Second,
			DeadLetter:     func(ctx context.Context, _ *tghook.Update, _ error) error { <-ctx.Done(); return ctx.Err() },
		}}, rig.Nothing)
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(5 * time.Second)
		assert.Equal(t, []int64{1}, p.Order(), "runs")
		p.End()
	})
}

// What TestDoor checks of every door: the handler cannot tell them apart.
func TestPollHandsOverEveryRecordedUpdateByteForByte(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var mu sync.Mutex
		got, want := map[int64]tghook.Update{}, map[int64]tghook.Update{}
		var kinds, bodies []string
		for _, body := range tghooktest.Updates() {
			u := rig.Parsed(t, string(body))
			want[u.ID] = *u
			kinds, bodies = append(kinds, string(u.Kind)), append(bodies, string(body))
		}
		p := rig.StartPoll(t, tg, tghook.PollConfig{AllowedUpdates: kinds}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			mu.Lock()
			defer mu.Unlock()
			got[u.ID] = *u
			return tghook.NoReply, nil
		})
		rig.Pass(time.Second)
		tg.Send(t, bodies...)
		rig.Pass(time.Minute)
		assert.Equal(t, want, got, "updates")
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}
