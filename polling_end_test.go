package tghook_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
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
			assert.NoError(t, <-done, "Poll returned")
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
		assert.Equal(t, true, last().IsZero(), "before it polls")
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
