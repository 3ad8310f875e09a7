package tghook_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
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

func TestPollGoesOnWhileOneChatTakesAMinute(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				time.Sleep(time.Minute)
			}
			return tghook.NoReply, nil
		})
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

func TestPollConfirmsOnlyWhatHasFinished(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		release := make(chan struct{})
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 2 {
				<-release
			}
			return tghook.NoReply, nil
		})
		tg.Send(t, rig.MessageIn(1, 1), rig.MessageIn(2, 2), rig.MessageIn(3, 3))
		rig.Pass(10 * time.Second)
		assert.Equal(t, []int64{2, 3}, tg.PendingIDs(), "pending while 2 runs")
		close(release)
		rig.Pass(time.Second)
		assert.Equal(t, 0, tg.Pending(), "pending afterwards")
		assert.Equal(t, []int64{1, 2, 3}, p.Sorted(), "runs")
		p.End()
	})
}

// The process dies in the middle of a batch: another one gets what had not
// finished, and what had finished behind it.
func TestPollLosesNothingInACrash(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		hang := make(chan struct{})
		p := rig.StartPoll(t, tg, tghook.PollConfig{Grace: time.Nanosecond}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 2 {
				<-ctx.Done()
				<-hang // as if it had been killed
				return tghook.NoReply, ctx.Err()
			}
			return tghook.NoReply, nil
		})
		tg.Send(t, rig.MessageIn(1, 1), rig.MessageIn(2, 2), rig.MessageIn(3, 3))
		rig.Pass(5 * time.Second)
		p.End()
		close(hang)
		assert.Equal(t, []int64{2, 3}, tg.PendingIDs(), "pending")
		next := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
		rig.Pass(time.Second)
		assert.Equal(t, []int64{2, 3}, next.Sorted(), "runs of the next process")
		next.End()
		assert.Equal(t, 0, tg.Pending(), "pending")
	})
}

func TestPollConfirmsOnceAtItsEnd(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		started := make(chan struct{})
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			close(started)
			time.Sleep(5 * time.Second)
			return tghook.NoReply, nil
		})
		tg.Send(t, rig.MessageIn(7, 41))
		<-started
		p.End()
		assert.Equal(t, 0, tg.Pending(), "pending")
		calls := tg.Calls("getUpdates")
		assert.Equal(t, map[string]string{"offset": "42", "limit": "1"}, calls[len(calls)-1].Params, "the last call")
	})
}

func TestPollDoesNotConfirmTwice(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
		tg.Send(t, rig.MessageIn(7, 41))
		rig.Pass(time.Minute)
		n := tg.Polls()
		p.End()
		assert.Equal(t, n, tg.Polls(), "calls after the end")
	})
}

func TestPollAsksNoMoreThanItMust(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Taking(30*time.Second, tghook.NoReply, nil))
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(20 * time.Second)
		if n := tg.Polls(); n > 28 {
			t.Errorf("with one update held, getUpdates was called %d times in 20 s, want one in 0.75 s", n)
		}
		tg.Send(t, rig.MessageIn(8, 2))
		rig.Pass(time.Second)
		assert.Equal(t, []int64{1, 2}, p.Sorted(), "runs")
		rig.Pass(time.Minute)
		calls := tg.Calls("getUpdates")
		for i, c := range calls[1:] {
			if c.Params["offset"] == calls[i].Params["offset"] && c.At.Sub(calls[i].At) < 700*time.Millisecond {
				t.Errorf("offset %s again after %v", c.Params["offset"], c.At.Sub(calls[i].At))
			}
		}
		n := tg.Polls()
		rig.Pass(49 * time.Second)
		if more := tg.Polls() - n; more > 1 {
			t.Errorf("with nothing held, getUpdates was called %d times in 49 s", more)
		}
		p.End()
	})
}

func TestPollSaysWhichUpdateFillsItsWindow(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 5 {
				time.Sleep(time.Minute)
			}
			return tghook.NoReply, nil
		})
		for id := range int64(200) {
			tg.Send(t, rig.MessageIn(id, id+1))
		}
		rig.Pass(30 * time.Second)
		assert.Len(t, p.Order(), 104, "runs")
		if told := strings.Count(p.Outcomes(), "pinning"); told != 1 {
			t.Errorf("Observe was told %d times that an update pins the window, want once", told)
		}
		rig.Pass(time.Minute)
		assert.Len(t, p.Order(), 200, "runs")
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

