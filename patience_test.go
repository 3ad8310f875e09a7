package tghook_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
	"github.com/tghook/tghook/tghooktest"
)

// flaky is a Bot API that fails a number of times before it succeeds. It notes
// after how long it was asked.
type flaky struct {
	fails  int
	answer outcome
	begun  time.Time
	asked  []time.Duration
}

func (f *flaky) client(tb testing.TB, patience time.Duration) *tghook.Client {
	tb.Helper()
	f.begun = time.Now()
	return rig.Transport(func(*http.Request) (*http.Response, error) {
		f.asked = append(f.asked, time.Since(f.begun))
		if len(f.asked) <= f.fails {
			return f.answer.response()
		}
		return rig.APIAnswer(200, rig.APIOK), nil
	}).Client(tb, tghook.ClientConfig{Patience: patience})
}

// outcome is how a call fails: by an answer, or by an error of the network.
type outcome struct {
	status int
	body   string
	err    error
}

func (o outcome) response() (*http.Response, error) {
	if o.err != nil {
		return nil, o.err
	}
	return rig.APIAnswer(o.status, o.body), nil
}

func refusing(status int, parameters string) outcome {
	return outcome{status: status, body: `{"ok":false,"error_code":` + strconv.Itoa(status) + `,"description":"refused"` + parameters + `}`}
}

var (
	tooMany     = refusing(429, `,"parameters":{"retry_after":7}`)
	unreachable = outcome{err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	noProxy     = outcome{err: &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}}
	hungUp      = outcome{err: io.EOF}
	resetByPeer = outcome{err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}}
)

func TestACallIsRepeatedWhereThatIsSafeAndAskedFor(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		setting := map[string]any{"url": "https://bot.example.org"}
		dropping := map[string]any{"drop_pending_updates": true}
		failures := []struct {
			name   string
			answer outcome
			any    bool // every method is repeated
			same   bool // those are that do the same again
		}{
			{"429", tooMany, true, true},
			{"429 without a time", refusing(429, ""), true, true},
			{"a proxy's 429", outcome{status: 429, body: "<html>"}, true, true},
			{"nobody there", unreachable, true, true},
			{"no proxy there", noProxy, true, true},
			{"hung up", hungUp, false, true},
			{"reset", resetByPeer, false, true},
			{"500", refusing(500, ""), false, true},
			{"a proxy's 502", outcome{status: 502, body: "<html>"}, false, true},
			{"400", refusing(400, ""), false, false},
			{"400 with a time", refusing(400, `,"parameters":{"retry_after":7}`), false, false},
			{"401", refusing(401, ""), false, false},
			{"403", refusing(403, ""), false, false},
			{"404", refusing(404, ""), false, false},
			{"409", refusing(409, ""), false, false},
			{"302", outcome{status: 302, body: ""}, false, false},
			{"no envelope", outcome{status: 200, body: "<html>"}, false, false},
		}
		methods := []struct {
			method string
			params any
			same   bool
		}{
			{"getMe", nil, true},
			{"getUpdates", nil, true},
			{"GETCHAT", nil, true},
			{"setWebhook", setting, true},
			{"setwebhook", setting, true},
			{"deleteWebhook", nil, true},
			{"deleteWebhook", dropping, false},
			{"setWebhook", dropping, false},
			{"setWebhook", map[string]any{"drop_pending_updates": true, "certificate": file("c.pem", "c")}, false},
			{"setWebhook", map[string]any{"certificate": file("c.pem", "c")}, true},
			{"sendMessage", nil, false},
			{"answerCallbackQuery", nil, false},
			{"forgetMe", nil, false},
		}
		for _, failure := range failures {
			for _, call := range methods {
				for _, patience := range []time.Duration{0, time.Minute} {
					f := &flaky{fails: 1, answer: failure.answer}
					err := f.client(t, patience).Call(t.Context(), call.method, call.params, nil)
					repeated := patience > 0 && (failure.any || failure.same && call.same)
					if (err == nil) != repeated || len(f.asked) > 1 != repeated {
						t.Errorf("%s, %s with %v, patience %v: %d requests, %v", failure.name, call.method, call.params, patience, len(f.asked), err)
					}
				}
			}
		}
	})
}

