package tghook_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
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

// A call that waits has the offset to confirm already: its repetition is held.
func TestAHealthyPollStopsAtOnce(t *testing.T) {
	for _, after := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2900 * time.Millisecond, 10 * time.Second, 2 * time.Minute} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			p := rig.StartPoll(t, tg, tghook.PollConfig{}, rig.Nothing)
			rig.Pass(time.Second)
			tg.Send(t, rig.MessageIn(7, 1))
			rig.Pass(after)
			start := time.Now()
			p.End()
			if took := time.Since(start); took > 100*time.Millisecond {
				t.Errorf("the end took %v", took)
			}
			assert.Equal(t, 0, tg.Pending(), "pending")
		}
		t.Run(after.String(), func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestPollStopsWithinItsGraceAndASecond(t *testing.T) {
	const grace = 3 * time.Second
	for name, takes := range map[string]time.Duration{"handlers that end": time.Second, "handlers that do not": time.Hour} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			ctx, stop := context.WithCancel(t.Context())
			client, err := tghook.NewClient(rig.APIToken, tghook.ClientConfig{BaseURL: tg.URL, Patience: time.Hour, HTTP: &http.Client{Transport: rig.Transport(func(r *http.Request) (*http.Response, error) {
				if ctx.Err() != nil { // it hangs at the end
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return tg.RoundTrip(r)
			})}})
			require.NoError(t, err)
			done := make(chan error, 1)
			var errs []error
			r := &rig.Bot{TB: t}
			cfg := tghook.PollConfig{Grace: grace, OnError: func(_ context.Context, err error) { errs = append(errs, err) }}
			go func() {
				done <- tghook.Poll(ctx, client, r.Recorded(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					if u.ID == 2 {
						time.Sleep(takes)
					}
					return tghook.NoReply, nil
				}), cfg)
			}()
			tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(8, 2))
			rig.Pass(500 * time.Millisecond)
			start := time.Now()
			stop()
			require.NoError(t, <-done, "Poll returned")
			if took := time.Since(start); took > grace+time.Second {
				t.Errorf("the end took %v", took)
			}
			if takes == time.Hour {
				assert.Empty(t, errs, "errors where nothing is to be confirmed")
			} else if len(errs) != 1 || !strings.Contains(errs[0].Error(), "could not be confirmed") {
				t.Errorf("OnError was told %v", errs)
			}
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestAPollThatIsCutWhileItWaitsIsNoOutage(t *testing.T) {
	for name, cut := range map[string]func() (*http.Response, error){
		"EOF":            func() (*http.Response, error) { return nil, io.EOF },
		"502":            func() (*http.Response, error) { return rig.APIAnswer(502, "<html>"), nil },
		"504":            func() (*http.Response, error) { return rig.APIAnswer(504, "<html>"), nil },
		"a page":         func() (*http.Response, error) { return rig.APIAnswer(200, "<h1>timeout</h1>"), nil },
		"a proxy's 408":  func() (*http.Response, error) { return rig.APIAnswer(408, ""), nil },
		"a proxy's JSON": func() (*http.Response, error) { return rig.APIAnswer(504, `{"ok":false,"message":"timeout"}`), nil },
	} {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			client, err := tghook.NewClient(rig.APIToken, tghook.ClientConfig{BaseURL: tg.URL, HTTP: &http.Client{Transport: rig.Transport(func(r *http.Request) (*http.Response, error) {
				ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
				defer cancel()
				res, err := tg.RoundTrip(r.WithContext(ctx))
				if ctx.Err() != nil && r.Context().Err() == nil {
					return cut()
				}
				return res, err
			})}})
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			var errs []error
			go func() {
				done <- tghook.Poll(ctx, client, tghook.HandlerFunc(rig.Nothing), tghook.PollConfig{OnError: func(_ context.Context, err error) { errs = append(errs, err) }})
			}()
			rig.Pass(10 * time.Minute)
			if n := tg.Polls(); n < 18 {
				t.Errorf("getUpdates was called %d times in ten minutes", n)
			}
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), "PollConfig.Wait") {
				t.Errorf("OnError was told %v", errs)
			}
			stop()
			assert.NoError(t, <-done, "Poll returned")
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestPollRefusesAClientThatWouldCutIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		timeout, wait time.Duration
		refused       bool
	}{
		{0, 0, false},
		{30 * time.Second, 0, true},
		{65 * time.Second, 0, true},
		{66 * time.Second, 0, false},
		{30 * time.Second, 15 * time.Second, true},
		{31 * time.Second, 15 * time.Second, false},
	} {
		client := rig.NewClient(t, tghook.ClientConfig{BaseURL: "http://127.0.0.1:1", HTTP: &http.Client{Timeout: test.timeout}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := tghook.Poll(ctx, client, tghook.HandlerFunc(rig.Nothing), tghook.PollConfig{Wait: test.wait})
		var mistake *tghook.ConfigError
		if errors.As(err, &mistake) != test.refused || mistake != nil && mistake.Field != "ClientConfig.HTTP" {
			t.Errorf("Timeout %v, Wait %v: %v", test.timeout, test.wait, err)
		}
	}
}

// What a proxy or a hotel's portal says is not said by Telegram, and a refusal that
// says nothing of the token may heal.
func TestPollGoesOnWhateverAProxySays(t *testing.T) {
	bodies := map[string]func(code string) string{
		"a page":   func(string) string { return "<html>log in to the network</html>" },
		"nothing":  func(string) string { return "" },
		"its JSON": func(string) string { return `{"ok":false,"message":"no"}` },
	}
	answers := map[string]func() *http.Response{}
	for status, code := range map[int]string{400: "400", 401: "401", 403: "403", 404: "404", 407: "407", 409: "409", 413: "413", 421: "421", 451: "451", 302: "302", 200: "200"} {
		for what, body := range bodies {
			answers[code+" with "+what] = func() *http.Response { return rig.APIAnswer(status, body(code)) }
		}
	}
	for _, code := range []string{"400", "403", "413"} {
		answers["Telegram's "+code] = func() *http.Response {
			return rig.APIAnswer(400, `{"ok":false,"error_code":`+code+`,"description":"Logged out"}`)
		}
	}
	for name, answer := range answers {
		inner := func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Instead = func(method string, n int) *http.Response {
				if n < 2 && (method == "getUpdates" || method == "getWebhookInfo") {
					return answer()
				}
				return nil
			}
			var errs []error
			p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(_ context.Context, err error) { errs = append(errs, err) }}, rig.Nothing)
			tg.Send(t, rig.MessageIn(7, 1))
			rig.Pass(time.Minute)
			assert.Equal(t, []int64{1}, p.Order(), "runs")
			assert.Len(t, errs, 4, "errors")
			for _, err := range errs {
				if errors.Is(err, tghook.ErrOtherPoller) || errors.Is(err, tghook.ErrWebhookSet) {
					t.Errorf("a proxy is taken for Telegram: %v", err)
				}
			}
			p.End()
		}
		t.Run(name, func(t *testing.T) { rig.Bubble(t, inner) })
	}
}