func TestPollStartsAnewWhenTelegramDoes(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
		const last = 1_999_999_998 // of a count
		tg.Send(t, rig.MessageIn(7, last-1), rig.MessageIn(7, last))
		rig.Pass(time.Second)
		next, err := tg.Deliver([]byte(rig.MessageIn(7, 1)))
		if err != nil || next >= last {
			t.Error(next, err)
		}
		tg.Send(t, rig.MessageIn(7, next+1))
		rig.Pass(5 * time.Second)
		assert.Equal(t, []int64{last - 1, last, next, next + 1}, p.Order(), "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
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
		assert.NoError(t, err, "error")
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

func TestPollEndsWhereTheTokenIsNotAccepted(t *testing.T) {
	for _, status := range []int{401, 404, 421} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.FailCalls(1, tghooktest.CallError{Code: status}, "getUpdates")
			p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
			var refused *tghook.APIError
			if err := <-p.Done; !errors.As(err, &refused) || refused.Code != status {
				t.Errorf("Poll returned %v, want the %d", err, status)
			}
			assert.Equal(t, 1, tg.Polls(), "calls")
		}
		t.Run(strconv.Itoa(status), func(t *testing.T) { rig.Bubble(t, inner) })
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
			assert.NoError(t, <-done)
			rig.Pass(time.Minute) // the call waits still
			assert.Equal(t, c.want, tg.Calls("getUpdates")[0].Params["allowed_updates"], "allowed_updates")
		}
	})
}

func TestPollDoesNotWaitForRetriesAtItsEnd(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Taking(0, tghook.NoReply, tghook.RetryAfter(time.Hour, rig.ErrBroken)))
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		start := time.Now()
		p.End()
		if took := time.Since(start); took != 0 {
			t.Errorf("the end took %v", took)
		}
		assert.Equal(t, []int64{1}, tg.PendingIDs(), "pending")
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
func (*downStore) Done(context.Context, tghook.Claim, []byte) error         { return nil }
func (*downStore) Fail(context.Context, tghook.Claim, []byte) error         { return nil }
func (*downStore) Release(context.Context, tghook.Claim) error              { return nil }

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

// At its end a poll waits for what runs and for what waits behind that, but what has
// failed is not overtaken: both come again.
func TestPollKeepsTheOrderAtItsEnd(t *testing.T) {
	for name, fails := range map[string]time.Duration{"failed before": 0, "fails meanwhile": 3 * time.Second} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Send(t, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(7, 3), rig.MessageIn(7, 4), rig.MessageIn(7, 5))
			p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 3 {
					time.Sleep(fails)
					return tghook.NoReply, tghook.RetryAfter(time.Minute, rig.ErrBroken)
				}
				time.Sleep(2 * time.Second)
				return tghook.NoReply, nil
			})
			rig.Pass(time.Second)
			start := time.Now()
			p.End()
			assert.Equal(t, 3*time.Second, time.Since(start), "the end took")
			assert.Equal(t, []int64{1, 2, 3}, p.Sorted(), "runs")
			assert.Equal(t, 3-min(1, int(fails)), strings.Count(p.Outcomes(), "shed"), "outcomes of what comes again")
			assert.Equal(t, []int64{3, 4, 5}, tg.PendingIDs(), "pending")
			next := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
			rig.Pass(time.Second)
			assert.Equal(t, []int64{3, 4, 5}, next.Order(), "runs of the next process")
			next.End()
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

// What the Store refuses meanwhile is not overtaken either, wherever it stands.
func TestPollKeepsTheOrderAtItsEndWithAStore(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		store := claimFunc{&downStore{}, func(k tghook.Key) error {
			if k.ID != 2 {
				return nil
			}
			time.Sleep(3 * time.Second)
			return rig.ErrBroken
		}}
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Store: store}}, rig.Taking(4*time.Second, tghook.NoReply, nil))
		tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2), rig.MessageIn(7, 3))
		rig.Pass(time.Second)
		p.End()
		assert.Equal(t, []int64{1}, p.Order(), "runs")
		assert.Equal(t, []int64{2, 3}, tg.PendingIDs(), "pending")
	})
}

// What the Store has put off is forgotten at the end, also when its time comes.
func TestPollRunsNothingAfterItsEnd(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		store := &downStore{until: time.Now().Add(2 * time.Second)}
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Store: store}}, rig.Nothing)
		tg.Send(t, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		p.End()
		rig.Pass(time.Minute)
		p.Did(rig.Counts{})
		assert.Equal(t, []int64{1}, tg.PendingIDs(), "pending")
	})
}

// claimFunc is a Store whose Claim fails as it says.
type claimFunc struct {
	tghook.Store
	fail func(tghook.Key) error
}

func (s claimFunc) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	if err := s.fail(c.Key); err != nil {
		return tghook.ClaimResult{}, err
	}
	return s.Store.Claim(ctx, c, lease, ttl)
}

func TestPollReturnsWhenObserveKnowsAll(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		tg.Send(t, rig.MessageIn(7, 1))
		p := rig.StartPoll(t, tg, tghook.PollConfig{Grace: 20 * time.Second, Dispatch: tghook.DispatchConfig{
			Observe: func(context.Context, tghook.Delivery) { time.Sleep(10 * time.Second) },
		}}, rig.Nothing)
		synctest.Wait()
		start := time.Now()
		p.End()
		assert.Equal(t, 10*time.Second, time.Since(start), "the end took")
		assert.Equal(t, 0, tg.Pending(), "pending")
	})
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
		}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				time.Sleep(time.Minute)
			}
			return tghook.NoReply, nil
		})
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