func TestACallWaitsForAsLongAsTelegramSaysAndBacksOffElse(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		f := &flaky{fails: 2, answer: tooMany}
		assert.NoError(t, f.client(t, time.Minute).Call(t.Context(), "sendMessage", nil, nil))
		assert.Equal(t, []time.Duration{0, 7 * time.Second, 14 * time.Second}, f.asked, "asked after")

		f = &flaky{fails: 9, answer: unreachable}
		assert.NoError(t, f.client(t, time.Hour).Call(t.Context(), "sendMessage", nil, nil))
		assert.Len(t, f.asked, 10, "requests")
		var jittered bool
		for i, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			about := time.Duration(seconds) * time.Second
			waited := f.asked[i+1] - f.asked[i]
			if waited < about*3/4 || waited >= about*5/4 {
				t.Errorf("repetition %d came after %v, want about %v", i+1, waited, about)
			}
			jittered = jittered || waited != about
		}
		assert.True(t, jittered, "jitter")
	})
}

func TestTheWaitsOfACallAreBoundedTogether(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for _, test := range []struct {
			patience time.Duration
			asked    []time.Duration
		}{
			{20 * time.Second, []time.Duration{0, 7 * time.Second, 14 * time.Second}},
			{21 * time.Second, []time.Duration{0, 7 * time.Second, 14 * time.Second, 21 * time.Second}},
			{6 * time.Second, []time.Duration{0}},
		} {
			f := &flaky{fails: 100, answer: tooMany}
			err := f.client(t, test.patience).Call(t.Context(), "sendMessage", nil, nil)
			var refused *tghook.APIError
			if !errors.As(err, &refused) || refused.RetryAfter != 7*time.Second {
				t.Error(err)
			}
			assert.Equal(t, test.asked, f.asked, "asked after")
			assert.Equal(t, slices.Max(f.asked), time.Since(f.begun), "it returns at once")
		}
	})
}

func TestTheEndOfAContextEndsTheWait(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		errStop := errors.New("stop")
		for _, test := range []struct {
			ending func(context.Context) (context.Context, context.CancelFunc)
			want   []error
		}{
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*time.Second)
			}, []error{context.DeadlineExceeded}},
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, 3*time.Second, errStop)
			}, []error{context.DeadlineExceeded, errStop}},
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(3*time.Second, cancel)
				return ctx, cancel
			}, []error{context.Canceled}},
		} {
			f := &flaky{fails: 100, answer: tooMany}
			c := f.client(t, time.Minute)
			ctx, cancel := test.ending(t.Context())
			err := c.Call(ctx, "sendMessage", nil, nil)
			cancel()
			assert.Equal(t, 3*time.Second, time.Since(f.begun), "it returns after")
			for _, want := range test.want {
				assert.ErrorIs(t, err, want)
			}
			var refused *tghook.APIError
			if !errors.As(err, &refused) {
				t.Errorf("%v does not say why it waited", err)
			}
			assert.Equal(t, []time.Duration{0}, f.asked, "asked after")
		}
	})
}

func TestARepetitionSendsAllOfItAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		chat := tg.User("Ann").Chat()
		chat.Send("/start")
		tg.FailCalls(1, tghooktest.CallError{RetryAfter: 7 * time.Second})
		c := tg.Client(t, tghook.ClientConfig{Patience: time.Minute})
		params := map[string]any{"chat_id": chat.ID, "document": tghook.File{Name: "a.txt", Body: strings.NewReader("content")}}
		require.NoError(t, c.Call(t.Context(), "sendDocument", params, nil))
		calls := tg.Calls("sendDocument")
		assert.Len(t, calls, 2, "requests")
		for _, call := range calls {
			assert.Equal(t, strconv.FormatInt(chat.ID, 10), call.Params["chat_id"], "chat")
			assert.Equal(t, "content", string(call.Files["document"].Content), "file")
		}
	})
}