func TestPollNamesWhatPinsItOnce(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var fail atomic.Bool
		tg.Instead = func(method string, _ int) *http.Response {
			if method == "getUpdates" && fail.Load() {
				return rig.APIAnswer(502, "")
			}
			return nil
		}
		p := rig.StartPoll(t, tg, tghook.PollConfig{OnError: func(context.Context, error) {}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			switch u.ID {
			case 1:
				time.Sleep(10 * time.Second)
			case 5:
				time.Sleep(4 * time.Minute) // longer than the pause after the last failure
			}
			return tghook.NoReply, nil
		})
		for id := range int64(200) {
			tg.Send(t, rig.MessageIn(id+1, id+1))
		}
		rig.Pass(5 * time.Second)
		fail.Store(true) // what 1 confirms is tried again and again
		rig.Pass(time.Minute)
		fail.Store(false)
		rig.Pass(5 * time.Minute)
		assert.Equal(t, 2, strings.Count(p.Outcomes(), "pinning"), "pinning")
		assert.Len(t, p.Order(), 200, "runs")
		p.End()
	})
}

func TestPollKnowsWhenItWasLastAnswered(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		var down atomic.Bool
		tg.Instead = func(method string, _ int) *http.Response {
			if method == "getUpdates" && down.Load() {
				return rig.APIAnswer(502, "")
			}
			return nil
		}
		run, last, err := tghook.NewPoll(tg.Client(t, tghook.ClientConfig{}), tghook.HandlerFunc(rig.Nothing), tghook.PollConfig{OnError: func(context.Context, error) {}})
		if err != nil {
			t.Fatal(err)
		}
		assert.True(t, last().IsZero(), "before it polls")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		rig.Pass(3 * time.Minute)
		if since := time.Since(last()); since > 51*time.Second {
			t.Errorf("it was last answered %v ago", since)
		}
		down.Store(true)
		rig.Pass(10 * time.Minute)
		if since := time.Since(last()); since < 9*time.Minute {
			t.Errorf("it was last answered %v ago", since)
		}
		stop()
		assert.NoError(t, <-done, "Poll returned")
	})
}

// Its 404 would be taken for that of a token which is not known.
func TestABaseURLDoesNotEndInBot(t *testing.T) {
	t.Parallel()
	for base, refused := range map[string]bool{
		"https://api.telegram.org/bot": true, "https://api.telegram.org/bot/": true, "http://localhost:8081/a/bot": true,
		"https://api.telegram.org/robot": false, "https://bot": false, "https://example.org/bot/api": false,
	} {
		_, err := tghook.NewClient(rig.APIToken, tghook.ClientConfig{BaseURL: base})
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "ClientConfig.BaseURL: ends in /bot") {
			t.Errorf("%s: %v", base, err)
		}
	}
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
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, slowOnly(5))
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