// The new ids are near below the old ones, and there is no room for them yet: an
// offset behind the old ones would have Telegram forget them.
func TestPollForgetsItsOffsetWhenTelegramCountsAnew(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxInFlight: 1}}, rig.Taking(5*time.Second, tghook.NoReply, nil))
		tg.Send(t, rig.MessageIn(7, 30))
		rig.Pass(time.Second)
		tg.CountAnew(t)
		tg.Send(t, rig.MessageIn(7, 10))
		rig.Pass(2 * time.Second)
		for id := range int64(15) {
			tg.Send(t, rig.MessageIn(7, 11+id))
		}
		rig.Pass(10 * time.Minute)
		assert.Equal(t, []int64{30, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25}, p.Order(), "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
}

// The new ids lie between those that are held: the offset must not pass over them.
func TestPollConfirmsNothingUnhandledWhenTelegramCountsAnewBetween(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var over sync.Map
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Duration(u.ChatID) * time.Second)
			over.Store(u.ID, true)
			return tghook.NoReply, nil
		})
		tg.Send(t, rig.MessageIn(3, 100), rig.MessageIn(20, 200))
		rig.Pass(time.Second)
		tg.CountAnew(t)
		sent := []int64{190}
		passing := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); rig.Pass(100 * time.Millisecond) {
				pending := tg.PendingIDs()
				for _, id := range sent {
					if _, ok := over.Load(id); !ok && !slices.Contains(pending, id) && !t.Failed() {
						t.Errorf("%d was confirmed before it was over", id)
					}
				}
			}
		}
		tg.Send(t, rig.MessageIn(10, 190))
		passing(15 * time.Second)
		for id := int64(191); id < 202; id++ {
			tg.Send(t, rig.MessageIn(4, id)) // 200 once more: it gets what the old one does
			sent = append(sent, id)
		}
		passing(time.Minute)
		assert.Equal(t, []int64{100, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201}, p.Sorted(), "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.End()
	})
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

// What is behind it runs, and must not confirm it.
func TestPollConfirmsNothingBehindADeadLetterThatIsNotAccepted(t *testing.T) {
	for name, refuse := range map[string]func() error{
		"an error": func() error { return rig.ErrBroken },
		"a panic":  func() error { panic("DeadLetter") },
		"Goexit":   func() error { runtime.Goexit(); return nil },
		"a minute": func() error { time.Sleep(time.Minute); return nil },
	} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2), rig.MessageIn(8, 3))
			tg.Instead = func(method string, n int) *http.Response {
				switch {
				case method == "getUpdates" && n == 0:
					return rig.APIAnswer(200, `{"ok":true,"result":[`+rig.MessageIn(7, 1)+`,{"message":{}},`+rig.MessageIn(7, 2)+`]}`)
				case method == "getUpdates" && n < 10:
					return rig.APIAnswer(200, `{"ok":true,"result":[{"message":{}},`+rig.MessageIn(7, 2)+`,`+rig.MessageIn(8, 3)+`]}`)
				}
				return nil
			}
			until := time.Now().Add(10 * time.Second)
			p := rig.StartPoll(t, tg, tghook.PollConfig{
				OnError: func(context.Context, error) {},
				Dispatch: tghook.DispatchConfig{DeadLetter: func(context.Context, *tghook.Update, error) error {
					if time.Now().Before(until) {
						return refuse()
					}
					return nil
				}},
			}, rig.Nothing)
			rig.Pass(9 * time.Second)
			assert.Equal(t, []int64{1, 2, 3}, p.Sorted(), "runs")
			assert.Equal(t, []int64{2, 3}, tg.PendingIDs(), "pending")
			rig.Pass(2 * time.Minute)
			assert.Equal(t, []int64{1, 2, 3}, p.Sorted(), "runs")
			assert.Equal(t, 0, tg.Pending(), "pending")
			p.End()
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestPollHoldsNoMoreThanItsWindow(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		bodies := make([]string, 0, 250)
		for id := range int64(250) {
			bodies = append(bodies, rig.MessageIn(1+id, 1+id))
		}
		tg.Instead = func(method string, n int) *http.Response { // without its limit
			if method == "getUpdates" && n == 0 {
				return rig.APIAnswer(200, `{"ok":true,"result":[`+strings.Join(bodies, ",")+`]}`)
			}
			return nil
		}
		tg.Send(t, bodies...)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Taking(10*time.Second, tghook.NoReply, nil))
		rig.Pass(9 * time.Second)
		assert.Len(t, p.Order(), 100, "runs")
		rig.Pass(time.Minute)
		assert.Len(t, p.Order(), 250, "runs")
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
		assert.NoError(t, <-done, "Poll returned")
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
